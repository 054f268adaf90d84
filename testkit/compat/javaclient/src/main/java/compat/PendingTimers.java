package compat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Leaves messages that wait for their time in a store, some of them recalled, and, after another broker has opened it,
 * checks that they come.
 *
 * <p>Arguments: {@code begin|end|end-and-repeat NAMESRV BROKER BROKER_NAME MANIFEST}. The manifest is the time of the first.
 */
public final class PendingTimers {
    private static final int TIMERS = 400;
    private static final int EVERY = 50; // milliseconds between two
    private static final int FIRST = 2_000; // milliseconds from the begin on: a tenth comes before the broker is stopped
    private static final String TOPIC = "interchange-timers";

    private PendingTimers() {
    }

    private static long due(long begin, int number) {
        return begin + FIRST + (long) number * EVERY;
    }

    /** Whether a message is recalled: the latest, whose time is over when the other broker is there. */
    private static boolean recalled(int number) {
        return number >= TIMERS / 2 && number % 10 == 0;
    }

    public static void main(String[] args) {
        Case.exit(() -> {
            var where = Cluster.of(args);
            Path manifest = Path.of(args[4]);
            switch (args[0]) {
                case "begin" -> Files.writeString(manifest, "" + begin(where));
                case "end" -> end(where, Long.parseLong(Files.readString(manifest)), true);
                case "end-and-repeat" -> end(where, Long.parseLong(Files.readString(manifest)), false);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        });
    }

    private static long begin(Cluster where) throws Exception {
        Case.create(where, TOPIC, 1);
        var producer = new DefaultMQProducer("interchange");
        producer.setNamesrvAddr(where.nameServer());
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.start();
        long begin = System.currentTimeMillis();
        List<SendResult> results = new ArrayList<>();
        for (int number = 0; number < TIMERS; number++) {
            var message = new Message(TOPIC, ("" + number).getBytes());
            message.setDeliverTimeMs(due(begin, number));
            var result = producer.send(message);
            Store.require(result.getSendStatus() == SendStatus.SEND_OK, "send: %s", result);
            results.add(result);
        }
        for (int number = 0; number < TIMERS; number++) {
            if (recalled(number)) {
                producer.recallMessage(TOPIC, results.get(number).getRecallHandle());
            }
        }
        Thread.sleep(Math.max(0, due(begin, TIMERS / 10) - System.currentTimeMillis()) + 2500); // some come, and that is saved
        return begin;
    }

    private static void end(Cluster where, long begin, boolean once) throws Exception {
        var puller = Case.puller(where, "interchange-reader");
        var queue = new MessageQueue(TOPIC, where.brokerName(), 0);
        Case.eventually("all messages", () -> read(puller, queue).size() >= TIMERS - TIMERS / 2 / 10);
        Thread.sleep(2000); // what should not come would by now
        Map<Integer, List<MessageExt>> messages = read(puller, queue);
        for (int number = 0; number < TIMERS; number++) {
            List<MessageExt> came = messages.getOrDefault(number, List.of());
            if (recalled(number)) {
                Store.require(came.isEmpty(), "%d was recalled", number);
                continue;
            }
            Store.require(!came.isEmpty(), "%d did not come", number);
            Store.require(!once || came.size() == 1, "%d came %d times", number, came.size());
            for (MessageExt message : came) {
                Store.require(message.getStoreTimestamp() >= due(begin, number), "%d came early", number);
            }
        }
        System.out.printf("%d messages came at their times%n", messages.size());
    }

    private static Map<Integer, List<MessageExt>> read(DefaultMQPullConsumer puller, MessageQueue queue) throws Exception {
        Map<Integer, List<MessageExt>> all = new HashMap<>();
        Case.read(puller, queue).forEach(m -> all.computeIfAbsent(Integer.parseInt(Case.text(m)), n -> new ArrayList<>()).add(m));
        return all;
    }
}
