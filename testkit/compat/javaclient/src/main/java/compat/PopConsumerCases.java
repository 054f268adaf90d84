package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueueAssignment;
import org.apache.rocketmq.common.message.MessageRequestMode;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.admin.OffsetWrapper;
import org.apache.rocketmq.remoting.protocol.body.Connection;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.junit.jupiter.api.Test;

/** Push consumers whose brokers say which queues are theirs, and whether to pull or to pop them. */
class PopConsumerCases extends Case {
    private static final String EVENLY = "AVG";

    /** A group that exists, so that its mode can be set before its consumers come. */
    private String group() throws Exception {
        String group = unique("group");
        var config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        admin().createAndUpdateSubscriptionGroupConfig(cluster.broker(), config);
        return group;
    }

    private void mode(String topic, String group, MessageRequestMode mode, int share) throws Exception {
        admin().setMessageRequestMode(cluster.broker(), topic, group, mode, share, API_TIMEOUT);
    }

    /** A consumer that asks the broker for its queues. */
    private DefaultMQPushConsumer asking(String group, String topic) throws Exception {
        var consumer = consumer(group, topic, "*");
        consumer.setClientRebalance(false);
        consumer.setPopInvisibleTime(10_000);
        return consumer;
    }

    private Set<MessageQueueAssignment> assigned(Popper popper, String topic, String group, String client, String strategy, MessageModel model)
        throws Exception {
        return popper.api.queryAssignment(cluster.broker(), topic, group, client, strategy, model, API_TIMEOUT);
    }

    /** The ids of the group's clients, by the broker itself: the name server learns of a group's retry topic after a while. */
    private List<String> members(Popper popper) throws Exception {
        try {
            return popper.api.getConsumerConnectionList(cluster.broker(), popper.group, API_TIMEOUT).getConnectionSet().stream()
                .map(Connection::getClientId).sorted().toList();
        } catch (MQBrokerException e) {
            assertEquals(ResponseCode.CONSUMER_NOT_ONLINE, e.getResponseCode());
            return List.of();
        }
    }

    /** The queues that are assigned to a client, e.g. "POP -1". */
    private static List<String> brief(Set<MessageQueueAssignment> assignments) {
        return assignments.stream().map(a -> a.getMode() + " " + a.getMessageQueue().getQueueId()).sorted().toList();
    }

