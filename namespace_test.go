package actormq_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

// TestTenantsDoNotSeeEachOther: two tenants of a broker use the same names.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	b := start(t, "messageDelayLevel", "1s 1s 1s")
	tenant := func(namespace string) *actormq.Client {
		c, err := actormq.NewClient(actormq.Options{NameServers: []string{b.NameServer()}, Namespace: namespace})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	one, two := tenant("one"), tenant("two")
	for _, c := range []*actormq.Client{one, two} {
		require.NoError(t, c.CreateTopic(within(t), "t", actormq.TopicOptions{Queues: 2}))
		queues, err := c.Queues(within(t), "t")
		require.NoError(t, err)
		require.Equal(t, []actormq.Queue{{Topic: "t", Broker: "broker-a"}, {Topic: "t", Broker: "broker-a", ID: 1}}, queues)
	}
	none := tenant("")
	_, err := none.Queues(within(t), "t")
	require.ErrorIs(t, err, actormq.ErrUnknownTopic)
	outside, err := none.Queues(within(t), "one%t")
	require.NoError(t, err)
	require.Len(t, outside, 2)

	q := actormq.Queue{Topic: "t", Broker: "broker-a", ID: 1}
	p := producer(t, one, actormq.ProducerOptions{})
	sent, err := p.SendSelect(within(t), &actormq.Message{Topic: "t", Body: []byte("m")}, func(queues []actormq.Queue) int {
		return slices.Index(queues, q)
	})
	require.NoError(t, err)
	require.Equal(t, q, sent.Queue)

	// Retries, offsets and dead letters are the tenant's.
	var got journal
	o := group(actormq.FromFirst)
	o.MaxAttempts = 1
	assigned := make(chan []actormq.Queue, 10)
	o.OnAssigned = func(queues []actormq.Queue) { assigned <- queues }
	stop := consume(t, one, o, func(_ context.Context, m *actormq.Received) error {
		got.add("%s %s %d", m.Topic, m.Queue.Topic, m.Attempts)
		return errors.New("never")
	})
	require.Equal(t, []string{"t t 0", "t %RETRY%readers 1"}, got.wait(t, 2))
	for queues := <-assigned; !slices.Contains(queues, q); { // the queues may come one by one
		select {
		case queues = <-assigned:
		case <-within(t).Done():
			require.Fail(t, "the consumer was not assigned its queue")
		}
	}
	ctx, cancel := context.WithCancel(within(t))
	require.NoError(t, one.Read(ctx, actormq.ReadOptions{Topic: "%DLQ%readers", From: actormq.FromFirst}, func(m *actormq.Received) error {
		require.Equal(t, "m", string(m.Body))
		cancel()
		return nil
	}))
	stop()
	at, err := one.QueryOffset(within(t), "readers", q)
	require.NoError(t, err)
	require.EqualValues(t, 1, at)
	for _, stranger := range []*actormq.Client{two, none} {
		_, err = stranger.QueryOffset(within(t), "readers", q)
		require.ErrorIs(t, err, actormq.ErrNoOffset)
	}
	end, err := two.MaxOffset(within(t), q)
	require.NoError(t, err)
	require.Zero(t, end)

	pulled, err := one.Pull(within(t), actormq.PullRequest{Group: "pullers", Queue: q})
	require.NoError(t, err)
	require.Equal(t, "t", pulled.Messages[0].Topic)
	require.Equal(t, q, pulled.Messages[0].Queue)
}

func TestKindsOfConsumersInANamespace(t *testing.T) {
	b := start(t)
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{b.NameServer()}, Namespace: "ns"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.CreateTopic(within(t), "t", actormq.TopicOptions{Queues: 1}))
	send(t, c, "t", 2)
	q := actormq.Queue{Topic: "t", Broker: "broker-a"}

	p, err := c.NewPullConsumer(actormq.PullConsumerOptions{Group: "pullers", From: actormq.FromFirst})
	require.NoError(t, err)
	require.NoError(t, p.Assign(within(t), q))
	read := func(want string) {
		batch, err := p.Poll(within(t))
		require.NoError(t, err)
		require.Equal(t, want, string(batch[0].Body))
		require.Equal(t, q, batch[0].Queue)
	}
	read("0")
	require.Equal(t, []actormq.Queue{q}, p.Assignment())
	require.NoError(t, p.Seek(within(t), q, 1))
	read("1")
	require.NoError(t, p.Pause(within(t), q))
	require.NoError(t, p.SeekToBegin(within(t), q))
	nothing(t, p)
	require.NoError(t, p.Resume(within(t), q))
	read("0")
	require.NoError(t, p.Commit(within(t)))
	at, err := p.Committed(within(t), q)
	require.NoError(t, err)
	require.NotZero(t, at)
	stats, err := p.Stats(within(t))
	require.NoError(t, err)
	require.Equal(t, q, stats.Queues[0].Queue)
	require.NoError(t, p.Close())

	for name, change := range map[string]func(*actormq.ConsumerOptions){
		"ordered": func(o *actormq.ConsumerOptions) { o.Ordered = true },
		"broadcasting": func(o *actormq.ConsumerOptions) {
			o.Broadcasting, o.OffsetFile = true, filepath.Join(t.TempDir(), "offsets")
		},
		"by config": func(o *actormq.ConsumerOptions) { o.Strategy = actormq.ByConfig{Queues: []actormq.Queue{q}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := group(actormq.FromFirst)
			o.Group = "readers-" + name[:2]
			change(&o)
			all := collect(2)
			stop := consume(t, c, o, func(_ context.Context, m *actormq.Received) error {
				all.add(m)
				return nil
			})
			all.wait(t)
			stop()
		})
	}
}
