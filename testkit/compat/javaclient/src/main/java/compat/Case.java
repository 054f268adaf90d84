package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterEach;

/** What all cases use: clients that are shut down afterwards, names nobody else has, and waiting. */
abstract class Case {
    /** How long to wait for something that ought to happen soon. A case that passes has not waited for it. */
    static final Duration PATIENCE = Duration.ofSeconds(40);

    /** Milliseconds for a request of the client itself: its default of three seconds is gone before a JVM is warm. */
    static final int API_TIMEOUT = 20_000;

    /** What cases hold that change the strict broker for a moment, and those that would notice. */
    static final String STRICT_BROKER = "the strict broker";

    private static final AtomicLong COUNTER = new AtomicLong();
    private static final String RUN = ProcessHandle.current().pid() + "-" + System.currentTimeMillis();

    private static final ExecutorService CLOSER = Executors.newCachedThreadPool();
    private static final Map<Cluster, DefaultMQAdminExt> ADMINS = new HashMap<>();

    final Cluster cluster = Cluster.main();
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    /** Shuts the clients down, without waiting: the Java client needs three seconds for it. */
    @AfterEach
    void closeAll() {
        opened.forEach(client -> CLOSER.execute(() -> {
            try {
                client.close();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }));
    }

    static String unique(String prefix) {
        return prefix + "-java-" + RUN + "-" + COUNTER.incrementAndGet();
    }

    static String text(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static void eventually(String what, Callable<Boolean> done) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!done.call()) {
            if (System.nanoTime() > deadline) {
                fail("waited in vain: " + what + " did not happen within " + PATIENCE);
            }
            Thread.sleep(20);
        }
    }

    /** What a program of its own does. */
    interface Program {
        void run() throws Exception;
    }

    /** Ends the process with what came of it: clients leave threads behind that are no daemons. */
    static void exit(Program program) {
        int status = 0;
        try {
            program.run();
        } catch (Throwable e) {
            e.printStackTrace();
            status = 1;
        }
        Runtime.getRuntime().halt(status);
    }

    private static <C extends ClientConfig> C on(C client, Cluster where) {
        client.setNamesrvAddr(where.nameServer());
        client.setInstanceName(unique("instance"));
        client.setVipChannelEnabled(false);
        // The client does not tell the broker of a new subscription version if another heartbeat is on its way at that
        // moment, and is refused with "subscription not latest" until the next one, by default half a minute later.
        client.setHeartbeatBrokerInterval(1000);
        client.setMqClientApiTimeout(API_TIMEOUT);
        return client;
    }

    DefaultMQProducer producer(Cluster where) throws Exception {
        var producer = on(new DefaultMQProducer(unique("producers")), where);
        producer.setSendMsgTimeout(10_000);
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        opened.push(producer::shutdown);
        return producer;
    }

    DefaultMQProducer producer() throws Exception {
        return producer(cluster);
    }

    TransactionMQProducer transactionProducer(String group, TransactionListener listener) throws Exception {
        var producer = on(new TransactionMQProducer(group), cluster);
        producer.setSendMsgTimeout(10_000);
        producer.setRetryTimesWhenSendFailed(0);
        producer.setTransactionListener(listener);
        producer.start();
        opened.push(producer::shutdown);
        return producer;
    }

    /** All cases share an admin, because starting and stopping clients takes longer than most cases. */
    static DefaultMQAdminExt admin(Cluster where) throws Exception {
        synchronized (ADMINS) {
            var admin = ADMINS.get(where);
            if (admin == null) {
                admin = on(new DefaultMQAdminExt(10_000), where);
                admin.start();
                ADMINS.put(where, admin);
            }
            return admin;
        }
    }

    DefaultMQAdminExt admin() throws Exception {
        return admin(cluster);
    }

    /** A push consumer that is not started yet, starting at the first offset. */
    DefaultMQPushConsumer consumer(String group, String topic, String tags) throws Exception {
        return consumer(cluster, group, topic, tags);
    }