    @Test
    void popByAPushConsumer() throws Exception {
        String topic = topic("popPush", 4);
        String group = group();
        mode(topic, group, MessageRequestMode.POP, 0);
        var producer = producer();
        var bodies = new ArrayList<>(send(producer, topic, 4, 30, "before "));
        var consumer = asking(group, topic);
        var inbox = new Inbox();
        var refused = new AtomicReference<MessageExt>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            if (text(messages.get(0)).equals("before 7") && refused.compareAndSet(null, messages.get(0))) {
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            inbox.add(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        inbox.await(29);
        bodies.addAll(send(producer, topic, 4, 10, "after "));
        inbox.await(40);
        assertEquals(bodies.stream().sorted().toList(), inbox.sorted(), "each once, the refused one as well");
        for (MessageExt message : inbox.all()) {
            assertNotNull(message.getProperty(MessageConst.PROPERTY_POP_CK), "popped");
            boolean again = text(message).equals("before 7");
            assertEquals(again ? 1 : 0, message.getReconsumeTimes());
            assertEquals(topic, message.getTopic());
            if (again) {
                assertEquals(refused.get().getMsgId(), message.getMsgId());
            }
        }
    }

    @Test
    void popByManyPushConsumers() throws Exception {
        String topic = topic("popShared", 4);
        String group = group();
        mode(topic, group, MessageRequestMode.POP, 1);
        List<Inbox> inboxes = new ArrayList<>();
        var clients = new TreeMap<String, List<String>>();
        for (int i = 0; i < 4; i++) {
            var consumer = asking(group, topic);
            var inbox = new Inbox();
            inboxes.add(inbox);
            consumer.registerMessageListener(inbox.take());
            consumer.start();
            clients.put(consumer.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId(), null);
        }
        var popper = popper(group);
        eventually("all are known", () -> members(popper).size() == 4);
        for (String client : clients.keySet()) {
            clients.put(client, brief(assigned(popper, topic, group, client, EVENLY, MessageModel.CLUSTERING)));
        }
        assertEquals(List.of(List.of("POP 0", "POP 1"), List.of("POP 1", "POP 2"), List.of("POP 2", "POP 3"), List.of("POP 0", "POP 3")),
            List.copyOf(clients.values()), "each shares the queues of the next one");
        var bodies = send(producer(), topic, 4, 200, "");
        eventually("all messages", () -> inboxes.stream().mapToInt(inbox -> inbox.all().size()).sum() >= 200);
        assertEquals(bodies.stream().sorted().toList(), inboxes.stream().flatMap(inbox -> inbox.bodies().stream()).sorted().toList(), "each once");
    }

    @Test
    void popModeIsAnswered() throws Exception {
        String topic = topic("modes", 4);
        String group = group();
        var first = asking(group, topic);
        var second = asking(group, topic);
        for (var consumer : List.of(first, second)) {
            consumer.registerMessageListener(new Inbox().take());
            consumer.start();
        }
        var popper = popper(group);
        eventually("both are known", () -> members(popper).size() == 2);
        var clients = members(popper);
        var cluster = MessageModel.CLUSTERING;
        assertEquals(List.of("PULL 0", "PULL 1"), brief(assigned(popper, topic, group, clients.get(0), EVENLY, cluster)), "as it comes");
        assertEquals(List.of("PULL 1", "PULL 3"), brief(assigned(popper, topic, group, clients.get(1), "AVG_BY_CIRCLE", cluster)));
        assertEquals(List.of("PULL 0", "PULL 1", "PULL 2", "PULL 3"),
            brief(assigned(popper, topic, group, clients.get(0), EVENLY, MessageModel.BROADCASTING)));
        assertEquals(List.of(), brief(assigned(popper, topic, group, "stranger", EVENLY, cluster)));
        assertNull(assigned(popper, topic, group, clients.get(0), "NO_SUCH_STRATEGY", cluster));
        assertNull(assigned(popper, topic, unique("nobody"), clients.get(0), EVENLY, cluster));
        assertNull(assigned(popper, unique("nowhere"), group, clients.get(0), EVENLY, cluster));
        mode(topic, group, MessageRequestMode.POP, 0);
        assertEquals(Set.of("POP -1"), Set.copyOf(brief(assigned(popper, topic, group, clients.get(0), EVENLY, cluster))));
        mode(topic, group, MessageRequestMode.POP, 3);
        assertEquals(Set.of("POP -1"), Set.copyOf(brief(assigned(popper, topic, group, "stranger", EVENLY, cluster))));
        mode(topic, group, MessageRequestMode.PULL, 0);
        assertEquals(List.of("PULL 2", "PULL 3"), brief(assigned(popper, topic, group, clients.get(1), EVENLY, cluster)));
    }

    /** More consumers than queues: each gets one, which it shares. */
    @Test
    void popByMoreConsumersThanQueues() throws Exception {
        String topic = topic("fewQueues", 2);
        String group = group();
        mode(topic, group, MessageRequestMode.POP, 1);
        List<Inbox> inboxes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            var consumer = asking(group, topic);
            var inbox = new Inbox();
            inboxes.add(inbox);
            consumer.registerMessageListener(inbox.take());
            consumer.start();
        }
        var popper = popper(group);
        eventually("all are known", () -> members(popper).size() == 3);
        List<String> queues = new ArrayList<>();
        for (String client : members(popper)) {
            queues.addAll(brief(assigned(popper, topic, group, client, EVENLY, MessageModel.CLUSTERING)));
        }
        assertEquals(List.of("POP 0", "POP 1", "POP 0"), queues);
        var bodies = send(producer(), topic, 2, 40, "");
        eventually("all messages", () -> inboxes.stream().mapToInt(inbox -> inbox.all().size()).sum() >= 40);
        assertEquals(bodies.stream().sorted().toList(), inboxes.stream().flatMap(inbox -> inbox.bodies().stream()).sorted().toList(), "each once");
    }

    /** Without a mode, a consumer that asks for its queues pulls them. */
    @Test
    void popIsNotTheDefault() throws Exception {
        String topic = topic("pulled", 2);
        String group = group();
        var consumer = asking(group, topic);
        var inbox = new Inbox();
        consumer.registerMessageListener(inbox.take());
        var bodies = send(producer(), topic, 2, 10, "");
        consumer.start();
        inbox.await(10);
        assertEquals(bodies.stream().sorted().toList(), inbox.sorted());
        inbox.all().forEach(message -> assertNull(message.getProperty(MessageConst.PROPERTY_POP_CK), "not popped"));
    }

    /** A consumer in order shares the queues out itself and pulls them, whatever mode its group has. */
    @Test
    void popIsNotForOrderlyConsumers() throws Exception {
        String topic = topic("popOrderly", 2);
        String group = group();
        mode(topic, group, MessageRequestMode.POP, 0);
        send(producer(), topic, 2, 20, "");
        var consumer = asking(group, topic);
        consumer.setSuspendCurrentQueueTimeMillis(300);
        var inbox = new Inbox();
        var refused = new AtomicReference<String>();
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            if (text(messages.get(0)).equals("5") && refused.compareAndSet(null, "5")) {
                return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
            }
            inbox.add(messages);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        inbox.await(20);
        var queues = inbox.all().stream().collect(Collectors.groupingBy(MessageExt::getQueueId, Collectors.mapping(m -> Integer.parseInt(text(m)), Collectors.toList())));
        assertEquals(List.of(0, 2, 4, 6, 8, 10, 12, 14, 16, 18), queues.get(0));
        assertEquals(List.of(1, 3, 5, 7, 9, 11, 13, 15, 17, 19), queues.get(1));
        assertTrue(inbox.all().stream().allMatch(m -> m.getProperty(MessageConst.PROPERTY_POP_CK) == null));
    }

    /** How far a group is tells what was popped, acknowledged or not; what comes again is behind in its own topic. */
    @Test
    void popProgress() throws Exception {
        String topic = topic("popProgress", 2);
        String group = unique("group");
        var popper = popper(group);
        fill(topic, 2, 8, "");
        var request = popper.request(topic, 0, 1000);
        request.setMaxMsgNums(3);
        assertEquals(3, popper.pop(request).getMsgFoundList().size());
        eventually("three of a queue are popped", () -> {
            var progress = progress(popper, topic, 0);
            return progress != null && progress.getConsumerOffset() == 3;
        });
        assertEquals(4, progress(popper, topic, 0).getBrokerOffset());
        String retry = "%RETRY%" + group + "_" + topic;
        eventually("three come again", () -> {
            var progress = progress(popper, retry, 0);
            return progress != null && progress.getBrokerOffset() == 3;
        });
        assertEquals(0, progress(popper, retry, 0).getConsumerOffset());
        eventually("all is popped", () -> {
            popper.pop(topic, -1, Popper.LONG);
            return progress(popper, retry, 0).getConsumerOffset() == 3;
        });
        eventually("and nothing is left", () -> admin().examineConsumeStats(group, topic).computeTotalDiff() == 0);
    }

    /** How far a group is, by the broker itself: the name server learns of a pop's retry topic only after a while. */
    private OffsetWrapper progress(Popper popper, String topic, int queue) throws Exception {
        return popper.api.getConsumeStats(cluster.broker(), popper.group, topic, API_TIMEOUT).getOffsetTable().get(queue(topic, queue));
    }

    @Test
    void popModesThatAreRefused() throws Exception {
        String topic = topic("refusedModes", 1);
        String group = group();
        String unknown = unique("unknown");
        Object[][] table = {
            {"%RETRY%" + group, group, ResponseCode.NO_PERMISSION, "retry topic is not allowed to set mode"},
            {unknown, group, ResponseCode.TOPIC_NOT_EXIST, "topic[" + unknown + "] not exist"},
            {topic, "not a group", ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, "subscription group does not exist"},
        };
        for (Object[] row : table) {
            var refused = assertThrows(MQClientException.class, () -> mode((String) row[0], (String) row[1], MessageRequestMode.POP, 0));
            assertEquals(row[2], refused.getResponseCode());
            assertEquals(row[3], refused.getErrorMessage());
        }
    }
}
