package compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.junit.jupiter.api.Test;

class QueryCases extends Case {
    private static List<String> query(DefaultMQProducer client, String topic, String key, int max, long begin, long end) throws Exception {
        try {
            return client.queryMessage(topic, key, max, begin, end).getMessageList().stream().map(Case::text).sorted().toList();
        } catch (MQClientException e) {
            // Nothing found is an exception of the client.
            assertEquals(ResponseCode.NO_MESSAGE, e.getResponseCode());
            return List.of();
        }
    }

    @Test
    void queryByKey() throws Exception {
        String topic = topic("byKey", 3);
        String other = topic("byKeyElsewhere", 1);
        var producer = producer();
        long before = System.currentTimeMillis();
        for (int i = 0; i < 30; i++) {
            Message message = new Message(topic, bytes("m" + i));
            message.setKeys(List.of("own-" + i, "shared-" + i % 3, "ключ"));
            producer.send(message, queue(topic, i % 3));
        }
        producer.send(new Message(other, "", "own-1", bytes("elsewhere")));
        long after = System.currentTimeMillis();
        // The index is built behind the log.
        eventually("index of the last message", () -> !query(producer, other, "own-1", 8, before - 1000, after + 1000).isEmpty());
        long from = before - 1000;
        long to = after + 1000;
        for (int i = 0; i < 30; i++) {
            assertEquals(List.of("m" + i), query(producer, topic, "own-" + i, 32, from, to));
        }
        assertEquals(List.of("m0", "m12", "m15", "m18", "m21", "m24", "m27", "m3", "m6", "m9"),
            query(producer, topic, "shared-0", 32, from, to));
        assertEquals(30, query(producer, topic, "ключ", 64, from, to).size());
        assertEquals(5, query(producer, topic, "ключ", 5, from, to).size(), "no more than asked for");
        assertEquals(List.of(), query(producer, topic, "absent", 32, from, to));
        assertEquals(List.of(), query(producer, topic, "own-1", 32, from - 3_600_000, from - 1_800_000), "another time");
        assertEquals(List.of("elsewhere"), query(producer, other, "own-1", 32, from, to));
    }

    @Test
    void viewByBothIds() throws Exception {
        String topic = topic("byId", 2);
        var producer = producer();
        Message message = new Message(topic, "tag", "key", bytes("find me"));
        send(producer, topic, 2, 4, "noise ");
        SendResult sent = producer.send(message, queue(topic, 1));
        send(producer, topic, 2, 4, "noise ");
        check(producer.viewMessage(topic, sent.getOffsetMsgId()), message, sent);
        eventually("index of the message", () -> {
            try {
                check(producer.viewMessage(topic, sent.getMsgId()), message, sent);
                return true;
            } catch (MQClientException e) {
                assertEquals(ResponseCode.NO_MESSAGE, e.getResponseCode());
                return false;
            }
        });
    }

    private static void check(MessageExt got, Message message, SendResult sent) {
        assertArrayEquals(message.getBody(), got.getBody());
        assertEquals("tag", got.getTags());
        assertEquals("key", got.getKeys());
        assertEquals(sent.getQueueOffset(), got.getQueueOffset());
        assertEquals(1, got.getQueueId());
        assertEquals(sent.getMsgId(), got.getMsgId());
    }

    @Test
    void viewOfUnknownIds() throws Exception {
        String topic = topic("unknownId", 1);
        var producer = producer();
        SendResult sent = send(topic, producer);
        // An id that points past the end of the log, and one that no message has.
        String past = sent.getOffsetMsgId().substring(0, 16) + "0000FFFFFFFFFFFF";
        assertThrows(MQClientException.class, () -> producer.viewMessage(topic, past));
        String unknown = sent.getMsgId().substring(0, sent.getMsgId().length() - 4) + "FFFF";
        var none = assertThrows(MQClientException.class, () -> producer.viewMessage(topic, unknown));
        assertTrue(none.getResponseCode() == ResponseCode.NO_MESSAGE, none.toString());
    }

    private SendResult send(String topic, DefaultMQProducer producer) throws Exception {
        return producer.send(new Message(topic, bytes("only one")), queue(topic, 0));
    }
}
