package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.PopStatus;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.constant.ConsumeInitMode;
import org.apache.rocketmq.common.constant.PermName;
import org.apache.rocketmq.common.filter.ExpressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.body.BatchAck;
import org.apache.rocketmq.remoting.protocol.body.BatchAckMessageRequestBody;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Pops with filters and from other places on, and requests of pop consumption that are refused. */
class PopRequestCases extends Case {
    private static final int[] LOOKS = {RequestCode.POP_MESSAGE, RequestCode.PEEK_MESSAGE, RequestCode.NOTIFICATION, RequestCode.POLLING_INFO};

    private static PopMessageRequestHeader filtered(Popper popper, String topic, String type, String expression) {
        var request = popper.request(topic, 0, Popper.LONG);
        request.setExpType(type);
        request.setExp(expression);
        return request;
    }

    private static List<String> popped(Popper popper, PopMessageRequestHeader request) throws Exception {
        request.setBornTime(System.currentTimeMillis());
        return Popper.bodies(Popper.messages(popper.pop(request)));
    }

    @Test
    void popByTag() throws Exception {
        String topic = topic("tags", 1);
        var producer = producer();
        for (String tag : List.of("a", "b", "c", "AaAa", "BBBB", "a")) {
            producer.send(new Message(topic, tag, bytes(tag)), queue(topic, 0));
        }
        awaitEnd(cluster, topic, 0, 6);
        var popper = popper(unique("group"));
        var request = filtered(popper, topic, ExpressionType.TAG, "a || b");
        assertEquals(List.of("a", "b", "a"), popped(popper, request));
        assertEquals(List.of(), popped(popper, request));
        assertEquals(List.of(), popper.pop(topic, 0, Popper.LONG), "what did not fit is passed");
        // The broker compares hash codes; a consumer looks again.
        var hash = popper(unique("group"));
        assertEquals(List.of("AaAa", "BBBB"), popped(hash, filtered(hash, topic, ExpressionType.TAG, "AaAa")));
        var none = popper(unique("group"));
        assertEquals(List.of(), popped(none, filtered(none, topic, ExpressionType.TAG, "nobody")));
        eventually("what did not fit is passed", () -> none.pop(topic, 0, Popper.LONG).isEmpty());
        producer.send(new Message(topic, "nobody", bytes("nobody")), queue(topic, 0));
        awaitEnd(cluster, topic, 0, 7);
        assertEquals(List.of("nobody"), popped(none, filtered(none, topic, ExpressionType.TAG, "nobody")));
    }

    /** What comes again comes by its retry topic, which is not filtered. */
    @Test
    void popAgainByTag() throws Exception {
        String topic = topic("tagsAgain", 1);
        var producer = producer();
        for (String tag : List.of("a", "b", "c")) {
            producer.send(new Message(topic, tag, bytes(tag)), queue(topic, 0));
        }
        awaitEnd(cluster, topic, 0, 3);
        var popper = popper(unique("group"));
        var request = filtered(popper, topic, ExpressionType.TAG, "b");
        request.setInvisibleTime(1000);
        assertEquals(List.of("b"), popped(popper, request));
        var came = new AtomicReference<List<String>>();
        eventually("it comes again", () -> {
            came.set(popped(popper, request));
            return !came.get().isEmpty();
        });
        assertEquals(List.of("b"), came.get());
    }

    @Test
    void popBySql() throws Exception {
        String topic = topic("popSql", 1);
        var producer = producer();
        for (int i = 0; i < 10; i++) {
            var message = new Message(topic, i % 2 == 0 ? "even" : "odd", bytes("" + i));
            message.putUserProperty("number", "" + i);
            producer.send(message, queue(topic, 0));
        }
        producer.send(new Message(topic, bytes("without")), queue(topic, 0));
        awaitEnd(cluster, topic, 0, 11);
        var popper = popper(unique("group"));
        var request = filtered(popper, topic, ExpressionType.SQL92, "number BETWEEN 3 AND 8 AND TAGS = 'even'");
        assertEquals(List.of("4", "6", "8"), popped(popper, request));
        assertEquals(List.of(), popped(popper, request));
        assertEquals(List.of(), popper.pop(topic, 0, Popper.LONG));
        for (String wrong : List.of("number >", "number BETWEEN", "'")) {
            var response = popper.raw(RequestCode.POP_MESSAGE, filtered(popper, topic, ExpressionType.SQL92, wrong));
            assertEquals(ResponseCode.SUBSCRIPTION_PARSE_FAILED, response.getCode(), wrong);
            assertEquals("parse the consumer's subscription failed", response.getRemark());
        }
        assertEquals(ResponseCode.SUBSCRIPTION_PARSE_FAILED,
            popper.raw(RequestCode.POP_MESSAGE, filtered(popper, topic, "XPATH", "number")).getCode());
    }

