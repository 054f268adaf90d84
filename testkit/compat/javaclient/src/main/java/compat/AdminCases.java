package compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Set;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.constant.PermName;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.heartbeat.ConsumeType;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.junit.jupiter.api.Test;

class AdminCases extends Case {
    @Test
    void createTopicFromProducer() throws Exception {
        String topic = unique("fromProducer");
        producer().createTopic("TBW102", topic, 3, new HashMap<>());
        awaitRoute(cluster, topic, 3);
    }

    @Test
    void topicLifeCycle() throws Exception {
        var admin = admin();
        String topic = unique("lifeCycle");
        admin.createAndUpdateTopicConfig(cluster.broker(), new TopicConfig(topic, 4, 2, PermName.PERM_READ | PermName.PERM_WRITE));
        awaitRoute(cluster, topic, 2);
        var route = admin.examineTopicRouteInfo(topic);
        assertEquals(1, route.getQueueDatas().size());
        assertEquals(4, route.getQueueDatas().get(0).getReadQueueNums());
        assertEquals(6, route.getQueueDatas().get(0).getPerm());
        assertEquals(cluster.brokerName(), route.getBrokerDatas().get(0).getBrokerName());
        assertEquals(cluster.name(), route.getBrokerDatas().get(0).getCluster());
        assertEquals(cluster.broker(), route.getBrokerDatas().get(0).getBrokerAddrs().get(0L));
        assertTrue(admin.fetchAllTopicList().getTopicList().contains(topic));
        TopicConfig stored = admin.examineTopicConfig(cluster.broker(), topic);
        assertEquals(2, stored.getWriteQueueNums());
        assertEquals(4, admin.examineTopicStats(topic).getOffsetTable().size(), "read queues");

        // Apache's name server may forget one of two updates at the same time, see the Go case AdminTopics.
        eventually("update of the topic", () -> {
            admin.createAndUpdateTopicConfig(cluster.broker(), new TopicConfig(topic, 8, 8, PermName.PERM_READ));
            var queues = admin.examineTopicRouteInfo(topic).getQueueDatas().get(0);
            return queues.getReadQueueNums() == 8 && queues.getPerm() == PermName.PERM_READ;
        });

        admin.deleteTopicInBroker(Set.of(cluster.broker()), topic);
        admin.deleteTopicInNameServer(Set.of(cluster.nameServer()), topic);
        var gone = assertThrows(MQClientException.class, () -> admin.examineTopicRouteInfo(topic));
        assertEquals(ResponseCode.TOPIC_NOT_EXIST, gone.getResponseCode());
        assertFalse(admin.fetchAllTopicList().getTopicList().contains(topic));
    }

    @Test
    void subscriptionGroups() throws Exception {
        var admin = admin();
        var group = new SubscriptionGroupConfig();
        group.setGroupName(unique("group"));
        group.setRetryMaxTimes(5);
        group.setRetryQueueNums(2);
        group.setConsumeBroadcastEnable(false);
        admin.createAndUpdateSubscriptionGroupConfig(cluster.broker(), group);
        var stored = admin.examineSubscriptionGroupConfig(cluster.broker(), group.getGroupName());
        assertEquals(5, stored.getRetryMaxTimes());
        assertEquals(2, stored.getRetryQueueNums());
        assertFalse(stored.isConsumeBroadcastEnable());
        assertTrue(stored.isConsumeEnable());
        // Without removal of its offsets, Apache 5.5.0 creates the group anew while it asks whether it is a "lite" one.
        admin.deleteSubscriptionGroup(cluster.broker(), group.getGroupName(), true);
        assertFalse(admin.getAllSubscriptionGroup(cluster.broker(), 5000).getSubscriptionGroupTable().containsKey(group.getGroupName()));
    }

    @Test
    void consumerConnectionsAndProgress() throws Exception {
        String topic = topic("progress", 2);
        String group = unique("group");
        send(producer(), topic, 2, 20, "");
        var consumer = consumer(group, topic, "*");
        var inbox = new Inbox();
        consumer.registerMessageListener(inbox.take());
        consumer.start();
        inbox.await(20);
        var admin = admin();
        var connections = admin.examineConsumerConnectionInfo(group);
        assertEquals(1, connections.getConnectionSet().size());
        assertEquals(ConsumeType.CONSUME_PASSIVELY, connections.getConsumeType());
        assertEquals(MessageModel.CLUSTERING, connections.getMessageModel());
        assertEquals("*", connections.getSubscriptionTable().get(topic).getSubString());
        leave(consumer);
        eventually("end of the connection", () -> {
            try {
                return admin.examineConsumerConnectionInfo(group).getConnectionSet().isEmpty();
            } catch (Exception e) {
                assertTrue(e.getMessage().contains("CODE: " + ResponseCode.CONSUMER_NOT_ONLINE), e.getMessage());
                return true;
            }
        });
        var stats = admin.examineConsumeStats(group, topic);
        assertEquals(2, stats.getOffsetTable().size());
        stats.getOffsetTable().forEach((queue, offset) -> {
            assertEquals(10, offset.getBrokerOffset());
            assertEquals(10, offset.getConsumerOffset());
        });
        assertEquals(0, stats.computeTotalDiff());
    }

    @Test
    void offsetsByAdmin() throws Exception {
        String topic = topic("adminOffsets", 1);
        String group = unique("group");
        send(producer(), topic, 1, 20, "");
        var queue = queue(topic, 0);
        var admin = admin();
        var unknown = assertThrows(MQBrokerException.class, () -> admin.updateConsumeOffset(cluster.broker(), group, queue, 5));
        assertEquals(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, unknown.getResponseCode());
        var config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        admin.createAndUpdateSubscriptionGroupConfig(cluster.broker(), config);
        admin.updateConsumeOffset(cluster.broker(), group, queue, 5);
        var puller = puller(group);
        assertEquals(5, puller.fetchConsumeOffset(queue, true));
        // A group that nobody is in: the reset happens at the broker.
        admin.resetOffsetByQueueId(cluster.broker(), group, topic, 0, 11);
        assertEquals(11, puller.fetchConsumeOffset(queue, true));
    }

    @Test
    void clusterTable() throws Exception {
        var table = admin().examineBrokerClusterInfo();
        assertEquals(Set.of(cluster.brokerName()), table.getClusterAddrTable().get(cluster.name()));
        assertEquals(cluster.broker(), table.getBrokerAddrTable().get(cluster.brokerName()).getBrokerAddrs().get(0L));
    }

    @Test
    void brokerConfiguration() throws Exception {
        var config = admin().getBrokerConfig(cluster.broker());
        assertEquals(cluster.brokerName(), config.getProperty("brokerName"));
        assertEquals(cluster.name(), config.getProperty("brokerClusterName"));
        assertEquals("true", config.getProperty("autoCreateTopicEnable"));
        assertEquals("67108864", config.getProperty("mappedFileSizeCommitLog"));
    }
}
