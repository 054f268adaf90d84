package goclient

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/kit"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

var ctx = context.Background()

// message has a body and goes to a queue of the cluster's broker.
func message(c kit.Cluster, topic string, queue int, body string) *primitive.Message {
	m := primitive.NewMessage(topic, []byte(body))
	m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: queue}
	return m
}

// send sends n messages "<prefix>0" … to queues in turn.
func send(t *testing.T, p rocketmq.Producer, c kit.Cluster, topic string, queues, n int, prefix string) []string {
	t.Helper()
	var bodies []string
	for i := range n {
		body := fmt.Sprintf("%s%d", prefix, i)
		result, err := p.SendSync(ctx, message(c, topic, i%queues, body))
		require.NoError(t, err)
		require.Equal(t, primitive.SendOK, result.Status)
		bodies = append(bodies, body)
	}
	return bodies
}

// newPuller starts a pull consumer of topic.
func newPuller(t *testing.T, c kit.Cluster, group, topic string, selector consumer.MessageSelector) rocketmq.PullConsumer {
	p, err := rocketmq.NewPullConsumer(
		consumer.WithNameServer(c.NameServers()),
		consumer.WithGroupName(group),
		consumer.WithInstance(kit.Name("puller")))
	require.NoError(t, err)
	require.NoError(t, p.Subscribe(topic, selector))
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	return p
}

// pull reads n messages of a queue from offset on, over as many requests as it
// takes.
func pull(t *testing.T, p rocketmq.PullConsumer, c kit.Cluster, topic string, queue int, offset int64, n int) []*primitive.MessageExt {
	t.Helper()
	var all []*primitive.MessageExt
	for len(all) < n {
		mq := &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: queue}
		result, err := p.PullFrom(ctx, mq, offset, min(32, n-len(all)))
		require.NoError(t, err)
		require.Equal(t, primitive.PullFound, result.Status)
		require.Equal(t, offset+int64(len(result.GetMessageExts())), result.NextBeginOffset)
		all = append(all, result.GetMessageExts()...)
		offset = result.NextBeginOffset
	}
	require.Len(t, all, n)
	return all
}

// inbox collects what consumers were given.
type inbox struct {
	mu   sync.Mutex
	msgs []*primitive.MessageExt
}

func (b *inbox) add(msgs ...*primitive.MessageExt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.msgs = append(b.msgs, msgs...)
}

func (b *inbox) all() []*primitive.MessageExt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*primitive.MessageExt(nil), b.msgs...)
}

func (b *inbox) bodies() []string {
	var bodies []string
	for _, m := range b.all() {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// await waits until n messages have arrived.
func (b *inbox) await(t *testing.T, n int) {
	t.Helper()
	kit.Eventually(t, fmt.Sprintf("arrival of %d messages", n), func() bool { return len(b.all()) >= n })
}

// take is a listener that keeps every message and succeeds.
func (b *inbox) take(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	b.add(msgs...)
	return consumer.ConsumeSuccess, nil
}

type listener func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)

var everything = consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}

// newConsumer starts a push consumer from the first offset.
func newConsumer(t *testing.T, c kit.Cluster, group, topic string, selector consumer.MessageSelector, l listener, options ...consumer.Option) rocketmq.PushConsumer {
	options = append([]consumer.Option{
		consumer.WithNameServer(c.NameServers()),
		consumer.WithGroupName(group),
		consumer.WithInstance(kit.Name("consumer")),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, options...)
	p, err := rocketmq.NewPushConsumer(options...)
	require.NoError(t, err)
	require.NoError(t, p.Subscribe(topic, selector, l))
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	return p
}

// leave shuts a consumer down, which commits its offsets. It lets half a second
// pass before, because Apache's broker may handle a heartbeat after the end of
// the connection it came on, and then keeps a member that is gone, with its
// share of the queues, for two minutes.
func leave(t *testing.T, p rocketmq.PushConsumer) {
	time.Sleep(500 * time.Millisecond)
	require.NoError(t, p.Shutdown())
}