    /** Unlike subscriptions, pops may filter by SQL92 where enablePropertyFilter is off. */
    @Test
    @ResourceLock(value = STRICT_BROKER, mode = ResourceAccessMode.READ)
    void popBySqlWhereItIsNotEnabled() throws Exception {
        var strict = Cluster.strict();
        String topic = topic(strict, "popSql", 1);
        var producer = producer(strict);
        for (int i = 0; i < 4; i++) {
            var message = new Message(topic, bytes("" + i));
            message.putUserProperty("number", "" + i);
            producer.send(message, queue(topic, 0));
        }
        awaitEnd(strict, topic, 0, 4);
        var popper = popper(strict, unique("group"));
        assertEquals(List.of("2", "3"), popped(popper, filtered(popper, topic, ExpressionType.SQL92, "number > 1")));
    }

    @Test
    void popFromTheFirstOrTheLast() throws Exception {
        String topic = topic("init", 1);
        fill(topic, 1, 5, "");
        var first = popper(unique("group"));
        assertEquals(5, first.pop(topic, 0, Popper.LONG).size());
        var last = popper(unique("group"));
        var request = last.request(topic, 0, Popper.LONG);
        request.setInitMode(ConsumeInitMode.MAX);
        assertEquals(List.of("0", "1", "2", "3", "4"), popped(last, request), "the queue is young, and all of it in memory");
    }

    /** The strict cluster does not ask how young a queue is: a group begins with its last message. */
    @Test
    @ResourceLock(value = STRICT_BROKER, mode = ResourceAccessMode.READ)
    void popFromTheLastOfAYoungQueue() throws Exception {
        var strict = Cluster.strict();
        String topic = topic(strict, "last", 1);
        fill(strict, topic, 1, 5, "");
        var popper = popper(strict, unique("group"));
        var request = popper.request(topic, 0, Popper.LONG);
        request.setInitMode(ConsumeInitMode.MAX);
        assertEquals(List.of("4"), popped(popper, request));
        request.setInitMode(ConsumeInitMode.MIN);
        assertEquals(List.of(), popped(popper, request), "the group has begun");
    }

    @Test
    void popLimits() throws Exception {
        String topic = topic("limits", 1);
        fill(topic, 1, 3, "");
        var popper = popper(unique("group"));
        var request = popper.request(topic, 0, Popper.LONG);
        request.setMaxMsgNums(33);
        var response = popper.raw(RequestCode.POP_MESSAGE, request);
        assertEquals(ResponseCode.INVALID_PARAMETER, response.getCode());
        assertTrue(response.getRemark().endsWith("] pop message's num is greater than 32"), response.getRemark());
        var refused = assertThrows(MQBrokerException.class, () -> popper.pop(request));
        assertEquals(ResponseCode.INVALID_PARAMETER, refused.getResponseCode());
        request.setMaxMsgNums(0);
        var none = popper.pop(request);
        assertEquals(PopStatus.POLLING_NOT_FOUND, none.getPopStatus());
        assertEquals(3, none.getRestNum());
        var late = popper.request(topic, 0, Popper.LONG);
        late.setBornTime(System.currentTimeMillis() - 20_000);
        response = popper.raw(RequestCode.POP_MESSAGE, late);
        assertEquals(ResponseCode.POLLING_TIMEOUT, response.getCode());
        assertTrue(response.getRemark().endsWith("] pop message is timeout too much"), response.getRemark());
        late.setBornTime(0);
        assertEquals(List.of("0", "1", "2"), Popper.bodies(Popper.messages(popper.pop(late))), "born when it arrives");
    }

    /** From no time at all up to what timers can wait for, three days, beyond which Apache's broker loses checkpoints. */
    @Test
    void popForNoTimeAndForDays() throws Exception {
        String topic = topic("times", 1);
        fill(topic, 1, 1, "");
        var popper = popper(unique("group"));
        assertEquals(1, popper.pop(topic, 0, 0).size());
        var days = popper(unique("group"));
        assertEquals(1, days.pop(topic, 0, 2 * 24 * 3600 * 1000).size());
        var came = new AtomicReference<List<MessageExt>>();
        eventually("it comes again", () -> {
            came.set(popper.pop(topic, 0, Popper.LONG));
            return !came.get().isEmpty();
        });
        assertEquals(1, came.get().get(0).getReconsumeTimes());
        assertEquals(List.of(), days.pop(topic, 0, Popper.LONG));
    }

