package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

/** Topics with queue.type=BatchCQ: a batch of the Java client is one record, which the consumer unwraps. */
class BatchTopicCases extends Case {
    private String batchTopic(String prefix) throws Exception {
        String topic = unique(prefix);
        var config = new TopicConfig(topic, 1, 1);
        config.setAttributes(Map.of("+queue.type", "BatchCQ"));
        admin().createAndUpdateTopicConfig(cluster.broker(), config);
        awaitRoute(cluster, topic, 1);
        return topic;
    }

    private static List<Message> batch(String topic, int first, int count) {
        List<Message> messages = new ArrayList<>();
        for (int i = first; i < first + count; i++) {
            var message = new Message(topic, "tag", "key" + i, bytes("body " + i));
            message.putUserProperty("größe", i + " 字节");
            message.setFlag(i);
            messages.add(message);
        }
        return messages;
    }

    private SendResult send(DefaultMQProducer producer, String topic, int first, int count) throws Exception {
        SendResult result = producer.send(batch(topic, first, count), queue(topic, 0));
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertEquals(first, result.getQueueOffset());
        return result;
    }

    @Test
    void innerBatchIsOneRecord() throws Exception {
        String topic = batchTopic("inner");
        var producer = producer();
        assertFalse(send(producer, topic, 0, 5).getMsgId().contains(","), "one id for all");
        assertFalse(send(producer, topic, 5, 3).getOffsetMsgId().contains(","), "one record");
        send(producer, topic, 8, 1);
        var puller = puller(unique("group"));
        MessageQueue queue = queue(topic, 0);
        List<MessageExt> all = new ArrayList<>();
        for (long next = 0; next < 9;) {
            PullResult result = puller.pullBlockIfNotFound(queue, "*", next, 32);
            assertEquals(PullStatus.FOUND, result.getPullStatus());
            assertEquals(9, result.getMaxOffset());
            assertEquals(0, result.getMinOffset());
            all.addAll(result.getMsgFoundList());
            next = result.getNextBeginOffset();
        }
        assertEquals(9, all.size());
        for (int i = 0; i < 9; i++) {
            MessageExt message = all.get(i);
            assertEquals(i, message.getQueueOffset());
            assertEquals("body " + i, text(message));
            assertEquals("key" + i, message.getKeys());
            assertEquals(i + " 字节", message.getProperty("größe"));
            assertEquals(i, message.getFlag());
        }
        assertEquals(9, puller.maxOffset(queue));
        assertEquals(0, puller.minOffset(queue));
    }

    @Test
    void pullInTheMiddleOfAnInnerBatch() throws Exception {
        String topic = batchTopic("middle");
        var producer = producer();
        send(producer, topic, 0, 5);
        send(producer, topic, 5, 5);
        send(producer, topic, 10, 5);
        var puller = puller(unique("group"));
        eventually("the last batch", () -> puller.maxOffset(queue(topic, 0)) == 15);
        PullResult middle = puller.pull(queue(topic, 0), "*", 7, 5);
        assertEquals(PullStatus.FOUND, middle.getPullStatus());
        assertEquals(10, middle.getNextBeginOffset());
        assertEquals(IntStream.range(5, 10).mapToObj(i -> "body " + i).toList(), middle.getMsgFoundList().stream().map(Case::text).toList());
        PullResult few = puller.pull(queue(topic, 0), "*", 0, 1);
        assertEquals(5, few.getMsgFoundList().size(), "a batch is never cut");
        assertEquals(5, few.getNextBeginOffset());
        PullResult two = puller.pull(queue(topic, 0), "*", 0, 14);
        assertEquals(10, two.getMsgFoundList().size(), "the limit counts messages");
        assertEquals(PullStatus.NO_NEW_MSG, puller.pull(queue(topic, 0), "*", 15, 32).getPullStatus());
        PullResult past = puller.pull(queue(topic, 0), "*", 16, 32);
        assertEquals(PullStatus.OFFSET_ILLEGAL, past.getPullStatus());
        assertEquals(15, past.getNextBeginOffset());
        assertEquals(PullStatus.NO_MATCHED_MSG, puller.pull(queue(topic, 0), "tag", 0, 32).getPullStatus(), "a batch has no tags");
    }

