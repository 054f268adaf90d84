package compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.junit.jupiter.api.Test;

class PushCases extends Case {
    private Inbox start(DefaultMQPushConsumer consumer) throws Exception {
        var inbox = new Inbox();
        consumer.registerMessageListener(inbox.take());
        consumer.start();
        return inbox;
    }

    @Test
    void pushConsumption() throws Exception {
        String topic = topic("push", 4);
        var producer = producer();
        List<String> sent = send(producer, topic, 4, 100, "early ");
        Inbox got = start(consumer(unique("group"), topic, "*"));
        got.await(100);
        sent.addAll(send(producer, topic, 4, 100, "late "));
        got.await(200);
        assertEquals(sent.stream().sorted().toList(), got.sorted(), "each message once");
    }

    @Test
    void tagFilter() throws Exception {
        String topic = topic("tagFilter", 1);
        var producer = producer();
        List<String> wanted = new ArrayList<>();
        int i = 0;
        // "Aa" and "BB" have the same hash code, by which the broker filters: the client looks again.
        for (String tag : new String[] {"Aa", "BB", "other", "étiquette", "", "Aa", "AaAa", "BB"}) {
            String body = tag + i++;
            producer.send(new Message(topic, tag, bytes(body)), queue(topic, 0));
            if (tag.equals("Aa") || tag.equals("étiquette")) {
                wanted.add(body);
            }
        }
        Inbox got = start(consumer(unique("group"), topic, "Aa || étiquette"));
        producer.send(new Message(topic, "Aa", bytes("last")), queue(topic, 0));
        wanted.add("last");
        got.await(wanted.size());
        assertEquals(wanted.stream().sorted().toList(), got.sorted());
    }

