package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.rocketmq.client.consumer.PopResult;
import org.apache.rocketmq.client.consumer.PopStatus;
import org.apache.rocketmq.common.filter.ExpressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.header.NotificationRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Pops that wait for messages, and requests that only look: peeks, notifications and how many wait. */
class PopWaitingCases extends Case {
    private static PopMessageRequestHeader waiting(Popper popper, String topic, int queue) {
        var request = popper.request(topic, queue, Popper.LONG);
        request.setPollTime(30_000);
        return request;
    }

    /** Starts a pop and returns when it waits at the broker. */
    private static CompletableFuture<PopResult> await(Popper popper, PopMessageRequestHeader request) throws Exception {
        int before = popper.polling(request.getTopic(), request.getQueueId());
        var result = popper.start(request);
        eventually("the pop waits", () -> popper.polling(request.getTopic(), request.getQueueId()) == before + 1);
        assertFalse(result.isDone());
        return result;
    }

    @Test
    void popWaitsForAMessage() throws Exception {
        String topic = topic("waits", 2);
        var popper = popper(unique("group"));
        var producer = producer();
        var one = await(popper, waiting(popper, topic, 1));
        producer.send(new Message(topic, bytes("elsewhere")), queue(topic, 0));
        long sent = System.currentTimeMillis();
        producer.send(new Message(topic, bytes("here")), queue(topic, 1));
        awaitEnd(cluster, topic, 0, 1);
        assertEquals(List.of("here"), Popper.bodies(Popper.messages(Popper.get(one))));
        assertTrue(System.currentTimeMillis() - sent < 10_000, "at once, not when its time was over");
        assertEquals(List.of("elsewhere"), Popper.bodies(popper.pop(topic, 0, Popper.LONG)));
        var all = await(popper, waiting(popper, topic, -1));
        producer.send(new Message(topic, bytes("anywhere")), queue(topic, 0));
        assertEquals(List.of("anywhere"), Popper.bodies(Popper.messages(Popper.get(all))));
        assertEquals(0, popper.polling(topic, -1));
    }

    @Test
    void popWaitsInVain() throws Exception {
        String topic = topic("vain", 1);
        var popper = popper(unique("group"));
        var request = popper.request(topic, 0, Popper.LONG);
        request.setPollTime(1000);
        long began = System.currentTimeMillis();
        var result = popper.pop(request);
        assertEquals(PopStatus.POLLING_NOT_FOUND, result.getPopStatus());
        long took = System.currentTimeMillis() - began;
        assertTrue(took >= 940 && took < 10_000, took + " ms");
        request.setBornTime(System.currentTimeMillis());
        RemotingCommand response = popper.raw(RequestCode.POP_MESSAGE, request);
        assertEquals(ResponseCode.POLLING_TIMEOUT, response.getCode());
        assertEquals("NO_MESSAGE_IN_QUEUE", response.getRemark());
        assertEquals("0", response.getExtFields().get("restNum"));
    }

    @Test
    void popWaitsForATag() throws Exception {
        String topic = topic("waitsForTag", 1);
        var popper = popper(unique("group"));
        var producer = producer();
        var request = waiting(popper, topic, 0);
        request.setExpType(ExpressionType.TAG);
        request.setExp("wanted");
        var waiting = await(popper, request);
        producer.send(new Message(topic, "other", bytes("other")));
        producer.send(new Message(topic, "wanted", bytes("wanted")));
        assertEquals(List.of("wanted"), Popper.bodies(Popper.messages(Popper.get(waiting))));
    }

    @Test
    void popWaitsForWhatComesAgain() throws Exception {
        String topic = topic("waitsForRetry", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 1, "again");
        assertEquals(1, popper.pop(topic, 0, 1000).size());
        var waiting = await(popper, waiting(popper, topic, -1));
        var message = Popper.messages(Popper.get(waiting)).get(0);
        assertEquals("again0", text(message));
        assertEquals(1, message.getReconsumeTimes());
    }

