package compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Fills a topic of queue type BatchCQ and, after another broker has opened the store, checks that all of it can be read
 * and goes on where it ended.
 *
 * <p>Arguments: {@code fill|check NAMESRV BROKER BROKER_NAME MANIFEST}, of which the last is not used.
 */
public final class InnerBatches {
    private static final String TOPIC = "interchange-batches";
    private static final int BATCHES = 200;

    private InnerBatches() {
    }

    public static void main(String[] args) throws Exception {
        int status = 0;
        try {
            var queue = new MessageQueue(TOPIC, args[3], 0);
            if (args[0].equals("fill")) {
                fill(args[1], args[2], queue);
            } else {
                check(args[1], args[2], queue);
            }
        } catch (Throwable e) {
            e.printStackTrace();
            status = 1;
        }
        Runtime.getRuntime().halt(status);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    private static DefaultMQProducer producer(String nameServer) throws Exception {
        var producer = new DefaultMQProducer("interchange");
        producer.setNamesrvAddr(nameServer);
        producer.setSendMsgTimeout(Case.API_TIMEOUT);
        producer.start();
        return producer;
    }

    private static DefaultMQAdminExt admin(String nameServer) throws Exception {
        var admin = new DefaultMQAdminExt(Case.API_TIMEOUT);
        admin.setNamesrvAddr(nameServer);
        admin.start();
        return admin;
    }

    /** Batch number has number % 7 + 1 messages. */
    private static void send(DefaultMQProducer producer, MessageQueue queue, int number, long offset) throws Exception {
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i <= number % 7; i++) {
            batch.add(new Message(TOPIC, ("message " + (offset + i)).getBytes(StandardCharsets.UTF_8)));
        }
        SendResult result = producer.send(batch, queue);
        require(result.getQueueOffset() == offset, "batch " + number + " is at " + result + " and not at " + offset);
    }

    private static long offset(int batch) {
        long offset = 0;
        for (int i = 0; i < batch; i++) {
            offset += i % 7 + 1;
        }
        return offset;
    }

    private static void awaitRoute(DefaultMQAdminExt admin) throws Exception {
        Case.eventually("route of " + TOPIC, () -> {
            try {
                return !admin.examineTopicRouteInfo(TOPIC).getQueueDatas().isEmpty();
            } catch (MQClientException e) {
                return false;
            }
        });
    }

    private static void fill(String nameServer, String broker, MessageQueue queue) throws Exception {
        var admin = admin(nameServer);
        var config = new TopicConfig(TOPIC, 1, 1);
        config.setAttributes(Map.of("+queue.type", "BatchCQ"));
        admin.createAndUpdateTopicConfig(broker, config);
        awaitRoute(admin);
        var producer = producer(nameServer);
        for (int i = 0; i < BATCHES; i++) {
            send(producer, queue, i, offset(i));
        }
    }

    private static void check(String nameServer, String broker, MessageQueue queue) throws Exception {
        var admin = admin(nameServer);
        awaitRoute(admin);
        require("BatchCQ".equals(admin.examineTopicConfig(broker, TOPIC).getAttributes().get("queue.type")), "the queue type is kept");
        var puller = new DefaultMQPullConsumer("interchange-reader");
        puller.setNamesrvAddr(nameServer);
        puller.start();
        read(puller, queue, offset(BATCHES));
        send(producer(nameServer), queue, BATCHES, offset(BATCHES));
        Case.eventually("one batch more", () -> puller.maxOffset(queue) == offset(BATCHES + 1));
        read(puller, queue, offset(BATCHES + 1));
    }

    private static void read(DefaultMQPullConsumer puller, MessageQueue queue, long end) throws Exception {
        long next = 0;
        while (next < end) {
            PullResult result = puller.pullBlockIfNotFound(queue, "*", next, 32);
            require(result.getPullStatus() == PullStatus.FOUND, "at " + next + ": " + result);
            for (MessageExt message : result.getMsgFoundList()) {
                require(message.getQueueOffset() == next, "offset " + message.getQueueOffset() + " instead of " + next);
                require(Case.text(message).equals("message " + next), "at " + next + ": " + Case.text(message));
                next++;
            }
            require(result.getNextBeginOffset() == next, "goes on at " + result.getNextBeginOffset() + " and not at " + next);
        }
    }
}
