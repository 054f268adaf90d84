package goclient

import (
	"fmt"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestPullByOffset(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	send(t, c.Producer(t), c, topic, 1, 50, "")
	puller := newPuller(t, c, kit.Name("group"), topic, everything)
	mq := &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName}

	result, err := puller.PullFrom(ctx, mq, 17, 10)
	require.NoError(t, err)
	require.Equal(t, primitive.PullFound, result.Status)
	require.EqualValues(t, 27, result.NextBeginOffset)
	require.EqualValues(t, 0, result.MinOffset)
	require.EqualValues(t, 50, result.MaxOffset)
	require.Len(t, result.GetMessageExts(), 10)
	for i, m := range result.GetMessageExts() {
		require.Equal(t, fmt.Sprint(17+i), string(m.Body))
		require.EqualValues(t, 17+i, m.QueueOffset)
	}

	result, err = puller.PullFrom(ctx, mq, 51, 10)
	require.NoError(t, err)
	require.Equal(t, primitive.PullOffsetIllegal, result.Status, "past the end by more than one")
	require.EqualValues(t, 50, result.NextBeginOffset, "the broker puts it right")
}

func TestLongPollWakesAtOnce(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	puller := newPuller(t, c, kit.Name("group"), topic, everything)
	for offset := range 6 {
		arrived := make(chan time.Time, 1)
		go func() {
			mq := &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName}
			result, err := puller.PullFrom(ctx, mq, int64(offset), 1)
			if err == nil && result.Status == primitive.PullFound && len(result.GetMessageExts()) == 1 {
				arrived <- time.Now()
			}
			close(arrived)
		}()
		select {
		case <-arrived:
			require.FailNow(t, "the pull did not wait")
		case <-time.After(300 * time.Millisecond): // the request is at the broker, waiting
		}
		sent := time.Now()
		send(t, p, c, topic, 1, 1, "wake up ")
		at, ok := <-arrived
		require.True(t, ok, "the pull found the message")
		require.Less(t, at.Sub(sent), time.Second, "woken by the arrival, not by a timer")
	}
}

func TestPollAndAck(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("group")
	sent := send(t, c.Producer(t), c, topic, 2, 30, "")
	p, err := consumer.NewPullConsumer(
		consumer.WithNameServer(c.NameServers()), consumer.WithGroupName(group), consumer.WithInstance(kit.Name("poller")),
		consumer.WithPullBatchSize(8), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	require.NoError(t, err)
	require.NoError(t, p.Subscribe(topic, everything))
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	var got []string
	kit.Eventually(t, "poll of all messages", func() bool {
		request, err := p.Poll(ctx, time.Second)
		if err == nil {
			for _, m := range request.GetMsgList() {
				got = append(got, string(m.Body))
			}
			p.ACK(ctx, request, consumer.ConsumeSuccess)
		}
		return len(got) >= len(sent)
	})
	require.ElementsMatch(t, sent, got)
}

func TestOffsetsOfPullConsumer(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	send(t, c.Producer(t), c, topic, 1, 10, "")
	mq := &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName}
	writer := newPuller(t, c, group, topic, everything)
	kit.Eventually(t, "commit of offset 7", func() bool {
		// Only queues that are assigned are persisted, and assignment takes a moment.
		require.NoError(t, writer.UpdateOffset(mq, 7))
		require.NoError(t, writer.PersistOffset(ctx, topic))
		reader := newPuller(t, c, group, topic, everything)
		offset, err := reader.CurrentOffset(mq)
		require.NoError(t, err)
		return offset == 7
	})
}

func TestAdminTopics(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	a := c.Admin(t)
	topic := kit.Name("admin-topic")
	// Apache's name server forgets an update of a topic that exists when another
	// topic changes at the same time: the first of the two registrations already
	// carries the data version of the second. So the update is asked for again.
	// (RocketMQ: RouteInfoManager.isTopicConfigChanged)
	create := func(queues int) {
		kit.Eventually(t, "creation or update of the topic", func() bool {
			require.NoError(t, a.CreateTopic(ctx, admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(c.Broker),
				admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues)))
			got, err := c.Admin(t).FetchPublishMessageQueues(ctx, topic)
			return err == nil && len(got) == queues
		})
	}
	create(2)
	create(5)
	mqs, err := c.Admin(t).FetchPublishMessageQueues(ctx, topic)
	require.NoError(t, err)
	for i, mq := range mqs {
		require.Equal(t, primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: i}, *mq)
	}
	list, err := a.FetchAllTopicList(ctx)
	require.NoError(t, err)
	require.Contains(t, list.TopicList, topic)

	require.NoError(t, a.DeleteTopic(ctx, admin.WithTopicDelete(topic), admin.WithBrokerAddrDelete(c.Broker)))
	kit.Eventually(t, "end of the topic's route", func() bool {
		_, err := c.Admin(t).FetchPublishMessageQueues(ctx, topic)
		return err != nil
	})
	list, err = a.FetchAllTopicList(ctx)
	require.NoError(t, err)
	require.NotContains(t, list.TopicList, topic)
}

func TestAdminSubscriptionGroups(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	var got inbox
	newConsumer(t, c, group, topic, everything, got.take)
	kit.Eventually(t, "creation of the group by its first heartbeat", func() bool {
		groups, err := c.Admin(t).GetAllSubscriptionGroup(ctx, c.Broker, 5*time.Second)
		require.NoError(t, err)
		config, ok := groups.SubscriptionGroupTable[group]
		if !ok {
			return false
		}
		require.Equal(t, admin.SubscriptionGroupConfig{
			GroupName: group, ConsumeEnable: true, ConsumeFromMinEnable: true, ConsumeBroadcastEnable: true,
			RetryMaxTimes: 16, RetryQueueNums: 1, BrokerId: 0, WhichBrokerWhenConsumeSlowly: 1, NotifyConsumerIdsChangedEnable: true,
		}, config)
		return true
	})
}
