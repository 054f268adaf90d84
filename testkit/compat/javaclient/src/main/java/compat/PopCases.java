package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.AckStatus;
import org.apache.rocketmq.client.consumer.PopStatus;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.header.ConsumerSendMsgBackRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/**
 * Messages that are popped: out of sight for a while, gone for good once acknowledged, and otherwise back from the pop's
 * retry topic. Apache's broker needs some three to eight seconds beyond the time that they are invisible for.
 */
class PopCases extends Case {
    /** Pops until a number of messages came, and returns them by their bodies. */
    private static Map<String, MessageExt> popAll(Popper popper, String topic, int queue, long invisible, int count) throws Exception {
        Map<String, MessageExt> came = new HashMap<>();
        eventually("pops of " + count + " messages", () -> {
            for (MessageExt message : popper.pop(topic, queue, invisible)) {
                assertNull(came.put(text(message), message), text(message) + " came twice");
            }
            return came.size() >= count;
        });
        return came;
    }

    @Test
    void popOnce() throws Exception {
        String topic = topic("pop", 1);
        var popper = popper(unique("group"));
        long began = System.currentTimeMillis();
        var bodies = fill(topic, 1, 40, "message ");
        var first = popper.pop(popper.request(topic, 0, Popper.LONG));
        assertEquals(PopStatus.FOUND, first.getPopStatus());
        assertEquals(bodies.subList(0, 32), Popper.bodies(first.getMsgFoundList()));
        assertEquals(8, first.getRestNum());
        assertEquals(Popper.LONG, first.getInvisibleTime());
        assertTrue(first.getPopTime() >= began && first.getPopTime() <= System.currentTimeMillis());
        for (int i = 0; i < 32; i++) {
            MessageExt message = first.getMsgFoundList().get(i);
            assertEquals(topic, message.getTopic());
            assertEquals(0, message.getReconsumeTimes());
            assertEquals("" + first.getPopTime(), message.getProperty(MessageConst.PROPERTY_FIRST_POP_TIME));
            String[] handle = ExtraInfoUtil.split(Popper.handle(message));
            assertEquals(0, ExtraInfoUtil.getCkQueueOffset(handle));
            assertEquals(first.getPopTime(), ExtraInfoUtil.getPopTime(handle));
            assertEquals(Popper.LONG, ExtraInfoUtil.getInvisibleTime(handle));
            assertTrue(ExtraInfoUtil.getReviveQid(handle) < 8);
            assertEquals("0", ExtraInfoUtil.getRetry(handle));
            assertEquals(cluster.brokerName(), ExtraInfoUtil.getBrokerName(handle));
            assertEquals(0, ExtraInfoUtil.getQueueId(handle));
            assertEquals(i, ExtraInfoUtil.getQueueOffset(handle));
        }
        var request = popper.request(topic, 0, Popper.LONG);
        request.setMaxMsgNums(5);
        var second = popper.pop(request);
        assertEquals(bodies.subList(32, 37), Popper.bodies(second.getMsgFoundList()));
        assertEquals(3, second.getRestNum());
        assertEquals(bodies.subList(37, 40), Popper.bodies(popper.pop(topic, 0, Popper.LONG)));
        var none = popper.pop(popper.request(topic, 0, Popper.LONG));
        assertEquals(PopStatus.POLLING_NOT_FOUND, none.getPopStatus());
        assertEquals(0, none.getRestNum());
        assertEquals(bodies.subList(0, 32), Popper.bodies(popper(unique("other")).pop(topic, 0, Popper.LONG)), "another group");
    }

