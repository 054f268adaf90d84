package goclient

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestPushConsumption(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 4), kit.Name("group")
	p := c.Producer(t)
	sent := send(t, p, c, topic, 4, 100, "early ")
	var got inbox
	newConsumer(t, c, group, topic, everything, got.take)
	got.await(t, 100)
	sent = append(sent, send(t, p, c, topic, 4, 100, "late ")...)
	got.await(t, 200)
	require.ElementsMatch(t, sent, got.bodies(), "each message once")
}

func TestTagFilter(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	var wanted []string
	// "Aa" and "BB" have the same Java hash code, by which the broker filters. This
	// client hashes bytes where Java hashes UTF-16, so only ASCII tags work with it.
	for i, tag := range []string{"Aa", "BB", "other", "second", "", "Aa", "AaAa", "BB"} {
		m := message(c, topic, 0, fmt.Sprint(tag, i))
		if tag != "" {
			m.WithTag(tag)
		}
		_, err := p.SendSync(ctx, m)
		require.NoError(t, err)
		if tag == "Aa" || tag == "second" {
			wanted = append(wanted, string(m.Body))
		}
	}
	var got inbox
	newConsumer(t, c, kit.Name("group"), topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "Aa || second"}, got.take)
	last := message(c, topic, 0, "last")
	last.WithTag("Aa")
	_, err := p.SendSync(ctx, last)
	require.NoError(t, err)
	got.await(t, 4)
	require.ElementsMatch(t, append(wanted, "last"), got.bodies())
}

func TestTagFilterAtTheBroker(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	for i, tag := range []string{"x", "Aa", "x", "BB", "x", "x"} {
		m := message(c, topic, 0, fmt.Sprint(i))
		m.WithTag(tag)
		_, err := p.SendSync(ctx, m)
		require.NoError(t, err)
	}
	mq := &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName}
	puller := newPuller(t, c, kit.Name("group"), topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "Aa"})
	result, err := puller.PullFrom(ctx, mq, 0, 32)
	require.NoError(t, err)
	require.Equal(t, primitive.PullFound, result.Status)
	require.EqualValues(t, 6, result.NextBeginOffset, "the broker went past the messages that do not match")
	require.Len(t, result.GetMessageExts(), 1)
	require.EqualValues(t, 1, result.GetMessageExts()[0].QueueOffset)
}

func TestSQLFilter(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	priced := func(price, region string) {
		m := message(c, topic, 0, price+region)
		m.WithProperty("price", price)
		m.WithProperty("region", region)
		_, err := p.SendSync(ctx, m)
		require.NoError(t, err)
	}
	priced("5", "EU")
	priced("50", "EU")
	priced("50", "APAC")
	priced("fifty", "EU")
	var got inbox
	newConsumer(t, c, kit.Name("group"), topic, consumer.MessageSelector{
		Type: consumer.SQL92, Expression: "price BETWEEN 10 AND 99 AND region IN ('EU', 'US')",
	}, got.take)
	priced("100", "US")
	priced("99", "US")
	got.await(t, 2)
	require.ElementsMatch(t, []string{"50EU", "99US"}, got.bodies())
}

func TestOrderedConsumption(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 3), kit.Name("group")
	send(t, c.Producer(t), c, topic, 3, 60, "")
	var mu sync.Mutex
	busy := map[int]bool{}
	refused := false
	var got inbox
	listen := func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		queue := msgs[0].Queue.QueueId
		mu.Lock()
		overlap := busy[queue]
		busy[queue] = true
		refuse := string(msgs[0].Body) == "30" && !refused
		refused = refused || refuse
		mu.Unlock()
		defer func() { mu.Lock(); busy[queue] = false; mu.Unlock() }()
		if overlap {
			got.add(&primitive.MessageExt{Message: primitive.Message{Body: []byte("two at a time")}, MsgId: "overlap"})
		}
		if refuse {
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		got.add(msgs...)
		return consumer.ConsumeSuccess, nil
	}
	newConsumer(t, c, group, topic, everything, listen, consumer.WithConsumerOrder(true))
	got.await(t, 60)
	next := map[int]int64{}
	for _, m := range got.all() {
		require.NotEqual(t, "overlap", m.MsgId, "a queue was consumed by two goroutines at once")
		require.Equal(t, next[m.Queue.QueueId], m.QueueOffset, "in order, none left out, also after the refusal")
		next[m.Queue.QueueId]++
	}
	require.Equal(t, map[int]int64{0: 20, 1: 20, 2: 20}, next)
	require.True(t, refused)
}

func TestBroadcasting(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("group")
	sent := send(t, c.Producer(t), c, topic, 2, 20, "")
	var boxes [2]inbox
	for i := range boxes {
		newConsumer(t, c, group, topic, everything, boxes[i].take, consumer.WithConsumerModel(consumer.BroadCasting))
	}
	for i := range boxes {
		boxes[i].await(t, len(sent))
		require.ElementsMatch(t, sent, boxes[i].bodies(), "each consumer gets every message")
	}
}

