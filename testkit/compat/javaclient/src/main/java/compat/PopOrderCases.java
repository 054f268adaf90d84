package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.AckStatus;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;
import org.junit.jupiter.api.Test;

/** Pops in order: a queue gives nothing while something of it is out and neither acknowledged nor back in sight. */
class PopOrderCases extends Case {
    private static PopMessageRequestHeader inOrder(Popper popper, String topic, int queue, long invisible, int max) {
        var request = popper.request(topic, queue, invisible);
        request.setOrder(true);
        request.setMaxMsgNums(max);
        return request;
    }

    private static List<MessageExt> pop(Popper popper, String topic, long invisible, int max) throws Exception {
        return Popper.messages(popper.pop(inOrder(popper, topic, 0, invisible, max)));
    }

    /** Pops until something comes. */
    private static List<MessageExt> await(Popper popper, String topic, long invisible, int max) throws Exception {
        var came = new AtomicReference<List<MessageExt>>(List.of());
        eventually("the queue is free", () -> {
            came.set(pop(popper, topic, invisible, max));
            return !came.get().isEmpty();
        });
        return came.get();
    }

    @Test
    void popInOrder() throws Exception {
        String topic = topic("fifo", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 6, "");
        var first = pop(popper, topic, Popper.LONG, 2);
        assertEquals(List.of("0", "1"), Popper.bodies(first));
        String[] handle = ExtraInfoUtil.split(Popper.handle(first.get(0)));
        assertTrue(ExtraInfoUtil.isOrder(handle));
        assertEquals(999, ExtraInfoUtil.getReviveQid(handle));
        assertEquals(List.of(), pop(popper, topic, Popper.LONG, 2));
        assertEquals(AckStatus.OK, popper.ack(first.get(0)).getStatus());
        assertEquals(List.of(), pop(popper, topic, Popper.LONG, 2), "1 is out");
        assertEquals(AckStatus.OK, popper.ack(first.get(1)).getStatus());
        var second = pop(popper, topic, Popper.LONG, 3);
        assertEquals(List.of("2", "3", "4"), Popper.bodies(second));
        assertEquals(AckStatus.OK, popper.ackAll(topic, second).getStatus());
        assertEquals(List.of("5"), Popper.bodies(pop(popper, topic, Popper.LONG, 3)));
        assertEquals(List.of("0", "1"), Popper.bodies(pop(popper(unique("other")), topic, Popper.LONG, 2)), "another group");
    }

    @Test
    void popInOrderAgain() throws Exception {
        String topic = topic("fifoAgain", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 5, "");
        var first = pop(popper, topic, 1000, 3);
        assertEquals(List.of("0", "1", "2"), Popper.bodies(first));
        long began = System.currentTimeMillis();
        var second = await(popper, topic, 1000, 3);
        assertTrue(System.currentTimeMillis() - began >= 900, "too early");
        assertEquals(List.of("0", "1", "2"), Popper.bodies(second), "the same, in order");
        assertEquals(List.of(1, 1, 1), second.stream().map(MessageExt::getReconsumeTimes).toList());
        assertEquals(AckStatus.OK, popper.ack(first.get(0)).getStatus(), "of an earlier pop: ignored");
        assertEquals(AckStatus.OK, popper.ack(second.get(0)).getStatus());
        assertEquals(AckStatus.OK, popper.ack(second.get(2)).getStatus());
        var third = await(popper, topic, 1000, 3);
        assertEquals(List.of("1", "2", "3"), Popper.bodies(third), "from the first on that is not acknowledged");
        assertEquals(List.of(2, 2, 0), third.stream().map(MessageExt::getReconsumeTimes).toList());
        assertEquals(AckStatus.OK, popper.ackAll(topic, third).getStatus());
        assertEquals(List.of("4"), Popper.bodies(pop(popper, topic, Popper.LONG, 3)));
    }

    @Test
    void popInOrderWithItsTimeChanged() throws Exception {
        String topic = topic("fifoChange", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 3, "");
        var first = pop(popper, topic, Popper.LONG, 1).get(0);
        long began = System.currentTimeMillis();
        var changed = popper.change(first, 1500);
        assertEquals(AckStatus.OK, changed.getStatus());
        assertEquals(List.of(), pop(popper, topic, 1000, 1));
        var again = await(popper, topic, 1000, 1).get(0);
        assertTrue(System.currentTimeMillis() - began >= 1400, "too early");
        assertEquals("0", text(again));
        // Put off, and acknowledged by the handle that the change gave.
        var later = popper.change(again, Popper.LONG);
        Thread.sleep(1200);
        assertEquals(List.of(), pop(popper, topic, 1000, 1));
        assertEquals(AckStatus.OK, popper.ack(popper.ackOf(topic, later.getExtraInfo())).getStatus());
        assertEquals(List.of("1"), Popper.bodies(pop(popper, topic, Popper.LONG, 1)));
    }

