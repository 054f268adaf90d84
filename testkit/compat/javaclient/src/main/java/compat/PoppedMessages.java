package compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.client.consumer.AckStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Leaves messages in a store that are popped, some of them acknowledged, and, after another broker has opened it, checks
 * which of them come again.
 *
 * <p>Arguments: {@code begin|end|end-and-repeat NAMESRV BROKER BROKER_NAME}.
 */
public final class PoppedMessages {
    private static final int MESSAGES = 300;
    private static final int POPPED = 200; // the others are first popped from the other broker
    private static final int INVISIBLE = 8_000; // milliseconds
    private static final String TOPIC = "interchange-pops";
    private static final String ORDERED = "interchange-pops-in-order";
    private static final int IN_ORDER = 8;
    private static final String GROUP = "interchange-popper";

    private PoppedMessages() {
    }

    /** What becomes of a message that the first broker gives. */
    private enum Fate { ACKNOWLEDGED, ACKNOWLEDGED_IN_A_BATCH, ACKNOWLEDGED_AFTER_A_CHANGE, LEFT, PUT_OFF }

    private static Fate fate(int number) {
        return switch (number % 10) {
            case 0, 1, 2 -> Fate.ACKNOWLEDGED;
            case 3, 4, 5 -> Fate.ACKNOWLEDGED_IN_A_BATCH;
            case 6 -> Fate.ACKNOWLEDGED_AFTER_A_CHANGE;
            case 7 -> Fate.PUT_OFF;
            default -> Fate.LEFT;
        };
    }

    private static boolean comesAgain(int number) {
        return number >= POPPED || fate(number) == Fate.LEFT || fate(number) == Fate.PUT_OFF;
    }

    public static void main(String[] args) {
        Case.exit(() -> {
            var where = Cluster.of(args);
            switch (args[0]) {
                case "begin" -> begin(where);
                case "end" -> end(where, true);
                // What was given again just before a kill may be so once more.
                case "end-and-repeat" -> end(where, false);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        });
    }

    private static void begin(Cluster where) throws Exception {
        Case.create(where, TOPIC, 1);
        Case.create(where, ORDERED, 1);
        var producer = new DefaultMQProducer("interchange");
        producer.setNamesrvAddr(where.nameServer());
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.start();
        for (int number = 0; number < MESSAGES + IN_ORDER; number++) {
            var message = new Message(number < MESSAGES ? TOPIC : ORDERED, ("" + number).getBytes());
            message.setKeys("key" + number);
            Store.require(producer.send(message).getSendStatus() == SendStatus.SEND_OK, "send of %d", number);
        }
        Case.awaitEnd(where, TOPIC, 0, MESSAGES);
        Case.awaitEnd(where, ORDERED, 0, IN_ORDER);
        var popper = Case.popper(where, GROUP);
        for (int popped = 0; popped < POPPED; popped += 20) {
            var request = popper.request(TOPIC, 0, INVISIBLE);
            request.setMaxMsgNums(20);
            List<MessageExt> messages = Popper.messages(popper.pop(request));
            Store.require(messages.size() == 20, "popped %d", messages.size());
            decide(popper, messages);
        }
        var request = popper.request(ORDERED, 0, INVISIBLE);
        request.setOrder(true);
        request.setMaxMsgNums(4);
        List<MessageExt> ordered = Popper.messages(popper.pop(request));
        Store.require(ordered.size() == 4, "popped in order: %d", ordered.size());
        for (MessageExt message : ordered.subList(0, 2)) {
            Store.require(popper.ack(message).getStatus() == AckStatus.OK, "ack in order");
        }
    }

    private static void decide(Popper popper, List<MessageExt> messages) throws Exception {
        List<MessageExt> batch = new ArrayList<>();
        for (MessageExt message : messages) {
            switch (fate(Integer.parseInt(Case.text(message)))) {
                case ACKNOWLEDGED -> Store.require(popper.ack(message).getStatus() == AckStatus.OK, "ack");
                case ACKNOWLEDGED_IN_A_BATCH -> batch.add(message);
                case ACKNOWLEDGED_AFTER_A_CHANGE -> {
                    String handle = popper.change(message, INVISIBLE).getExtraInfo();
                    Store.require(popper.ack(popper.ackOf(TOPIC, handle)).getStatus() == AckStatus.OK, "ack after a change");
                }
                case PUT_OFF -> Store.require(popper.change(message, 2 * INVISIBLE).getStatus() == AckStatus.OK, "change");
                default -> { }
            }
        }
        Store.require(popper.ackAll(TOPIC, batch).getStatus() == AckStatus.OK, "batch ack");
    }

    private static void end(Cluster where, boolean once) throws Exception {
        var popper = Case.popper(where, GROUP);
        Case.awaitRoute(where, TOPIC, 1);
        Case.awaitRoute(where, ORDERED, 1);
        Map<Integer, List<MessageExt>> came = new TreeMap<>();
        long expected = 0;
        for (int number = 0; number < MESSAGES; number++) {
            expected += comesAgain(number) ? 1 : 0;
        }
        long count = expected;
        Case.eventually("what is not acknowledged", () -> {
            take(popper, came);
            return came.keySet().stream().filter(PoppedMessages::comesAgain).count() == count;
        });
        inOrder(popper);
        Thread.sleep(3000); // what should not come would by now
        take(popper, came);
        came.forEach((number, messages) -> {
            Store.require(comesAgain(number), "%d came again, and was %s", number, fate(number));
            Store.require(!once || messages.size() == 1, "%d came %d times", number, messages.size());
            MessageExt message = messages.get(0);
            Store.require(message.getReconsumeTimes() == (number < POPPED ? 1 : 0), "%d came as try %d", number, message.getReconsumeTimes());
            Store.require(message.getKeys().equals("key" + number), "%d has the key %s", number, message.getKeys());
        });
        System.out.printf("%d messages came, %d of them again%n", came.size(), came.keySet().stream().filter(n -> n < POPPED).count());
    }

    private static void take(Popper popper, Map<Integer, List<MessageExt>> came) throws Exception {
        for (MessageExt message : popper.pop(TOPIC, -1, Popper.LONG)) {
            came.computeIfAbsent(Integer.parseInt(Case.text(message)), n -> new ArrayList<>()).add(message);
            Store.require(popper.ack(message).getStatus() == AckStatus.OK, "ack");
        }
    }

    /** The first two are acknowledged, the next two come again before the others, each once. */
    private static void inOrder(Popper popper) throws Exception {
        List<String> came = new ArrayList<>();
        Case.eventually("what is in order", () -> {
            var request = popper.request(ORDERED, 0, Popper.LONG);
            request.setOrder(true);
            request.setMaxMsgNums(3);
            List<MessageExt> messages = Popper.messages(popper.pop(request));
            came.addAll(Popper.bodies(messages));
            for (MessageExt message : messages) {
                Store.require(popper.ack(message).getStatus() == AckStatus.OK, "ack in order");
            }
            return came.size() >= IN_ORDER - 2;
        });
        List<String> expected = new ArrayList<>();
        for (int number = 2; number < IN_ORDER; number++) {
            expected.add("" + (MESSAGES + number));
        }
        Store.require(came.equals(expected), "in order came %s", came);
    }
}