    private static CommandCustomHeader look(Popper popper, int code, String topic, int queue) {
        return switch (code) {
            case RequestCode.POP_MESSAGE -> popper.request(topic, queue, Popper.LONG);
            case RequestCode.PEEK_MESSAGE -> popper.peekOf(topic, queue, 32);
            case RequestCode.NOTIFICATION -> popper.notificationOf(topic, queue, 0);
            default -> popper.pollingOf(topic, queue);
        };
    }

    private static void assertRefused(Popper popper, String topic, int queue, int code, String remark) throws Exception {
        for (int request : LOOKS) {
            var response = popper.raw(request, look(popper, request, topic, queue));
            assertEquals(code, response.getCode(), "request " + request + ": " + response.getRemark());
            assertTrue(response.getRemark().startsWith(remark), response.getRemark());
        }
    }

    @Test
    void popsThatAreRefused() throws Exception {
        String topic = topic("refused", 2);
        String group = unique("group");
        var popper = popper(group);
        String unknown = unique("unknown");
        assertRefused(popper, unknown, 0, ResponseCode.TOPIC_NOT_EXIST, "topic[" + unknown + "] not exist, apply first please!");
        assertRefused(popper, topic, 2, ResponseCode.INVALID_PARAMETER,
            "queueId[2] is illegal, topic:[" + topic + "] topicConfig.readQueueNums:[2] consumer:[");
        assertRefused(popper("not a group"), topic, 0, ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, "subscription group [not a group] does not exist");
        var config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setConsumeEnable(false);
        admin().createAndUpdateSubscriptionGroupConfig(cluster.broker(), config);
        assertRefused(popper, topic, 0, ResponseCode.NO_PERMISSION, "subscription group no permission, " + group);
        admin().createAndUpdateTopicConfig(cluster.broker(), new TopicConfig(topic, 2, 2, PermName.PERM_WRITE));
        assertRefused(popper(unique("group")), topic, 0, ResponseCode.NO_PERMISSION, "the topic[" + topic + "] peeking message is forbidden");
    }

    @Test
    @ResourceLock(STRICT_BROKER)
    void popsOfABrokerThatIsNotReadable() throws Exception {
        var strict = Cluster.strict();
        String topic = topic(strict, "writeOnly", 1);
        var popper = popper(strict, unique("group"));
        permission(strict, PermName.PERM_WRITE);
        try {
            for (int code : LOOKS) {
                var response = popper.raw(code, look(popper, code, topic, 0));
                assertEquals(ResponseCode.NO_PERMISSION, response.getCode());
                String what = code == RequestCode.POP_MESSAGE ? "pop message" : "peeking message";
                assertTrue(response.getRemark().endsWith("] " + what + " is forbidden"), response.getRemark());
            }
        } finally {
            permission(strict, PermName.PERM_READ | PermName.PERM_WRITE);
        }
        assertEquals(PopStatus.POLLING_NOT_FOUND, popper.pop(popper.request(topic, 0, Popper.LONG)).getPopStatus());
    }

    private void permission(Cluster where, int permission) throws Exception {
        var properties = new Properties();
        properties.setProperty("brokerPermission", "" + permission);
        admin(where).updateBrokerConfig(where.broker(), properties);
    }

    private static void assertAnswer(int code, String remark, RemotingCommand response) {
        assertEquals(code, response.getCode(), response.getRemark());
        assertTrue(response.getRemark() == null ? remark == null : response.getRemark().startsWith(remark), response.getRemark());
    }