func TestRetriesThenDeadLetterQueue(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	m := message(c, topic, 0, "nobody wants me")
	m.WithTag("tag").WithKeys([]string{"key"})
	m.WithProperty("own", "property")
	var got inbox
	refuse := func(ctx context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		got.add(msgs...)
		concurrently, _ := primitive.GetConcurrentlyCtx(ctx)
		concurrently.DelayLevelWhenNextConsume = 1
		return consumer.ConsumeRetryLater, nil
	}
	// The broker creates the retry topic at a group's first heartbeat, after the
	// client has looked for it; it looks again only half a minute later. So the
	// group is introduced first.
	introduction := newConsumer(t, c, group, topic, everything, got.take)
	c.AwaitRoute(t, "%RETRY%"+group, 1)
	leave(t, introduction)
	newConsumer(t, c, group, topic, everything, refuse, consumer.WithMaxReconsumeTimes(2))
	sent, err := c.Producer(t).SendSync(ctx, m)
	require.NoError(t, err)

	dead := "%DLQ%" + group
	c.AwaitRoute(t, dead, 1)
	letter := pull(t, newPuller(t, c, kit.Name("group"), dead, everything), c, dead, 0, 0, 1)[0]
	got.await(t, 3)
	require.Len(t, got.all(), 3, "maxReconsumeTimes is 2")
	for i, attempt := range append(got.all(), letter) {
		require.Equal(t, m.Body, attempt.Body)
		require.EqualValues(t, i, attempt.ReconsumeTimes)
		require.Equal(t, "tag", attempt.GetTags())
		require.Equal(t, "key", attempt.GetKeys())
		require.Equal(t, "property", attempt.GetProperty("own"))
		require.Equal(t, sent.MsgID, attempt.MsgId, "UNIQ_KEY stays")
		if i > 0 {
			require.Equal(t, topic, attempt.GetProperty(primitive.PropertyRetryTopic))
			require.Equal(t, sent.OffsetMsgID, attempt.GetProperty(primitive.PropertyOriginMessageId))
		}
	}
	require.Equal(t, dead, letter.Topic)
}

func TestDelayLevel(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 3)
	p := c.Producer(t)
	var got inbox
	newConsumer(t, c, kit.Name("group"), topic, everything, got.take)
	delayed := message(c, topic, 2, "three seconds late")
	delayed.WithTag("tag").WithKeys([]string{"key"}).WithDelayTimeLevel(2)
	began := time.Now()
	result, err := p.SendSync(ctx, delayed)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	send(t, p, c, topic, 1, 1, "at once")
	got.await(t, 2)
	took := time.Since(began)
	require.GreaterOrEqual(t, took, 2900*time.Millisecond)
	require.Less(t, took, 6*time.Second)
	all := got.all()
	require.Equal(t, "at once0", string(all[0].Body))
	late := all[1]
	require.Equal(t, "three seconds late", string(late.Body))
	require.Equal(t, topic, late.Topic)
	require.Equal(t, 2, late.Queue.QueueId, "delivered to the queue it was sent to")
	require.Zero(t, late.QueueOffset)
	require.Equal(t, "tag", late.GetTags())
	require.Equal(t, "key", late.GetKeys())
	require.Equal(t, result.MsgID, late.MsgId)
	require.Equal(t, topic, late.GetProperty(primitive.PropertyRealTopic))
	require.Equal(t, "2", late.GetProperty(primitive.PropertyRealQueueId))
}

// A group without offsets starts where consumeFromWhere says, but only if its
// offsets are kept by the client (broadcasting).
func TestConsumeFromWhereWhenBroadcasting(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	send(t, p, c, topic, 1, 5, "old ")
	second := time.Now().Truncate(time.Second).Add(2 * time.Second)
	kit.Eventually(t, "second", func() bool { return time.Now().After(second) })
	send(t, p, c, topic, 1, 5, "new ")
	start := func(options ...consumer.Option) *inbox {
		var got inbox
		options = append(options, consumer.WithConsumerModel(consumer.BroadCasting))
		newConsumer(t, c, kit.Name("group"), topic, everything, got.take, options...)
		return &got
	}
	first := start(consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	// The Go client reads the time as UTC, where Java's takes local time.
	since := start(consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp),
		consumer.WithConsumeTimestamp(second.UTC().Format("20060102150405")))
	first.await(t, 10)
	since.await(t, 5)
	require.Equal(t, []string{"new 0", "new 1", "new 2", "new 3", "new 4"}, sorted(since.bodies()))

	last := start(consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	kit.Eventually(t, "message that the last consumer gets", func() bool {
		send(t, p, c, topic, 1, 1, "newest ")
		return len(last.all()) > 0
	})
	require.Subset(t, []string{"newest 0"}, last.bodies(), "nothing from before it started")
}

// In clustering mode Apache's broker answers the first query of a new group with
// offset 0 as long as the queue still begins at 0 and is in memory, so that a
// consumer set to the last offset sees everything. (RocketMQ:
// ConsumerManageProcessor.queryConsumerOffset)
func TestNewGroupOfYoungTopicStartsAtZero(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	sent := send(t, c.Producer(t), c, topic, 1, 5, "")
	var got inbox
	newConsumer(t, c, kit.Name("group"), topic, everything, got.take, consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	got.await(t, 5)
	require.ElementsMatch(t, sent, got.bodies())
}

func TestOffsetsAreCommitted(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("group")
	p := c.Producer(t)
	send(t, p, c, topic, 2, 40, "before ")
	var first, second inbox
	one := newConsumer(t, c, group, topic, everything, first.take)
	first.await(t, 40)
	leave(t, one)
	sent := send(t, p, c, topic, 2, 10, "after ")
	newConsumer(t, c, group, topic, everything, second.take)
	second.await(t, 10)
	require.ElementsMatch(t, sent, second.bodies(), "the group goes on where it was, and nothing comes twice")
}

func sorted(s []string) []string {
	sort.Strings(s)
	return s
}
