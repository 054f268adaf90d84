package compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.junit.jupiter.api.Test;

class SendCases extends Case {
    private static final int LIMIT = 4 << 20; // maxMessageSize: the body alone counts

    @Test
    void sendSync() throws Exception {
        String topic = topic("sendSync", 4);
        var producer = producer();
        long last = -1;
        for (int i = 0; i < 20; i++) {
            Message message = new Message(topic, bytes("message " + i));
            SendResult result = producer.send(message, queue(topic, i % 4));
            assertEquals(SendStatus.SEND_OK, result.getSendStatus());
            assertEquals(queue(topic, i % 4), result.getMessageQueue());
            assertEquals(i / 4, result.getQueueOffset(), "each queue counts from 0");
            // The id begins with the client's address, which is longer on a machine with IPv6.
            assertTrue(result.getMsgId().matches("[0-9A-F]{32}|[0-9A-F]{56}"), result.getMsgId());
            assertEquals("DefaultRegion", result.getRegionId());
            var id = MessageDecoder.decodeMessageId(result.getOffsetMsgId());
            assertEquals("/" + cluster.broker(), id.getAddress().toString(), "offsetMsgId names the broker");
            assertTrue(id.getOffset() > last, "the log only grows");
            last = id.getOffset();
        }
    }