    @Test
    void popOfAllQueues() throws Exception {
        String topic = topic("queues", 4);
        var popper = popper(unique("group"));
        var bodies = fill(topic, 4, 12, "message ");
        var popped = popper.pop(topic, -1, Popper.LONG);
        assertEquals(bodies.stream().sorted().toList(), Popper.bodies(popped).stream().sorted().toList());
        Set<String> places = new HashSet<>();
        for (MessageExt message : popped) {
            String[] handle = ExtraInfoUtil.split(Popper.handle(message));
            int number = Integer.parseInt(text(message).substring(8));
            assertEquals(number % 4, ExtraInfoUtil.getQueueId(handle));
            assertEquals(number / 4, ExtraInfoUtil.getQueueOffset(handle));
            places.add(ExtraInfoUtil.getQueueId(handle) + "@" + ExtraInfoUtil.getQueueOffset(handle));
            assertEquals(AckStatus.OK, popper.ack(message).getStatus());
        }
        assertEquals(12, places.size());
        assertEquals(List.of(), popper.pop(topic, -1, Popper.LONG));
    }

    @Test
    void popByManyAtOnce() throws Exception {
        String topic = topic("many", 2);
        var popper = popper(unique("group"));
        var bodies = fill(topic, 2, 200, "message ");
        List<MessageExt> all = new ArrayList<>();
        Callable<Void> take = () -> {
            List<CompletableFuture<org.apache.rocketmq.client.consumer.PopResult>> pops = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                var request = popper.request(topic, i % 3 - 1, Popper.LONG);
                request.setMaxMsgNums(7);
                pops.add(popper.start(request));
            }
            for (var pop : pops) {
                all.addAll(Popper.messages(Popper.get(pop)));
            }
            return null;
        };
        eventually("all messages", () -> {
            take.call();
            return all.size() >= 200;
        });
        assertEquals(bodies.stream().sorted().toList(), Popper.bodies(all).stream().sorted().toList(), "each once");
        assertEquals(200, all.stream().map(Popper::handle).distinct().count());
    }

    @Test
    void popAgainWhatIsNotAcknowledged() throws Exception {
        String topic = topic("again", 2);
        String group = unique("group");
        var popper = popper(group);
        var producer = producer();
        String body = "ein Körper, тело, 体 ".repeat(400); // long enough for the producer to compress it
        var message = new Message(topic, "tag", "key other", bytes(body));
        message.putUserProperty("own", "wert");
        message.setFlag(7);
        SendResult sent = producer.send(message, queue(topic, 1));
        producer.send(new Message(topic, bytes("acknowledged later")), queue(topic, 1));
        awaitEnd(cluster, topic, 1, 2);
        var popped = popper.pop(topic, 1, 1000);
        assertEquals(List.of(body, "acknowledged later"), Popper.bodies(popped));
        String firstPop = Popper.handle(popped.get(0)).split(" ")[1];
        for (int times = 1; times <= 2; times++) {
            var came = popAll(popper, topic, 1, 1000, times == 1 ? 2 : 1);
            MessageExt again = came.get(body);
            assertEquals(times, again.getReconsumeTimes());
            assertEquals(topic, again.getTopic());
            assertEquals(0, again.getQueueId(), "the retry topic has one queue");
            assertEquals(sent.getMsgId(), again.getMsgId());
            assertEquals("tag", again.getTags());
            assertEquals("key other", again.getKeys());
            assertEquals("wert", again.getUserProperty("own"));
            assertEquals(7, again.getFlag());
            assertEquals(popped.get(0).getBornTimestamp(), again.getBornTimestamp());
            assertEquals(firstPop, again.getProperty(MessageConst.PROPERTY_FIRST_POP_TIME), "of the first pop");
            assertEquals(group, again.getProperty(MessageConst.PROPERTY_ORIGIN_GROUP));
            String[] handle = ExtraInfoUtil.split(Popper.handle(again));
            assertEquals("1", ExtraInfoUtil.getRetry(handle));
            assertEquals("%RETRY%" + group + "_" + topic, ExtraInfoUtil.getRealTopic(handle, topic, group));
            if (times == 1) {
                assertEquals(AckStatus.OK, popper.ack(came.get("acknowledged later")).getStatus());
            } else {
                assertEquals(Set.of(body), came.keySet(), "what was acknowledged is gone");
                assertEquals(AckStatus.OK, popper.ack(again).getStatus());
            }
        }
    }

    /** The strict cluster has the retry topics of the second kind, whose names have another separator. */
    @Test
    @ResourceLock(value = STRICT_BROKER, mode = ResourceAccessMode.READ)
    void popAgainFromTheOtherRetryTopic() throws Exception {
        var strict = Cluster.strict();
        String topic = topic(strict, "v2", 1);
        String group = unique("group");
        var popper = popper(strict, group);
        producer(strict).send(new Message(topic, "tag", "key", bytes("again")));
        awaitEnd(strict, topic, 0, 1);
        assertEquals(List.of("again"), Popper.bodies(popper.pop(topic, 0, 1000)));
        MessageExt again = popAll(popper, topic, 0, Popper.LONG, 1).get("again");
        assertEquals(1, again.getReconsumeTimes());
        String[] handle = ExtraInfoUtil.split(Popper.handle(again));
        assertEquals("2", ExtraInfoUtil.getRetry(handle));
        String retry = "%RETRY%" + group + "+" + topic;
        assertEquals(retry, ExtraInfoUtil.getRealTopic(handle, topic, group));
        assertEquals(1, admin(strict).examineTopicConfig(strict.broker(), retry).getReadQueueNums());
        assertEquals(AckStatus.OK, popper.ack(again).getStatus());
    }

    @Test
    void popAcknowledgedInPart() throws Exception {
        String topic = topic("part", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 10, "");
        var popped = popper.pop(topic, 0, 2000);
        assertEquals(10, popped.size());
        for (int i : List.of(8, 0, 4, 4)) {
            assertEquals(AckStatus.OK, popper.ack(popped.get(i)).getStatus());
        }
        assertEquals(AckStatus.OK, popper.ackAll(topic, List.of(popped.get(2), popped.get(6))).getStatus());
        assertEquals(Set.of("1", "3", "5", "7", "9"), popAll(popper, topic, 0, 1000, 5).keySet());
        // One pop of the retry topic has one checkpoint again: acknowledged as a batch, but for one.
        var again = popAll(popper, topic, 0, 2000, 5);
        var batch = again.values().stream().filter(m -> !text(m).equals("5")).toList();
        assertEquals(AckStatus.OK, popper.ackAll(topic, batch).getStatus());
        assertEquals(Set.of("5"), popAll(popper, topic, 0, Popper.LONG, 1).keySet());
        Thread.sleep(1500); // what was acknowledged would come by now
        assertEquals(List.of(), popper.pop(topic, 0, Popper.LONG));
    }

    @Test
    void popWithItsTimeChanged() throws Exception {
        String topic = topic("change", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 5, "");
        var popped = popper.pop(topic, 0, 2000);
        var later = popper.change(popped.get(0), Popper.LONG);
        assertEquals(AckStatus.OK, later.getStatus());
        assertTrue(later.getPopTime() >= Long.parseLong(Popper.handle(popped.get(0)).split(" ")[1]));
        var acknowledged = popper.change(popped.get(1), 2000);
        assertEquals(AckStatus.OK, popper.ack(popper.ackOf(topic, acknowledged.getExtraInfo())).getStatus());
        var suspended = popper.changeOf(popped.get(2), 500);
        suspended.setSuspend(true);
        assertEquals(AckStatus.OK, popper.change(suspended).getStatus());
        assertEquals(AckStatus.OK, popper.change(popped.get(3), 500).getStatus());
        assertEquals(AckStatus.OK, popper.ack(popped.get(4)).getStatus());
        var came = popAll(popper, topic, 0, Popper.LONG, 2);
        assertEquals(Set.of("2", "3"), came.keySet(), "0 is put off, 1 and 4 are acknowledged");
        assertEquals(0, came.get("2").getReconsumeTimes(), "suspension is no failure");
        assertEquals(1, came.get("3").getReconsumeTimes());
        // The time of a message of a retry topic can be changed as well.
        assertEquals(AckStatus.OK, popper.change(came.get("3"), 500).getStatus());
        assertEquals(2, popAll(popper, topic, 0, Popper.LONG, 1).get("3").getReconsumeTimes());
    }

    /** A handle of a pop whose time is over: acknowledging by it does nothing, but changing its time starts it anew. */
    @Test
    void popHandleThatIsOver() throws Exception {
        String topic = topic("over", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 1, "");
        var first = popper.pop(topic, 0, 1000).get(0);
        var second = popAll(popper, topic, 0, 1000, 1).get("0");
        assertEquals(AckStatus.OK, popper.ack(first).getStatus());
        var third = popAll(popper, topic, 0, Popper.LONG, 1).get("0");
        assertEquals(2, third.getReconsumeTimes(), "the second pop was not acknowledged");
        assertEquals(AckStatus.OK, popper.ack(third).getStatus());
        assertEquals(AckStatus.OK, popper.ack(second).getStatus());
        assertEquals(AckStatus.OK, popper.change(second, 500).getStatus());
        assertEquals(2, popAll(popper, topic, 0, Popper.LONG, 1).get("0").getReconsumeTimes());
    }

    @Test
    void popOfAnotherGroupIsNotAcknowledged() throws Exception {
        String topic = topic("another", 1);
        var popper = popper(unique("group"));
        var other = popper(unique("other"));
        fill(topic, 1, 2, "");
        var popped = popper.pop(topic, 0, 1500);
        assertEquals(2, other.pop(topic, 0, Popper.LONG).size());
        assertEquals(AckStatus.OK, other.ack(popped.get(0)).getStatus(), "with the handle of another group");
        assertEquals(AckStatus.OK, popper.ack(popped.get(1)).getStatus());
        assertEquals(Set.of("0"), popAll(popper, topic, 0, Popper.LONG, 1).keySet());
    }

    /** What a client of POP does with a message that failed too often: back to the broker, which counts, and then acknowledged. */
    @Test
    void popUntilTheDeadLetterQueue() throws Exception {
        String topic = topic("dead", 1);
        String group = unique("group");
        var config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setRetryMaxTimes(1);
        admin().createAndUpdateSubscriptionGroupConfig(cluster.broker(), config);
        var popper = popper(group);
        var message = new Message(topic, "tag", "key", bytes("poison"));
        SendResult sent = producer().send(message);
        awaitEnd(cluster, topic, 0, 1);
        assertEquals(1, popper.pop(topic, 0, 1000).size());
        MessageExt again = popAll(popper, topic, 0, Popper.LONG, 1).get("poison");
        assertEquals(1, again.getReconsumeTimes());
        var back = new ConsumerSendMsgBackRequestHeader();
        back.setGroup(group);
        back.setOriginTopic("%RETRY%" + group + "_" + topic);
        back.setOffset(again.getCommitLogOffset());
        back.setDelayLevel(0);
        back.setOriginMsgId(again.getMsgId());
        assertEquals(ResponseCode.SUCCESS, popper.raw(RequestCode.CONSUMER_SEND_MSG_BACK, back).getCode());
        assertEquals(AckStatus.OK, popper.ack(again).getStatus());
        String dead = "%DLQ%" + group;
        awaitRoute(cluster, dead, 1);
        var letter = pull(puller(unique("reader")), queue(dead, 0), 0, 1).get(0);
        assertEquals("poison", text(letter));
        assertEquals("key", letter.getKeys());
        assertEquals("tag", letter.getTags());
        assertEquals(sent.getMsgId(), letter.getMsgId());
        assertEquals(2, letter.getReconsumeTimes());
        assertEquals(back.getOriginTopic(), letter.getProperty(MessageConst.PROPERTY_RETRY_TOPIC));
    }

    @Test
    void popsOfABatchThatWasSent() throws Exception {
        String topic = topic("batch", 1);
        var popper = popper(unique("group"));
        producer().send(IntStream.range(0, 6).mapToObj(i -> new Message(topic, bytes("" + i))).toList());
        awaitEnd(cluster, topic, 0, 6);
        var popped = popper.pop(topic, 0, 1000);
        assertEquals(List.of("0", "1", "2", "3", "4", "5"), Popper.bodies(popped));
        assertEquals(AckStatus.OK, popper.ackAll(topic, popped.subList(1, 6)).getStatus());
        assertEquals(Set.of("0"), popAll(popper, topic, 0, Popper.LONG, 1).keySet());
    }
}