    /** Several wait for several messages, one for each. */
    @Test
    void popsWaitInTurn() throws Exception {
        String topic = topic("turns", 1);
        var popper = popper(unique("group"));
        List<CompletableFuture<PopResult>> waiting = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            var request = waiting(popper, topic, 0);
            request.setMaxMsgNums(1);
            waiting.add(await(popper, request));
        }
        var sent = send(producer(), topic, 1, 4, "");
        List<String> came = new ArrayList<>();
        for (var result : waiting) {
            came.addAll(Popper.bodies(Popper.messages(Popper.get(result))));
        }
        assertEquals(sent, came.stream().sorted().toList());
        assertEquals(0, popper.polling(topic, 0));
    }

    /** The strict cluster lets two wait at a queue, one more than popPollingSize. */
    @Test
    @ResourceLock(value = STRICT_BROKER, mode = ResourceAccessMode.READ)
    void popsThatAreTooManyToWait() throws Exception {
        var strict = Cluster.strict();
        String topic = topic(strict, "full", 1);
        var popper = popper(strict, unique("group"));
        var first = await(popper, waiting(popper, topic, 0));
        var second = await(popper, waiting(popper, topic, 0));
        assertEquals(PopStatus.POLLING_FULL, popper.pop(waiting(popper, topic, 0)).getPopStatus());
        assertEquals(ResponseCode.POLLING_FULL, popper.raw(RequestCode.POP_MESSAGE, waiting(popper, topic, 0)).getCode());
        var elsewhere = popper.request(topic, -1, Popper.LONG);
        elsewhere.setPollTime(500);
        assertEquals(PopStatus.POLLING_NOT_FOUND, popper.pop(elsewhere).getPopStatus(), "those of all queues wait elsewhere");
        producer(strict).send(List.of(new Message(topic, bytes("a")), new Message(topic, bytes("b"))));
        eventually("one is woken", () -> first.isDone() || second.isDone());
    }

    @Test
    void popPeeks() throws Exception {
        String topic = topic("peek", 2);
        var popper = popper(unique("group"));
        assertEquals(ResponseCode.PULL_NOT_FOUND, popper.peek(topic, 0, 32).getCode());
        fill(topic, 1, 5, "");
        for (int i = 0; i < 3; i++) {
            RemotingCommand response = popper.peek(topic, 0, 3);
            assertEquals(ResponseCode.SUCCESS, response.getCode());
            assertEquals("FOUND", response.getRemark());
            assertEquals(List.of("0", "1", "2"), Popper.bodies(response));
            assertEquals("5", response.getExtFields().get("restNum"));
        }
        assertEquals(List.of("0", "1", "2", "3", "4"), Popper.bodies(popper.peek(topic, -1, 32)));
        var request = popper.request(topic, 0, Popper.LONG);
        request.setMaxMsgNums(2);
        assertEquals(2, Popper.messages(popper.pop(request)).size());
        assertEquals(List.of("2", "3", "4"), Popper.bodies(popper.peek(topic, 0, 32)));
        assertEquals(List.of("0", "1", "2", "3", "4"), Popper.bodies(popper(unique("other")).peek(topic, 0, 32)));
    }

    private static CompletableFuture<RemotingCommand> notification(Popper popper, NotificationRequestHeader header) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return popper.raw(RequestCode.NOTIFICATION, header);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static void assertNotified(boolean message, RemotingCommand response) {
        assertEquals(ResponseCode.SUCCESS, response.getCode());
        assertEquals("" + message, response.getExtFields().get("hasMsg"));
        assertEquals("false", response.getExtFields().get("pollingFull"));
    }

    @Test
    void popNotifications() throws Exception {
        String topic = topic("notification", 2);
        var popper = popper(unique("group"));
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, 0, 0)));
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, -1, 0)));
        var producer = producer();
        producer.send(new Message(topic, "tag", bytes("here")), queue(topic, 0));
        awaitEnd(cluster, topic, 0, 1);
        assertNotified(true, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, 0, 0)));
        assertNotified(true, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, -1, 0)));
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, 1, 0)));
        for (String tag : List.of("tag", "other")) {
            var header = popper.notificationOf(topic, 0, 0);
            header.setExpType(ExpressionType.TAG);
            header.setExp(tag);
            assertNotified(tag.equals("tag"), popper.raw(RequestCode.NOTIFICATION, header));
        }
        assertEquals(1, popper.pop(topic, 0, Popper.LONG).size());
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, 0, 0)));
        long began = System.currentTimeMillis();
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, popper.notificationOf(topic, 0, 1000)));
        assertTrue(System.currentTimeMillis() - began >= 940);
    }

    @Test
    void popNotificationThatWaits() throws Exception {
        String topic = topic("notified", 1);
        var popper = popper(unique("group"));
        var producer = producer();
        long began = System.currentTimeMillis();
        var waiting = notification(popper, popper.notificationOf(topic, 0, 15_000));
        var all = notification(popper, popper.notificationOf(topic, -1, 15_000));
        Thread.sleep(700); // nothing tells that a notification waits
        assertFalse(waiting.isDone() || all.isDone());
        producer.send(new Message(topic, bytes("here")));
        assertNotified(true, Popper.get(waiting));
        assertNotified(true, Popper.get(all));
        assertTrue(System.currentTimeMillis() - began < 12_000, "at once, not when their time was over");
        // In order, there is something only when nothing is out.
        var request = popper.request(topic, 0, 1000);
        request.setOrder(true);
        assertEquals(1, Popper.messages(popper.pop(request)).size());
        var ordered = popper.notificationOf(topic, 0, 0);
        ordered.setOrder(true);
        assertNotified(false, popper.raw(RequestCode.NOTIFICATION, ordered));
        eventually("the message is back", () -> {
            ordered.setBornTime(System.currentTimeMillis());
            return popper.raw(RequestCode.NOTIFICATION, ordered).getExtFields().get("hasMsg").equals("true");
        });
    }

    @Test
    void popsThatWaitAreCounted() throws Exception {
        String topic = topic("counted", 2);
        var popper = popper(unique("group"));
        assertEquals(0, popper.polling(topic, 0));
        await(popper, waiting(popper, topic, 0));
        await(popper, waiting(popper, topic, 0));
        await(popper, waiting(popper, topic, -1));
        assertEquals(2, popper.polling(topic, 0));
        assertEquals(0, popper.polling(topic, 1));
        assertEquals(1, popper.polling(topic, -1));
        assertEquals(0, popper(unique("other")).polling(topic, 0));
        send(producer(), topic, 1, 3, "");
        eventually("all are woken", () -> popper.polling(topic, 0) == 0 && popper.polling(topic, -1) == 0);
    }
}
