package compat;

import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageExt;

/** Collects what consumers were given, in order of arrival. */
final class Inbox {
    private final List<MessageExt> messages = new ArrayList<>();

    synchronized void add(List<MessageExt> more) {
        messages.addAll(more);
    }

    synchronized List<MessageExt> all() {
        return new ArrayList<>(messages);
    }

    List<String> bodies() {
        return all().stream().map(Case::text).toList();
    }

    List<String> sorted() {
        return bodies().stream().sorted().toList();
    }

    void await(int count) throws Exception {
        Case.eventually("arrival of " + count + " messages", () -> all().size() >= count);
    }

    /** A listener that keeps every message and succeeds. */
    MessageListenerConcurrently take() {
        return (messages, context) -> {
            add(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
    }
}
