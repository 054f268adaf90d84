package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

class LitePullCases extends Case {
    private static List<MessageExt> poll(DefaultLitePullConsumer puller, int count) throws Exception {
        List<MessageExt> all = new ArrayList<>();
        eventually("poll of " + count + " messages", () -> {
            all.addAll(puller.poll(200));
            return all.size() >= count;
        });
        return all;
    }

    @Test
    void litePullWithAssignAndSeek() throws Exception {
        String topic = topic("assign", 2);
        send(producer(), topic, 2, 100, "");
        var puller = litePuller(unique("group"));
        puller.setAutoCommit(false);
        puller.start();
        assertEquals(Set.of(queue(topic, 0), queue(topic, 1)), Set.copyOf(puller.fetchMessageQueues(topic)));
        MessageQueue queue = queue(topic, 1);
        puller.assign(List.of(queue));
        puller.seek(queue, 40);
        List<MessageExt> tail = poll(puller, 10);
        assertEquals(10, tail.size());
        for (int i = 0; i < 10; i++) {
            assertEquals(40 + i, tail.get(i).getQueueOffset());
            assertEquals(1, tail.get(i).getQueueId());
        }
        puller.seekToBegin(queue);
        assertEquals(0, poll(puller, 50).get(0).getQueueOffset());
        puller.seek(queue, 45);
        assertEquals(45, poll(puller, 5).get(0).getQueueOffset());
        puller.seekToEnd(queue);
        send(producer(), topic, 2, 2, "new ");
        List<MessageExt> fresh = poll(puller, 1);
        assertEquals(50, fresh.get(0).getQueueOffset());
        assertEquals("new 1", text(fresh.get(0)));
        assertEquals(tail.get(0).getQueueOffset(), puller.offsetForTimestamp(queue, tail.get(0).getStoreTimestamp())
            + countBefore(tail, tail.get(0).getStoreTimestamp(), puller, queue));
    }

    /** How many messages of the same millisecond come before the first of tail. */
    private long countBefore(List<MessageExt> tail, long time, DefaultLitePullConsumer puller, MessageQueue queue) throws Exception {
        long first = puller.offsetForTimestamp(queue, time);
        assertTrue(first <= tail.get(0).getQueueOffset());
        List<MessageExt> same = pull(puller(unique("group")), queue, first, (int) (tail.get(0).getQueueOffset() - first + 1));
        same.forEach(m -> assertEquals(time, m.getStoreTimestamp()));
        return same.size() - 1L;
    }

    @Test
    void litePullCommits() throws Exception {
        String topic = topic("commit", 1);
        String group = unique("group");
        var producer = producer();
        send(producer, topic, 1, 20, "");
        var first = litePuller(group);
        first.setAutoCommit(false);
        first.start();
        first.assign(List.of(queue(topic, 0)));
        first.seek(queue(topic, 0), 0);
        assertEquals(20, poll(first, 20).size());
        eventually("commit of offset 12", () -> {
            first.commit(Map.of(queue(topic, 0), 12L), true); // may come before the group is known, see PullCases
            return first.committed(queue(topic, 0)) == 12;
        });
        first.shutdown();
        var second = litePuller(group);
        second.start();
        second.assign(List.of(queue(topic, 0)));
        assertEquals(12, poll(second, 8).get(0).getQueueOffset(), "goes on at the committed offset");
    }

    @Test
    void litePullWithSubscription() throws Exception {
        String topic = topic("subscribe", 4);
        String group = unique("group");
        List<String> sent = send(producer(), topic, 4, 80, "");
        var puller = litePuller(group);
        puller.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        puller.setPullBatchSize(7);
        puller.subscribe(topic, "*");
        puller.start();
        List<MessageExt> got = poll(puller, 80);
        assertEquals(sent.stream().sorted().toList(), got.stream().map(Case::text).sorted().toList());
        puller.commit();
        var admin = admin();
        eventually("commit of all queues", () -> {
            var stats = admin.examineConsumeStats(group, topic);
            return stats.getOffsetTable().size() == 4
                && stats.getOffsetTable().values().stream().allMatch(o -> o.getConsumerOffset() == 20 && o.getBrokerOffset() == 20);
        });
    }
}