    @Test
    void orderedConsumption() throws Exception {
        String topic = topic("ordered", 3);
        send(producer(), topic, 3, 60, "");
        var consumer = consumer(unique("group"), topic, "*");
        var got = new Inbox();
        var refused = new AtomicBoolean();
        Set<Integer> busy = ConcurrentHashMap.newKeySet();
        var overlap = new AtomicBoolean();
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            int queue = context.getMessageQueue().getQueueId();
            if (!busy.add(queue)) {
                overlap.set(true);
            }
            try {
                if (text(messages.get(0)).equals("30") && refused.compareAndSet(false, true)) {
                    context.setSuspendCurrentQueueTimeMillis(100);
                    return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
                }
                got.add(messages);
                return ConsumeOrderlyStatus.SUCCESS;
            } finally {
                busy.remove(queue);
            }
        });
        consumer.start();
        got.await(60);
        assertTrue(refused.get());
        assertTrue(!overlap.get(), "a queue was consumed by two threads at once");
        Map<Integer, Long> next = new HashMap<>();
        for (MessageExt message : got.all()) {
            assertEquals(next.getOrDefault(message.getQueueId(), 0L), message.getQueueOffset(),
                "in order, none left out, also after the refusal");
            next.merge(message.getQueueId(), 1L, Long::sum);
        }
        assertEquals(Map.of(0, 20L, 1, 20L, 2, 20L), next);
    }

    @Test
    void broadcasting() throws Exception {
        String topic = topic("broadcasting", 2);
        String group = unique("group");
        List<String> sent = send(producer(), topic, 2, 20, "").stream().sorted().toList();
        List<Inbox> boxes = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            var consumer = consumer(group, topic, "*");
            consumer.setMessageModel(MessageModel.BROADCASTING);
            boxes.add(start(consumer));
        }
        for (Inbox box : boxes) {
            box.await(sent.size());
            assertEquals(sent, box.sorted(), "each consumer gets every message");
        }
    }

    @Test
    void retriesThenDeadLetterQueue() throws Exception {
        String topic = topic("retries", 1);
        String group = unique("group");
        introduce(group, topic);
        var consumer = consumer(group, topic, "*");
        consumer.setMaxReconsumeTimes(2);
        var got = new Inbox();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            got.add(messages);
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        Message message = new Message(topic, "tag", "key", bytes("nobody wants me"));
        message.putUserProperty("own", "property");
        SendResult sent = producer().send(message, queue(topic, 0));

        String dead = "%DLQ%" + group;
        awaitRoute(cluster, dead, 1);
        MessageExt letter = pull(puller(unique("group")), queue(dead, 0), 0, 1).get(0);
        assertEquals(dead, letter.getTopic());
        List<MessageExt> attempts = got.all();
        assertEquals(3, attempts.size(), "maxReconsumeTimes is 2");
        attempts.add(letter);
        for (int i = 0; i < attempts.size(); i++) {
            MessageExt attempt = attempts.get(i);
            assertArrayEquals(message.getBody(), attempt.getBody());
            assertEquals(i, attempt.getReconsumeTimes());
            assertEquals("tag", attempt.getTags());
            assertEquals("key", attempt.getKeys());
            assertEquals("property", attempt.getUserProperty("own"));
            assertEquals(sent.getMsgId(), attempt.getMsgId(), "UNIQ_KEY stays");
            if (i > 0) {
                assertEquals(topic, attempt.getProperty("RETRY_TOPIC"));
                assertEquals(sent.getOffsetMsgId(), attempt.getProperty("ORIGIN_MESSAGE_ID"));
            }
            if (i < 3) {
                assertEquals(topic, attempt.getTopic(), "the client shows the topic it was sent to");
            }
        }
    }

    @Test
    void delayLevel() throws Exception {
        String topic = topic("delayLevel", 3);
        var producer = producer();
        Inbox got = start(consumer(unique("group"), topic, "*"));
        Message delayed = new Message(topic, "tag", "key", bytes("three seconds late"));
        delayed.setDelayTimeLevel(2);
        long began = System.nanoTime();
        SendResult result = producer.send(delayed, queue(topic, 2));
        send(producer, topic, 1, 1, "at once ");
        got.await(2);
        long millis = (System.nanoTime() - began) / 1_000_000;
        assertTrue(millis >= 2900 && millis < 6000, "delivered after " + millis + " ms");
        assertEquals("at once 0", text(got.all().get(0)));
        MessageExt late = got.all().get(1);
        assertEquals("three seconds late", text(late));
        assertEquals(topic, late.getTopic());
        assertEquals(2, late.getQueueId(), "delivered to the queue it was sent to");
        assertEquals(0, late.getQueueOffset());
        assertEquals("tag", late.getTags());
        assertEquals("key", late.getKeys());
        assertEquals(result.getMsgId(), late.getMsgId());
        assertEquals(topic, late.getProperty("REAL_TOPIC"));
        assertEquals("2", late.getProperty("REAL_QID"));
        // Apache clears the level in a map that it has already written out.
        assertEquals(2, late.getDelayTimeLevel());
    }

    @Test
    void consumeFromWhereWhenBroadcasting() throws Exception {
        String topic = topic("fromWhere", 1);
        var producer = producer();
        send(producer, topic, 1, 5, "old ");
        Instant second = Instant.now().truncatedTo(ChronoUnit.SECONDS).plusSeconds(2);
        eventually("second", () -> Instant.now().isAfter(second));
        send(producer, topic, 1, 5, "new ");
        Inbox first = startFrom(topic, ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET, Instant.now());
        Inbox since = startFrom(topic, ConsumeFromWhere.CONSUME_FROM_TIMESTAMP, second);
        first.await(10);
        since.await(5);
        assertEquals(List.of("new 0", "new 1", "new 2", "new 3", "new 4"), since.sorted());
        Inbox last = startFrom(topic, ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET, Instant.now());
        eventually("message that the last consumer gets", () -> {
            send(producer, topic, 1, 1, "newest ");
            return !last.all().isEmpty();
        });
        assertEquals(Set.of("newest 0"), Set.copyOf(last.bodies()), "nothing from before it started");
    }

    private Inbox startFrom(String topic, ConsumeFromWhere where, Instant time) throws Exception {
        var consumer = consumer(unique("group"), topic, "*");
        consumer.setMessageModel(MessageModel.BROADCASTING);
        consumer.setConsumeFromWhere(where);
        consumer.setConsumeTimestamp(DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneId.systemDefault()).format(time));
        return start(consumer);
    }

    /**
     * Apache's broker answers the first query of a new group with offset 0 as long as the queue still begins at 0 and is
     * in memory, so that a consumer set to the last offset sees everything. (ConsumerManageProcessor.queryConsumerOffset)
     */
    @Test
    void newGroupOfYoungTopicStartsAtZero() throws Exception {
        String topic = topic("youngTopic", 1);
        List<String> sent = send(producer(), topic, 1, 5, "");
        var consumer = consumer(unique("group"), topic, "*");
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        Inbox got = start(consumer);
        got.await(5);
        assertEquals(sent, got.sorted());
    }

    @Test
    void offsetsAreCommitted() throws Exception {
        String topic = topic("offsets", 2);
        String group = unique("group");
        var producer = producer();
        send(producer, topic, 2, 40, "before ");
        var one = consumer(group, topic, "*");
        start(one).await(40);
        leave(one);
        List<String> sent = send(producer, topic, 2, 10, "after ");
        Inbox second = start(consumer(group, topic, "*"));
        second.await(10);
        assertEquals(sent, second.sorted(), "the group goes on where it was, and nothing comes twice");
    }
}