    @Test
    void sendAsync() throws Exception {
        String topic = topic("sendAsync", 2);
        var producer = producer();
        int count = 200;
        Set<String> offsets = ConcurrentHashMap.newKeySet();
        Set<Throwable> errors = ConcurrentHashMap.newKeySet();
        var done = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            producer.send(new Message(topic, bytes("" + i)), queue(topic, i % 2), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    if (result.getSendStatus() == SendStatus.SEND_OK) {
                        offsets.add(result.getMessageQueue().getQueueId() + "@" + result.getQueueOffset());
                    }
                    done.countDown();
                }

                @Override
                public void onException(Throwable e) {
                    errors.add(e);
                    done.countDown();
                }
            });
        }
        assertTrue(done.await(30, TimeUnit.SECONDS));
        assertEquals(Set.of(), errors);
        assertEquals(count, offsets.size(), "every message got SEND_OK and an offset of its own");
        Set<String> seen = new HashSet<>();
        for (int queue = 0; queue < 2; queue++) {
            pull(puller(unique("group")), queue(topic, queue), 0, count / 2).forEach(m -> seen.add(text(m)));
        }
        assertEquals(count, seen.size());
    }

    @Test
    void sendOneWay() throws Exception {
        String topic = topic("sendOneWay", 1);
        var producer = producer();
        for (int i = 0; i < 50; i++) {
            producer.sendOneway(new Message(topic, bytes("one-way " + i)), queue(topic, 0));
        }
        Set<String> seen = new HashSet<>();
        pull(puller(unique("group")), queue(topic, 0), 0, 50).forEach(m -> seen.add(text(m)));
        assertEquals(50, seen.size());
    }

    @Test
    void sendBatch() throws Exception {
        String topic = topic("sendBatch", 1);
        var producer = producer();
        send(producer, topic, 1, 3, "before ");
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            Message message = new Message(topic, "tag" + i, "key" + i, bytes("in batch " + i));
            message.putUserProperty("number", "" + i);
            message.setFlag(i);
            batch.add(message);
        }
        SendResult result = producer.send(batch, queue(topic, 0));
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertEquals(3, result.getQueueOffset(), "the first message's");
        String[] ids = result.getMsgId().split(",");
        String[] offsetIds = result.getOffsetMsgId().split(",");
        assertEquals(20, ids.length);
        assertEquals(20, offsetIds.length, "an id for each message");
        List<MessageExt> got = pull(puller(unique("group")), queue(topic, 0), 3, 20);
        for (int i = 0; i < 20; i++) {
            MessageExt message = got.get(i);
            assertEquals(3 + i, message.getQueueOffset());
            assertEquals("in batch " + i, text(message));
            assertEquals("tag" + i, message.getTags());
            assertEquals("key" + i, message.getKeys());
            assertEquals("" + i, message.getUserProperty("number"));
            assertEquals(i, message.getFlag());
            assertEquals(ids[i], message.getMsgId());
            assertEquals(offsetIds[i], ((org.apache.rocketmq.common.message.MessageClientExt) message).getOffsetMsgId());
        }
    }

    @Test
    void unicodeKeysTagsAndProperties() throws Exception {
        String topic = topic("unicode", 1);
        Message message = new Message(topic, "étiquette", "ключ 鍵", bytes("Grüße, 世界 🚀"));
        message.putUserProperty("näme", "värde 值 🦊");
        message.putUserProperty("spaces and = signs", "a = b & c");
        message.setFlag(-7);
        long before = System.currentTimeMillis();
        SendResult result = producer().send(message, queue(topic, 0));
        MessageExt got = pull(puller(unique("group")), queue(topic, 0), 0, 1).get(0);
        assertArrayEquals(message.getBody(), got.getBody());
        assertEquals(topic, got.getTopic());
        assertEquals("étiquette", got.getTags());
        assertEquals("ключ 鍵", got.getKeys());
        assertEquals("värde 值 🦊", got.getUserProperty("näme"));
        assertEquals("a = b & c", got.getUserProperty("spaces and = signs"));
        assertEquals(-7, got.getFlag());
        assertEquals(result.getMsgId(), got.getMsgId());
        assertEquals("/" + cluster.broker(), got.getStoreHost().toString());
        assertTrue(got.getBornHostString().matches("[0-9.]+"), got.getBornHostString());
        assertTrue(got.getBornTimestamp() >= before && got.getStoreTimestamp() >= before - 1000);
        assertEquals(0, got.getReconsumeTimes());
        assertEquals(0, got.getPreparedTransactionOffset());
        // The broker adds nothing to the properties of a plain message but these two.
        Map<String, String> expected = new HashMap<>(message.getProperties());
        expected.put("CLUSTER", cluster.name());
        Map<String, String> stored = new HashMap<>(got.getProperties());
        stored.keySet().removeAll(Set.of("MIN_OFFSET", "MAX_OFFSET")); // added by the client
        stored.keySet().removeAll(Set.of("MSG_REGION", "TRACE_ON"));
        assertEquals(expected, stored);
        assertEquals("DefaultRegion", got.getProperty("MSG_REGION"));
        assertEquals("true", got.getProperty("TRACE_ON"));
    }

    private static byte[] noise(int size) {
        byte[] body = new byte[size];
        new Random(1).nextBytes(body);
        return body;
    }

    @Test
    void largestBody() throws Exception {
        String topic = topic("largestBody", 1);
        var producer = producer();
        producer.setMaxMessageSize(64 << 20);
        producer.setCompressMsgBodyOverHowmuch(64 << 20);
        byte[] largest = noise(LIMIT);
        assertEquals(SendStatus.SEND_OK, producer.send(new Message(topic, largest), queue(topic, 0)).getSendStatus());
        var refused = assertThrows(MQBrokerException.class,
            () -> producer.send(new Message(topic, noise(LIMIT + 1)), queue(topic, 0)));
        assertEquals(ResponseCode.MESSAGE_ILLEGAL, refused.getResponseCode());
        send(producer, topic, 1, 1, "after ");
        List<MessageExt> got = pull(puller(unique("group")), queue(topic, 0), 0, 2);
        assertArrayEquals(largest, got.get(0).getBody());
        assertEquals("after 0", text(got.get(1)), "the refused message left no trace");
        assertEquals(1, got.get(1).getQueueOffset());
    }

    @Test
    void longestProperties() throws Exception {
        String topic = topic("longestProperties", 1);
        var producer = producer();
        // The stored length is a signed 16-bit number, for all properties together.
        Message fits = new Message(topic, bytes("fits"));
        fits.putUserProperty("long", "v".repeat(30_000));
        assertEquals(SendStatus.SEND_OK, producer.send(fits, queue(topic, 0)).getSendStatus());
        Message tooLong = new Message(topic, bytes("too long"));
        tooLong.putUserProperty("long", "v".repeat(32_768));
        var refused = assertThrows(MQBrokerException.class, () -> producer.send(tooLong, queue(topic, 0)));
        assertEquals(ResponseCode.MESSAGE_ILLEGAL, refused.getResponseCode());
        MessageExt got = pull(puller(unique("group")), queue(topic, 0), 0, 1).get(0);
        assertEquals(30_000, got.getUserProperty("long").length());
    }

    @Test
    void compressedBody() throws Exception {
        String topic = topic("compressedBody", 1);
        Message message = new Message(topic, bytes("compressible ".repeat(80_000)));
        byte[] body = message.getBody();
        producer().send(message, queue(topic, 0));
        MessageExt got = pull(puller(unique("group")), queue(topic, 0), 0, 1).get(0);
        assertArrayEquals(body, got.getBody());
        assertEquals(0, got.getSysFlag() & MessageSysFlag.COMPRESSED_FLAG, "the client clears it");
        assertTrue(got.getStoreSize() < body.length / 10, "stored as it was sent");
    }

    @Test
    void orderedSend() throws Exception {
        String topic = topic("orderedSend", 4);
        var producer = producer();
        Map<String, Integer> home = new HashMap<>();
        for (int i = 0; i < 60; i++) {
            String key = "order-" + i % 7;
            var result = producer.send(new Message(topic, "", key, bytes(key + "#" + i)),
                (queues, message, arg) -> queues.get(Math.floorMod(arg.hashCode(), queues.size())), key);
            Integer before = home.put(key, result.getMessageQueue().getQueueId());
            assertTrue(before == null || before == result.getMessageQueue().getQueueId());
        }
        var puller = puller(unique("group"));
        Map<String, Integer> last = new HashMap<>();
        int seen = 0;
        for (int queue = 0; queue < 4; queue++) {
            long max = puller.maxOffset(queue(topic, queue));
            for (MessageExt message : pull(puller, queue(topic, queue), 0, (int) max)) {
                int number = Integer.parseInt(text(message).split("#")[1]);
                assertTrue(last.getOrDefault(message.getKeys(), -1) < number, "order of " + message.getKeys());
                last.put(message.getKeys(), number);
                seen++;
            }
        }
        assertEquals(60, seen);
    }

    @Test
    void topicCreatedBySending() throws Exception {
        String topic = unique("auto-created");
        var producer = producer();
        producer.setDefaultTopicQueueNums(3);
        assertEquals(SendStatus.SEND_OK, producer.send(new Message(topic, bytes("first"))).getSendStatus());
        awaitRoute(cluster, topic, 3);
    }

    @Test
    void unknownTopicWithoutAutoCreation() throws Exception {
        Cluster strict = Cluster.strict();
        var producer = producer(strict);
        var noRoute = assertThrows(MQClientException.class,
            () -> producer.send(new Message(unique("nowhere"), bytes("lost"))));
        assertEquals(10005, noRoute.getResponseCode(), "NOT_FOUND_TOPIC_EXCEPTION"); // no route, not even of the template
        // A client that knows the broker from another topic is told by the broker.
        producer.send(new Message(topic(strict, "known", 1), bytes("kept")));
        String unknown = unique("nowhere");
        var refused = assertThrows(MQBrokerException.class,
            () -> producer.send(new Message(unknown, bytes("lost")), queue(unknown, 0)));
        assertEquals(ResponseCode.TOPIC_NOT_EXIST, refused.getResponseCode());
        assertTrue(refused.getErrorMessage().startsWith("topic[" + unknown + "] not exist"), refused.getErrorMessage());
    }

    @Test
    void unknownRequestCode() throws Exception {
        var remoting = producer().getDefaultMQProducerImpl().getMqClientFactory().getMQClientAPIImpl().getRemotingClient();
        for (String server : List.of(cluster.broker(), cluster.nameServer())) {
            var response = remoting.invokeSync(server, RemotingCommand.createRequestCommand(9999, null), 5000);
            assertEquals(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, response.getCode());
            assertEquals(" request type 9999 not supported", response.getRemark());
            assertNull(response.getBody());
        }
    }
}
