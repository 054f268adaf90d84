package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/** Filters by SQL92, which the main cluster has enabled and the strict one has not. */
class FilterCases extends Case {
    private void send(DefaultMQProducer producer, String topic, String body, Map<String, String> properties) throws Exception {
        Message message = new Message(topic, bytes(body));
        properties.forEach(message::putUserProperty);
        producer.send(message, queue(topic, 0));
    }

    @Test
    void sqlFilter() throws Exception {
        String topic = topic("sql", 1);
        String group = unique("group");
        introduce(group, topic);
        var producer = producer();
        send(producer, topic, "cheap", Map.of("price", "5", "region", "EU"));
        send(producer, topic, "fits", Map.of("price", "50", "region", "EU"));
        send(producer, topic, "elsewhere", Map.of("price", "50", "region", "APAC"));
        send(producer, topic, "no number", Map.of("price", "fifty", "region", "EU"));
        send(producer, topic, "nothing", Map.of());
        var consumer = consumer(group, topic, "*");
        consumer.subscribe(topic, MessageSelector.bySql("price BETWEEN 10 AND 99 AND region IN ('EU', 'US')"));
        var got = new Inbox();
        var refused = new AtomicBoolean();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            if (refused.compareAndSet(false, true)) {
                return ConsumeConcurrentlyStatus.RECONSUME_LATER; // comes again from the retry topic
            }
            got.add(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        send(producer, topic, "dear", Map.of("price", "100", "region", "US"));
        send(producer, topic, "fits too", Map.of("price", "99", "region", "US"));
        got.await(2);
        assertEquals(List.of("fits", "fits too"), got.sorted());
        assertTrue(refused.get());
    }

    @Test
    void sqlExpressions() throws Exception {
        String topic = topic("expressions", 1);
        var producer = producer();
        List<Map<String, String>> all = List.of(
            Map.of("a", "1"), Map.of("a", "2", "b", "x"), Map.of("a", "10", "b", "it's"), Map.of("a", "2.5"),
            Map.of("a", "3000000000"), Map.of("a", "true"), Map.of(), Map.of("b", "xyz", "c", "５"), Map.of("a", "-7", "b", "XYZ"));
        for (Map<String, String> properties : all) {
            send(producer, topic, properties.toString(), properties);
        }
        var puller = sqlPuller(topic);
        Object[][] table = {
            {"a = 1", List.of(0L)},
            {"a > 1", List.of(1L, 2L)}, // an int literal wants ints: 2.5 and 3000000000 fail
            {"a > 1.0", List.of(1L, 2L, 3L, 4L)},
            {"a > -3000000000 AND a < 3000000001", List.of(0L, 1L, 2L, 4L, 8L)},
            {"a <> 2", List.of(0L, 2L, 8L)},
            {"a between -7 and 2", List.of(0L, 1L, 8L)},
            {"a NOT BETWEEN 1 AND 5", List.of(2L, 8L)},
            {"a IS NULL", List.of(6L, 7L)},
            {"a IS NOT NULL AND b IS NULL", List.of(0L, 3L, 4L, 5L)},
            {"b = 'it''s' OR b = 'x'", List.of(1L, 2L)},
            {"b IN ('x', 'XYZ')", List.of(1L, 8L)},
            {"b NOT IN ('x', 'XYZ')", List.of(2L, 7L)},
            {"b CONTAINS 'y' OR b STARTSWITH 'X' OR b ENDSWITH '''s'", List.of(2L, 7L, 8L)},
            {"b NOT CONTAINS 'x'", List.of(2L, 8L)},
            {"NOT (b CONTAINS 'x')", List.of(0L, 2L, 3L, 4L, 5L, 6L, 8L)},
            {"a = TRUE", List.of(5L)},
            {"TRUE = a", List.of()},
            {"a = FALSE OR b IS NULL", List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 8L)},
            {"c = 5", List.of(7L)},
            {"a = c", List.of(6L)}, // two missing properties are equal
            {"a = 1 OR b = 'xyz'", List.of(0L, 7L)},
            {"b = 'xyz' OR a = 1", List.of(0L, 7L)},
            {"TRUE /* all */ -- of them\n", List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L)},
            {"a = 1 and what follows", List.of()},
            {"a = 1 what follows", List.of(0L)}, // is ignored
            {"NOT a", List.of(0L, 1L, 2L, 3L, 4L, 5L, 8L)}, // a string is not true
            {"NULL", List.of()},
        };
        for (Object[] row : table) {
            assertEquals(row[1], offsets(puller, topic, (String) row[0], all.size()), (String) row[0]);
        }
    }

    /** The client sends no SQL before a heartbeat has told it the broker's version. */
    private DefaultMQPullConsumer sqlPuller(String topic) throws Exception {
        var puller = puller(unique("group"));
        eventually("heartbeat", () -> {
            try {
                puller.pull(queue(topic, 0), MessageSelector.bySql("TRUE"), 0, 1);
                return true;
            } catch (MQClientException e) {
                return false;
            }
        });
        return puller;
    }

    private List<Long> offsets(DefaultMQPullConsumer puller, String topic, String sql, long end) throws Exception {
        List<Long> found = new ArrayList<>();
        for (long next = 0; next < end; ) {
            PullResult result = puller.pull(queue(topic, 0), MessageSelector.bySql(sql), next, 3);
            if (result.getPullStatus() == PullStatus.FOUND) {
                found.addAll(result.getMsgFoundList().stream().map(MessageExt::getQueueOffset).toList());
            } else {
                assertEquals(PullStatus.NO_MATCHED_MSG, result.getPullStatus());
            }
            assertTrue(result.getNextBeginOffset() > next, sql);
            next = result.getNextBeginOffset();
        }
        return found;
    }

    @Test
    void sqlLongPollWakesAtOnce() throws Exception {
        String topic = topic("sqlLongPoll", 1);
        var producer = producer();
        var puller = sqlPuller(topic);
        send(producer, topic, "first", Map.of("n", "0"));
        var arrival = CompletableFuture.supplyAsync(() -> {
            try {
                return puller.pullBlockIfNotFoundWithMessageSelector(queue(topic, 0), MessageSelector.bySql("n >= 5"), 1, 32);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        Assertions.assertThrows(TimeoutException.class, () -> arrival.get(300, TimeUnit.MILLISECONDS), "the pull did not wait");
        for (int n = 1; n < 5; n++) {
            send(producer, topic, "too few", Map.of("n", "" + n));
        }
        Assertions.assertThrows(TimeoutException.class, () -> arrival.get(300, TimeUnit.MILLISECONDS), "it does not match");
        long sent = System.nanoTime();
        send(producer, topic, "enough", Map.of("n", "5"));
        PullResult result = arrival.get(40, TimeUnit.SECONDS);
        assertTrue(System.nanoTime() - sent < 1_000_000_000L, "woken by the arrival, not by a timer");
        assertEquals(PullStatus.FOUND, result.getPullStatus());
        assertEquals(List.of("enough"), result.getMsgFoundList().stream().map(Case::text).toList());
        assertEquals(6, result.getNextBeginOffset());
    }

    @Test
    void sqlThatIsWrong() throws Exception {
        String topic = topic("wrongSql", 1);
        for (String sql : new String[] {"a >", "a > 'x'", "a BETWEEN 10 AND 1", "a > 9223372036854775808", "a IN (1)", "5"}) {
            var consumer = consumer(unique("group"), topic, "*");
            consumer.subscribe(topic, MessageSelector.bySql(sql));
            consumer.registerMessageListener(new Inbox().take());
            var refusal = assertThrows(MQClientException.class, consumer::start, sql);
            assertEquals(ResponseCode.SUBSCRIPTION_PARSE_FAILED, refusal.getResponseCode(), sql);
        }
    }

    @Test
    void sqlWhereItIsNotEnabled() throws Exception {
        Cluster strict = Cluster.strict();
        String topic = topic(strict, "noSql", 1);
        var consumer = consumer(strict, unique("group"), topic, "*");
        consumer.subscribe(topic, MessageSelector.bySql("a = 1"));
        consumer.registerMessageListener(new Inbox().take());
        var refusal = assertThrows(MQClientException.class, consumer::start);
        assertEquals(ResponseCode.SYSTEM_ERROR, refusal.getResponseCode());
        assertTrue(refusal.getErrorMessage().contains("The broker does not support consumer to filter message by SQL92"), refusal.getErrorMessage());
    }
}
