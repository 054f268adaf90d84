package compat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Leaves transactions open in a store and, after another broker has opened it, ends them when that broker asks.
 *
 * <p>Arguments: {@code begin|end|end-and-repeat NAMESRV BROKER BROKER_NAME}.
 */
public final class OpenTransactions {
    private static final int TRANSACTIONS = 300;
    private static final String TOPIC = "interchange-transactions";

    private OpenTransactions() {
    }

    /** What the producer says at once: a third each is committed, rolled back, and left open. */
    private static LocalTransactionState atOnce(int number) {
        return LocalTransactionState.values()[number % 3];
    }

    /** What came of it in the end. */
    private static LocalTransactionState inTheEnd(int number) {
        if (atOnce(number) != LocalTransactionState.UNKNOW) {
            return atOnce(number);
        }
        return number % 2 == 0 ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.ROLLBACK_MESSAGE;
    }

    private static int number(byte[] body) {
        return Integer.parseInt(new String(body));
    }

    public static void main(String[] args) {
        Case.exit(() -> {
            var where = Cluster.of(args);
            switch (args[0]) {
                case "begin" -> begin(where);
                case "end" -> end(where, true);
                // A commit whose op message is lost is asked about, and then made again.
                case "end-and-repeat" -> end(where, false);
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        });
    }

    private static TransactionMQProducer producer(String nameServer, boolean decided) throws Exception {
        var producer = new TransactionMQProducer("interchange-transactions");
        producer.setNamesrvAddr(nameServer);
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
                return atOnce(number(message.getBody()));
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                int number = number(message.getBody());
                return decided ? inTheEnd(number) : atOnce(number);
            }
        });
        producer.start();
        return producer;
    }

    private static void begin(Cluster where) throws Exception {
        Case.create(where, TOPIC, 1);
        var producer = producer(where.nameServer(), false);
        for (int number = 0; number < TRANSACTIONS; number++) {
            var result = producer.sendMessageInTransaction(new Message(TOPIC, ("" + number).getBytes()), null);
            Store.require(result.getSendStatus() == SendStatus.SEND_OK, "half: %s", result);
        }
    }

    private static void end(Cluster where, boolean once) throws Exception {
        // Brokers learn of a producer by its heartbeat, which goes to those that it has a route to.
        var producer = producer(where.nameServer(), true);
        Case.eventually("a heartbeat", () -> {
            producer.getDefaultMQProducerImpl().getMqClientFactory().updateTopicRouteInfoFromNameServer(TOPIC);
            return producer.getDefaultMQProducerImpl().getMqClientFactory().sendHeartbeatToAllBrokerWithLock();
        });
        var puller = Case.puller(where, "interchange-reader");
        var queue = new MessageQueue(TOPIC, where.brokerName(), 0);
        List<Integer> committed = new ArrayList<>();
        for (int number = 0; number < TRANSACTIONS; number++) {
            if (inTheEnd(number) == LocalTransactionState.COMMIT_MESSAGE) {
                committed.add(number);
            }
        }
        Case.eventually("all that was committed", () -> read(puller, queue).keySet().containsAll(committed));
        Thread.sleep(3000); // what should not be there would come by now
        Map<Integer, Integer> times = read(puller, queue);
        Store.require(times.size() == committed.size(), "rolled back, and there: %s", times.keySet().stream().filter(n -> !committed.contains(n)).toList());
        times.forEach((number, count) -> Store.require(!once || count == 1 || atOnce(number) == LocalTransactionState.UNKNOW, "%d is there %d times", number, count));
        System.out.printf("%d of %d transactions were committed%n", committed.size(), TRANSACTIONS);
    }

    /** Reads the queue and returns how often each message is there. */
    private static Map<Integer, Integer> read(DefaultMQPullConsumer puller, MessageQueue queue) throws Exception {
        Map<Integer, Integer> times = new HashMap<>();
        Case.read(puller, queue).forEach(m -> times.merge(number(m.getBody()), 1, Integer::sum));
        return times;
    }
}