    /** An attempt that is made again, because its answer was lost, gets the same messages. */
    @Test
    void popInOrderOfTheSameAttempt() throws Exception {
        String topic = topic("attempt", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 3, "");
        var request = inOrder(popper, topic, 0, Popper.LONG, 2);
        request.setAttemptId("attempt");
        assertEquals(List.of("0", "1"), Popper.bodies(Popper.messages(popper.pop(request))));
        assertEquals(List.of(), pop(popper, topic, Popper.LONG, 2));
        var again = Popper.messages(popper.pop(request));
        assertEquals(List.of("0", "1"), Popper.bodies(again));
        assertEquals(List.of(0, 0), again.stream().map(MessageExt::getReconsumeTimes).toList());
        request.setAttemptId("another");
        assertEquals(List.of(), Popper.messages(popper.pop(request)));
        assertEquals(AckStatus.OK, popper.ackAll(topic, again).getStatus());
        assertEquals(List.of("2"), Popper.bodies(Popper.messages(popper.pop(request))));
    }

    @Test
    void popInOrderOfAllQueues() throws Exception {
        String topic = topic("fifoQueues", 2);
        var popper = popper(unique("group"));
        fill(topic, 2, 6, "");
        var first = Popper.messages(popper.pop(inOrder(popper, topic, 0, Popper.LONG, 1)));
        assertEquals(List.of("0"), Popper.bodies(first));
        assertEquals(List.of("1", "3", "5"), Popper.bodies(Popper.messages(popper.pop(inOrder(popper, topic, -1, Popper.LONG, 32)))), "of the other queue");
        assertEquals(List.of(), Popper.messages(popper.pop(inOrder(popper, topic, -1, Popper.LONG, 32))));
        assertEquals(AckStatus.OK, popper.ack(first.get(0)).getStatus());
        assertEquals(List.of("2", "4"), Popper.bodies(Popper.messages(popper.pop(inOrder(popper, topic, -1, Popper.LONG, 32)))));
    }

    @Test
    void popInOrderIsWokenByTheAcknowledgement() throws Exception {
        String topic = topic("fifoWoken", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 2, "");
        var first = pop(popper, topic, Popper.LONG, 1).get(0);
        var request = inOrder(popper, topic, 0, Popper.LONG, 1);
        request.setPollTime(30_000);
        var waiting = popper.start(request);
        eventually("it waits", () -> popper.polling(topic, 0) == 1);
        assertFalse(waiting.isDone());
        popper.ack(first);
        assertEquals(List.of("1"), Popper.bodies(Popper.messages(Popper.get(waiting))));
    }

    /** Of what is out, only what the pop gave can be acknowledged. */
    @Test
    void popInOrderAcknowledgedWrongly() throws Exception {
        String topic = topic("fifoWrong", 1);
        var popper = popper(unique("group"));
        fill(topic, 1, 4, "");
        var popped = pop(popper, topic, Popper.LONG, 2);
        var header = popper.ackOf(topic, Popper.handle(popped.get(0)));
        header.setOffset(3L);
        var response = popper.raw(RequestCode.ACK_MESSAGE, header);
        assertEquals(ResponseCode.MESSAGE_ILLEGAL, response.getCode());
        assertTrue(response.getRemark().startsWith("offset is illegal, key:" + topic + "@" + popper.group + "@0, old:0, commit:3, next:-1, "),
            response.getRemark());
        var changed = popper.changeOf(popped.get(0), 500);
        changed.setOffset(3L);
        assertEquals(AckStatus.OK, popper.change(changed).getStatus(), "but nothing is changed");
        assertEquals(AckStatus.OK, popper.ack(popped.get(1)).getStatus());
        assertEquals(AckStatus.OK, popper.ack(popped.get(0)).getStatus());
        assertEquals(AckStatus.OK, popper.ack(popped.get(0)).getStatus(), "it is over: ignored");
        assertEquals(List.of("2", "3"), Popper.bodies(pop(popper, topic, Popper.LONG, 2)));
    }
}