    @Test
    void innerBatchesByTime() throws Exception {
        String topic = batchTopic("byTime");
        var producer = producer();
        for (int i = 0; i < 5; i++) {
            send(producer, topic, 3 * i, 3);
            long now = System.currentTimeMillis();
            eventually("next millisecond", () -> System.currentTimeMillis() > now + 1);
        }
        var puller = puller(unique("group"));
        var queue = queue(topic, 0);
        eventually("the last batch", () -> puller.maxOffset(queue) == 15);
        for (int i = 0; i < 5; i++) {
            MessageExt message = puller.pull(queue, "*", 3 * i, 1).getMsgFoundList().get(0);
            assertEquals(3 * i, puller.searchOffset(queue, message.getStoreTimestamp()));
            assertEquals(3 * Math.min(i + 1, 4), puller.searchOffset(queue, message.getStoreTimestamp() + 1));
        }
        assertEquals(0, puller.searchOffset(queue, 0));
        assertEquals(12, puller.searchOffset(queue, System.currentTimeMillis() + 60_000), "the last batch, not the end");
    }

    @Test
    void innerBatchesArePushedAndRetried() throws Exception {
        String topic = batchTopic("pushed");
        String group = unique("group");
        introduce(group, topic);
        var producer = producer();
        var consumer = consumer(group, topic, "*");
        var tried = new ConcurrentLinkedQueue<String>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                tried.add(text(message));
                if (text(message).equals("body 3") && message.getReconsumeTimes() == 0 && !message.getTopic().startsWith("%RETRY%")) {
                    if (tried.stream().filter("body 3"::equals).count() == 1) {
                        return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                    }
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        send(producer, topic, 0, 5);
        send(producer, topic, 5, 3);
        eventually("all messages, and one again", () -> tried.size() >= 9);
        assertEquals(2, tried.stream().filter("body 3"::equals).count());
        assertEquals(8, tried.stream().distinct().count());
    }

    @Test
    void queueTypeIsForGood() throws Exception {
        String topic = batchTopic("forGood");
        assertEquals("BatchCQ", admin().examineTopicConfig(cluster.broker(), topic).getAttributes().get("queue.type"));
        var config = new TopicConfig(topic, 1, 1);
        config.setAttributes(Map.of("+queue.type", "SimpleCQ"));
        Exception refused = assertThrows(Exception.class, () -> admin().createAndUpdateTopicConfig(cluster.broker(), config));
        assertTrue(refused instanceof MQBrokerException || refused instanceof MQClientException, refused.toString());
    }

    @Test
    void singleMessagesOfABatchTopic() throws Exception {
        String topic = batchTopic("single");
        var producer = producer();
        var queue = queue(topic, 0);
        assertEquals(0, producer.send(new Message(topic, bytes("body 0")), queue).getQueueOffset());
        send(producer, topic, 1, 3);
        var late = new Message(topic, bytes("late"));
        late.setDelayTimeLevel(1);
        assertEquals(SendStatus.SEND_OK, producer.send(late, queue).getSendStatus());
        var puller = puller(unique("group"));
        eventually("the delayed message", () -> puller.maxOffset(queue) == 5);
        List<MessageExt> all = puller.pull(queue, "*", 0, 32).getMsgFoundList();
        assertEquals(List.of("body 0", "body 1", "body 2", "body 3", "late"), all.stream().map(Case::text).toList());
        assertEquals(List.of(0L, 1L, 2L, 3L, 4L), all.stream().map(MessageExt::getQueueOffset).toList());
        assertFalse(all.get(0).getProperties().containsKey("INNER_NUM"), "it is no batch");
    }
}
