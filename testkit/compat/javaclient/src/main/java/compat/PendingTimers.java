package compat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

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
        int status = 0;
        try {
            Path manifest = Path.of(args[4]);
            switch (args[0]) {
                case "begin" -> Files.writeString(manifest, "" + begin(args[1], args[2]));
                case "end" -> end(args[1], args[3], Long.parseLong(Files.readString(manifest)), true);
                case "end-and-repeat" -> end(args[1], args[3], Long.parseLong(Files.readString(manifest)), false);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        } catch (Throwable e) {
            e.printStackTrace();
            status = 1;
        }
        Runtime.getRuntime().halt(status);
    }

    private static long begin(String nameServer, String broker) throws Exception {
        var admin = new DefaultMQAdminExt(Case.API_TIMEOUT);
        admin.setNamesrvAddr(nameServer);
        admin.start();
        admin.createAndUpdateTopicConfig(broker, new TopicConfig(TOPIC, 1, 1));
        Case.eventually("route of " + TOPIC, () -> {
            try {
                return !admin.examineTopicRouteInfo(TOPIC).getQueueDatas().isEmpty();
            } catch (MQClientException e) {
                return false;
            }
        });
        var producer = new DefaultMQProducer("interchange");
        producer.setNamesrvAddr(nameServer);
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

    private static void end(String nameServer, String brokerName, long begin, boolean once) throws Exception {
        var puller = new DefaultMQPullConsumer("interchange-reader");
        puller.setNamesrvAddr(nameServer);
        puller.setMqClientApiTimeout(Case.API_TIMEOUT);
        puller.start();
        var queue = new MessageQueue(TOPIC, brokerName, 0);
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
        for (long offset = 0; ; ) {
            var result = puller.pull(queue, "*", offset, 32);
            if (result.getPullStatus() != PullStatus.FOUND) {
                return all;
            }
            result.getMsgFoundList().forEach(m -> all.computeIfAbsent(Integer.parseInt(new String(m.getBody())), n -> new ArrayList<>()).add(m));
            offset = result.getNextBeginOffset();
        }
    }
}