    @Test
    void popAcknowledgementsThatAreRefused() throws Exception {
        String topic = topic("acks", 1);
        fill(topic, 1, 3, "");
        var popper = popper(unique("group"));
        var message = popper.pop(topic, 0, Popper.LONG).get(0);
        var ack = popper.ackOf(topic, Popper.handle(message));
        ack.setOffset(4L);
        assertAnswer(ResponseCode.NO_MESSAGE, "offset is illegal, key:" + topic + "@0, commit:4, store:0~3", popper.raw(RequestCode.ACK_MESSAGE, ack));
        ack.setOffset(-1L);
        assertAnswer(ResponseCode.NO_MESSAGE, "offset is illegal, key:" + topic + "@0, commit:-1, store:0~3", popper.raw(RequestCode.ACK_MESSAGE, ack));
        ack.setOffset(3L);
        assertAnswer(ResponseCode.SUCCESS, null, popper.raw(RequestCode.ACK_MESSAGE, ack)); // the end is no message, but in range
        for (int queue : new int[] {1, -1}) {
            ack.setQueueId(queue);
            assertAnswer(ResponseCode.MESSAGE_ILLEGAL, "queueId[" + queue + "] is illegal, topic:[" + topic + "] topicConfig.readQueueNums:[1] consumer:[",
                popper.raw(RequestCode.ACK_MESSAGE, ack));
        }
        ack.setTopic(unique("unknown"));
        assertAnswer(ResponseCode.TOPIC_NOT_EXIST, "topic[" + ack.getTopic() + "] not exist, apply first please!", popper.raw(RequestCode.ACK_MESSAGE, ack));
        var garbage = popper.ackOf(topic, Popper.handle(message));
        garbage.setExtraInfo("0 1");
        assertEquals(ResponseCode.SYSTEM_ERROR, popper.raw(RequestCode.ACK_MESSAGE, garbage).getCode());
        garbage.setExtraInfo("a b c d e f g h");
        assertEquals(ResponseCode.SYSTEM_ERROR, popper.raw(RequestCode.ACK_MESSAGE, garbage).getCode());
    }

    @Test
    void popBatchAcknowledgementsThatAreRefused() throws Exception {
        String topic = topic("batches", 1);
        fill(topic, 1, 3, "");
        var popper = popper(unique("group"));
        var message = popper.pop(topic, 0, Popper.LONG).get(0);
        assertAnswer(ResponseCode.NO_MESSAGE, null, popper.raw(RequestCode.BATCH_ACK_MESSAGE, null));
        var body = new BatchAckMessageRequestBody();
        body.setBrokerName(cluster.brokerName());
        assertAnswer(ResponseCode.NO_MESSAGE, null, popper.raw(RequestCode.BATCH_ACK_MESSAGE, null, body.encode()));
        var batch = new BatchAck();
        String[] handle = Popper.handle(message).split(" ");
        batch.setConsumerGroup(popper.group);
        batch.setTopic(topic);
        batch.setRetry("0");
        batch.setQueueId(0);
        batch.setReviveQueueId(Integer.parseInt(handle[3]));
        batch.setPopTime(Long.parseLong(handle[1]));
        batch.setInvisibleTime(Popper.LONG);
        batch.setBitSet(BitSet.valueOf(new long[] {1L << 40}));
        body.setAcks(List.of(batch));
        assertAnswer(ResponseCode.SUCCESS, null, popper.raw(RequestCode.BATCH_ACK_MESSAGE, null, body.encode())); // out of range: left out
        batch.setTopic(unique("unknown"));
        assertAnswer(ResponseCode.SUCCESS, null, popper.raw(RequestCode.BATCH_ACK_MESSAGE, null, body.encode()));
    }

    @Test
    void popTimesThatCannotBeChanged() throws Exception {
        String topic = topic("changes", 1);
        fill(topic, 1, 3, "");
        var popper = popper(unique("group"));
        var message = popper.pop(topic, 0, Popper.LONG).get(0);
        var change = popper.changeOf(message, 1000);
        for (long offset : new long[] {3, -1}) {
            change.setOffset(offset);
            assertEquals(ResponseCode.NO_MESSAGE, popper.raw(RequestCode.CHANGE_MESSAGE_INVISIBLETIME, change).getCode());
        }
        change.setQueueId(1);
        assertAnswer(ResponseCode.MESSAGE_ILLEGAL, "queueId[1] is illegal, ", popper.raw(RequestCode.CHANGE_MESSAGE_INVISIBLETIME, change));
        change.setTopic(unique("unknown"));
        assertAnswer(ResponseCode.TOPIC_NOT_EXIST, "topic[" + change.getTopic() + "] not exist, apply first please!",
            popper.raw(RequestCode.CHANGE_MESSAGE_INVISIBLETIME, change));
        var garbage = popper.changeOf(message, 1000);
        garbage.setExtraInfo("0 1");
        assertEquals(ResponseCode.SYSTEM_ERROR, popper.raw(RequestCode.CHANGE_MESSAGE_INVISIBLETIME, garbage).getCode());
    }
}