    DefaultMQPushConsumer consumer(Cluster where, String group, String topic, String tags) throws Exception {
        var consumer = on(new DefaultMQPushConsumer(group), where);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, tags);
        opened.push(consumer::shutdown);
        return consumer;
    }

    /**
     * Lets the broker create a group's retry topic. It does so at the group's first heartbeat, which is after the client
     * has looked for it; the client looks again only half a minute later.
     */
    void introduce(String group, String topic) throws Exception {
        var consumer = consumer(group, topic, "*");
        consumer.registerMessageListener(new Inbox().take());
        consumer.start();
        awaitRoute(cluster, "%RETRY%" + group, 1);
        leave(consumer);
    }

    /** A consumer that keeps all messages of a topic, from the first on. */
    Inbox reading(String topic) throws Exception {
        var inbox = new Inbox();
        var consumer = consumer(unique("readers"), topic, "*");
        consumer.registerMessageListener(inbox.take());
        consumer.start();
        return inbox;
    }

    /** Pops of a group, over the connection that the admin has. */
    static Popper popper(Cluster where, String group) throws Exception {
        return new Popper(where, group, admin(where).getDefaultMQAdminExtImpl().getMqClientInstance().getMQClientAPIImpl());
    }

    Popper popper(String group) throws Exception {
        return popper(cluster, group);
    }

    static DefaultMQPullConsumer puller(Cluster where, String group) throws Exception {
        var puller = on(new DefaultMQPullConsumer(group), where);
        puller.start();
        return puller;
    }

    DefaultMQPullConsumer puller(String group) throws Exception {
        var puller = puller(cluster, group);
        opened.push(puller::shutdown);
        return puller;
    }

    org.apache.rocketmq.client.consumer.DefaultLitePullConsumer litePuller(String group) {
        var puller = on(new org.apache.rocketmq.client.consumer.DefaultLitePullConsumer(group), cluster);
        opened.push(puller::shutdown);
        return puller;
    }

    /** Creates a topic and waits until the name server knows it. */
    String topic(String prefix, int queues) throws Exception {
        return topic(cluster, prefix, queues);
    }

    String topic(Cluster where, String prefix, int queues) throws Exception {
        String topic = unique(prefix);
        create(where, topic, queues);
        return topic;
    }

    static void create(Cluster where, String topic, int queues) throws Exception {
        admin(where).createAndUpdateTopicConfig(where.broker(), new TopicConfig(topic, queues, queues));
        awaitRoute(where, topic, queues);
    }

    static void awaitRoute(Cluster where, String topic, int queues) throws Exception {
        var admin = admin(where);
        eventually("route of " + topic, () -> {
            try {
                return admin.examineTopicRouteInfo(topic).getQueueDatas().get(0).getWriteQueueNums() == queues;
            } catch (org.apache.rocketmq.client.exception.MQClientException e) {
                return false;
            }
        });
    }

    MessageQueue queue(String topic, int id) {
        return new MessageQueue(topic, cluster.brokerName(), id);
    }

    /** Sends messages "&lt;prefix&gt;0" and so on to the queues in turn and returns the bodies. */
    List<String> send(DefaultMQProducer producer, String topic, int queues, int count, String prefix) throws Exception {
        List<String> bodies = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            SendResult result = producer.send(new Message(topic, bytes(prefix + i)), queue(topic, i % queues));
            assertEquals(SendStatus.SEND_OK, result.getSendStatus());
            bodies.add(prefix + i);
        }
        return bodies;
    }

    /** Waits until a queue ends at an offset: a broker answers a send before the queue has the message. */
    static void awaitEnd(Cluster where, String topic, int queue, long end) throws Exception {
        var admin = admin(where);
        eventually("offset " + end + " of " + topic, () -> admin.maxOffset(new MessageQueue(topic, where.brokerName(), queue)) >= end);
    }

    /** Sends to a fresh topic the way {@link #send} does, and waits until all can be read. */
    List<String> fill(Cluster where, String topic, int queues, int count, String prefix) throws Exception {
        var bodies = send(producer(where), topic, queues, count, prefix);
        for (int i = 0; i < Math.min(queues, count); i++) {
            awaitEnd(where, topic, i, (count - i + queues - 1) / queues);
        }
        return bodies;
    }

    List<String> fill(String topic, int queues, int count, String prefix) throws Exception {
        return fill(cluster, topic, queues, count, prefix);
    }

    /** Reads a queue to its end. */
    static List<MessageExt> read(DefaultMQPullConsumer puller, MessageQueue queue) throws Exception {
        List<MessageExt> all = new ArrayList<>();
        for (long offset = 0; ; ) {
            PullResult result = puller.pull(queue, "*", offset, 32);
            if (result.getPullStatus() != PullStatus.FOUND) {
                return all;
            }
            all.addAll(result.getMsgFoundList());
            offset = result.getNextBeginOffset();
        }
    }

    /** Reads messages of a queue, over as many requests as it takes. */
    List<MessageExt> pull(DefaultMQPullConsumer puller, MessageQueue queue, long offset, int count) throws Exception {
        List<MessageExt> all = new ArrayList<>();
        while (all.size() < count) {
            PullResult result = puller.pullBlockIfNotFound(queue, "*", offset, Math.min(32, count - all.size()));
            assertEquals(PullStatus.FOUND, result.getPullStatus(), "offset " + offset + " of " + queue);
            assertEquals(offset + result.getMsgFoundList().size(), result.getNextBeginOffset());
            all.addAll(result.getMsgFoundList());
            offset = result.getNextBeginOffset();
        }
        assertEquals(count, all.size());
        return all;
    }

    /**
     * Shuts a consumer down, which commits its offsets. Half a second passes before, because Apache's broker may handle
     * a heartbeat after the end of the connection it came on, and then keeps a member that is gone for two minutes.
     */
    static void leave(DefaultMQPushConsumer consumer) throws Exception {
        Thread.sleep(500);
        consumer.shutdown();
    }
}
