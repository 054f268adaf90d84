package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

class PullCases extends Case {
    @Test
    void pullByOffset() throws Exception {
        String topic = topic("pull", 1);
        send(producer(), topic, 1, 50, "");
        var puller = puller(unique("group"));
        PullResult result = puller.pull(queue(topic, 0), "*", 17, 10);
        assertEquals(PullStatus.FOUND, result.getPullStatus());
        assertEquals(27, result.getNextBeginOffset());
        assertEquals(0, result.getMinOffset());
        assertEquals(50, result.getMaxOffset());
        assertEquals(10, result.getMsgFoundList().size());
        for (int i = 0; i < 10; i++) {
            assertEquals(17 + i, result.getMsgFoundList().get(i).getQueueOffset());
            assertEquals("" + (17 + i), text(result.getMsgFoundList().get(i)));
        }
        PullResult end = puller.pull(queue(topic, 0), "*", 50, 10);
        assertEquals(PullStatus.NO_NEW_MSG, end.getPullStatus());
        assertEquals(50, end.getNextBeginOffset());
        PullResult past = puller.pull(queue(topic, 0), "*", 51, 10);
        assertEquals(PullStatus.OFFSET_ILLEGAL, past.getPullStatus(), "past the end by more than one");
        assertEquals(50, past.getNextBeginOffset(), "the broker puts it right");
        assertEquals(0, puller.minOffset(queue(topic, 0)));
        assertEquals(50, puller.maxOffset(queue(topic, 0)));
    }

    @Test
    void pullOfEmptyQueue() throws Exception {
        String topic = topic("empty", 1);
        var puller = puller(unique("group"));
        // A queue without a ConsumeQueue file is "no matched message" until something was written to it.
        PullResult result = puller.pull(queue(topic, 0), "*", 0, 10);
        assertEquals(PullStatus.NO_NEW_MSG, result.getPullStatus());
        assertEquals(0, result.getNextBeginOffset());
        assertEquals(0, puller.maxOffset(queue(topic, 0)));
        assertEquals(0, puller.minOffset(queue(topic, 0)));
    }

    @Test
    void pullWithTagThatNobodyHas() throws Exception {
        String topic = topic("noMatch", 1);
        send(producer(), topic, 1, 10, "");
        PullResult result = puller(unique("group")).pull(queue(topic, 0), "absent", 0, 32);
        assertEquals(PullStatus.NO_MATCHED_MSG, result.getPullStatus());
        assertEquals(10, result.getNextBeginOffset(), "the broker went past them");
    }

    @Test
    void pullByTimestamp() throws Exception {
        String topic = topic("byTime", 1);
        var producer = producer();
        for (int i = 0; i < 10; i++) {
            send(producer, topic, 1, 2, "pair " + i + " ");
            long now = System.currentTimeMillis();
            eventually("next millisecond", () -> System.currentTimeMillis() > now + 1);
        }
        var puller = puller(unique("group"));
        var queue = queue(topic, 0);
        List<MessageExt> all = pull(puller, queue, 0, 20);
        assertEquals(all.get(0).getStoreTimestamp(), puller.earliestMsgStoreTime(queue));
        for (MessageExt message : all) {
            long time = message.getStoreTimestamp();
            long first = all.stream().filter(m -> m.getStoreTimestamp() == time).findFirst().orElseThrow().getQueueOffset();
            assertEquals(first, puller.searchOffset(queue, time), "the first message of that millisecond");
        }
        long from = all.get(0).getStoreTimestamp();
        long to = all.get(19).getStoreTimestamp();
        assertEquals(0, puller.searchOffset(queue, from - 1));
        assertEquals(0, puller.searchOffset(queue, 0));
        assertEquals(20, puller.searchOffset(queue, to + 1), "after the last message: the end");
        // Between two messages: the next one.
        long gap = all.get(1).getStoreTimestamp() + 1;
        long next = all.stream().filter(m -> m.getStoreTimestamp() >= gap).findFirst().orElseThrow().getQueueOffset();
        assertEquals(next, puller.searchOffset(queue, gap));
        var admin = admin();
        assertEquals(0, admin.searchLowerBoundaryOffset(queue, from));
        long lastOfFirst = all.stream().filter(m -> m.getStoreTimestamp() == from).mapToLong(MessageExt::getQueueOffset).max().orElseThrow();
        assertEquals(lastOfFirst, admin.searchUpperBoundaryOffset(queue, from), "the last message of that millisecond");
    }

    @Test
    void longPollWakesAtOnce() throws Exception {
        String topic = topic("longPoll", 1);
        var producer = producer();
        var puller = puller(unique("group"));
        for (int offset = 0; offset < 6; offset++) {
            int from = offset;
            var arrival = CompletableFuture.supplyAsync(() -> {
                try {
                    PullResult result = puller.pullBlockIfNotFound(queue(topic, 0), "*", from, 1);
                    return result.getPullStatus() == PullStatus.FOUND ? System.nanoTime() : null;
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            Assertions.assertThrows(TimeoutException.class, () -> arrival.get(300, TimeUnit.MILLISECONDS), "the pull did not wait");
            long sent = System.nanoTime();
            send(producer, topic, 1, 1, "wake up ");
            Long at = arrival.get(40, TimeUnit.SECONDS);
            assertNotNull(at, "the pull found the message");
            assertTrue(at - sent < 1_000_000_000L, "woken by the arrival, not by a timer: " + (at - sent) / 1_000_000 + " ms");
        }
    }

    @Test
    void offsetsOfPullConsumer() throws Exception {
        String topic = topic("pullOffsets", 1);
        String group = unique("group");
        var producer = producer();
        send(producer, topic, 1, 10, "");
        var puller = puller(group);
        // A group without an offset, on a queue that begins at 0: the broker says 0, not "none".
        assertEquals(0, puller.fetchConsumeOffset(queue(topic, 0), true));
        var other = puller(group);
        eventually("commit of offset 7", () -> {
            // Nobody answers a commit, and the broker drops it as long as no heartbeat has told it of the group.
            puller.updateConsumeOffset(queue(topic, 0), 7);
            puller.getDefaultMQPullConsumerImpl().getOffsetStore().persist(queue(topic, 0));
            return other.fetchConsumeOffset(queue(topic, 0), true) == 7;
        });
        producer.send(new Message(topic, bytes("more")), queue(topic, 0));
        assertEquals(7, other.fetchConsumeOffset(queue(topic, 0), true));
    }
}
