package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.producer.RecallMessageHandle;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.junit.jupiter.api.Test;

/** Messages that wait for a time that they name, in steps of a second. */
class TimerCases extends Case {
    /** A step, and what a busy machine needs. */
    private static final long LATE = 8_000;

    private static void assertOnTime(MessageExt message, long due) {
        long early = due - message.getStoreTimestamp();
        assertTrue(early <= 0, text(message) + " came " + early + " ms early");
        assertTrue(early >= -LATE, text(message) + " came " + -early + " ms late");
    }

    @Test
    void timersBySecondsMillisecondsAndTime() throws Exception {
        String topic = topic("timers", 2);
        var inbox = reading(topic);
        var producer = producer();
        long now = System.currentTimeMillis();
        var seconds = new Message(topic, "tag", "key", bytes("seconds"));
        seconds.setDelayTimeSec(2);
        seconds.putUserProperty("own", "wert");
        var millis = new Message(topic, bytes("millis"));
        millis.setDelayTimeMs(1500);
        var time = new Message(topic, bytes("time"));
        time.setDeliverTimeMs(now + 3700);
        var past = new Message(topic, bytes("past"));
        past.setDeliverTimeMs(now - 1000);
        for (Message message : List.of(seconds, millis, time, past)) {
            var sent = producer.send(message, queue(topic, 1));
            assertEquals(SendStatus.SEND_OK, sent.getSendStatus());
            assertEquals(1, sent.getMessageQueue().getQueueId());
        }
        inbox.await(4);
        for (MessageExt message : inbox.all()) {
            assertEquals(1, message.getQueueId());
            switch (text(message)) {
                case "seconds" -> {
                    assertOnTime(message, now + 2000);
                    assertEquals("tag", message.getTags());
                    assertEquals("key", message.getKeys());
                    assertEquals("wert", message.getUserProperty("own"));
                    assertEquals(topic, message.getProperty(MessageConst.PROPERTY_REAL_TOPIC), "it stays");
                    assertNotNull(message.getProperty(MessageConst.PROPERTY_TIMER_OUT_MS));
                    assertNotNull(message.getProperty(MessageConst.PROPERTY_TIMER_ENQUEUE_MS));
                    assertNotNull(message.getProperty(MessageConst.PROPERTY_TIMER_DEQUEUE_MS));
                }
                case "millis" -> assertOnTime(message, now + 1500);
                case "time" -> assertOnTime(message, now + 3700);
                default -> {
                    assertEquals("past", text(message));
                    assertNull(message.getProperty(MessageConst.PROPERTY_TIMER_OUT_MS), "it did not wait");
                }
            }
        }
    }

    @Test
    void timersThatAreRefused() throws Exception {
        String topic = topic("refused", 1);
        var far = new Message(topic, bytes("far"));
        far.setDelayTimeSec(3 * 24 * 3600 + 10);
        var refused = assertThrows(MQBrokerException.class, () -> producer().send(far));
        assertEquals(ResponseCode.MESSAGE_ILLEGAL, refused.getResponseCode());
        assertTrue(refused.getErrorMessage().startsWith("timer message illegal, the delay time should not be bigger than the max delay 259200000ms"),
            refused.getErrorMessage());
    }

    @Test
    void timerWithALevel() throws Exception {
        String topic = topic("level", 1);
        var inbox = reading(topic);
        var message = new Message(topic, bytes("level"));
        message.setDelayTimeLevel(1);
        message.setDelayTimeSec(3600);
        producer().send(message);
        inbox.await(1);
        assertNull(inbox.all().get(0).getProperty(MessageConst.PROPERTY_TIMER_DELAY_SEC), "the level has won");
    }

    @Test
    void timerThatIsRecalled() throws Exception {
        String topic = topic("recalled", 1);
        var inbox = reading(topic);
        var producer = producer();
        var unwanted = new Message(topic, bytes("unwanted"));
        unwanted.setDelayTimeSec(5);
        var sent = producer.send(unwanted);
        var wanted = new Message(topic, bytes("wanted"));
        wanted.setDelayTimeSec(5);
        String other = producer.send(wanted).getRecallHandle();
        var handle = (RecallMessageHandle.HandleV1) RecallMessageHandle.decodeHandle(sent.getRecallHandle());
        assertEquals(sent.getMsgId(), handle.getMessageId());
        assertEquals(topic, handle.getTopic());
        assertEquals(cluster.brokerName(), handle.getBrokerName());
        assertEquals(sent.getMsgId(), producer.recallMessage(topic, sent.getRecallHandle()));
        inbox.await(1);
        Thread.sleep(2500);
        assertEquals(List.of("wanted"), inbox.bodies());

        var over = assertThrows(MQBrokerException.class, () -> producer.recallMessage(topic, other));
        assertEquals(ResponseCode.ILLEGAL_OPERATION, over.getResponseCode());
        assertThrows(MQClientException.class, () -> producer.recallMessage(topic, "garbage"));
        assertNull(producer.send(new Message(topic, bytes("plain"))).getRecallHandle());
    }
}
