package actormq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

// limit is the time in which what a test waits for must happen.
const limit = 30 * time.Second

// startBroker starts a name server and a broker whose retries come at once, and
// returns the name server's address.
func startBroker(t *testing.T) string {
	return start(t, "messageDelayLevel", "1s 1s 1s").NameServer()
}

func connect(t *testing.T, names string) *actormq.Client {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func send(t *testing.T, c *actormq.Client, topic string, n int) {
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	for i := range n {
		_, err := p.Send(within(t), &actormq.Message{Topic: topic, Body: fmt.Append(nil, i)})
		require.NoError(t, err)
	}
	require.NoError(t, p.Close())
}

// bodies collects messages until there are n different ones.
type bodies struct {
	mu   sync.Mutex
	seen map[string]int
	n    int
	full chan struct{}
}

func collect(n int) *bodies {
	return &bodies{seen: make(map[string]int), n: n, full: make(chan struct{})}
}

func (b *bodies) add(m *actormq.Received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[string(m.Body)]++; b.seen[string(m.Body)] == 1 && len(b.seen) == b.n {
		close(b.full)
	}
}

func (b *bodies) wait(t *testing.T) {
	t.Helper()
	select {
	case <-b.full:
	case <-within(t).Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Fail(t, "messages are missing", "%d of %d: %v", len(b.seen), b.n, b.seen)
	}
}

// consume runs a consumer until the returned function is called.
func consume(t *testing.T, c *actormq.Client, o actormq.ConsumerOptions, handle actormq.Handler) (stop func()) {
	consumer, err := c.NewConsumer(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, handle) }()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

func group(from actormq.From) actormq.ConsumerOptions {
	return actormq.ConsumerOptions{Group: "readers", From: from, Subscriptions: []actormq.Subscription{{Topic: "t"}}}
}

func TestAGroupReadsEachMessageOnce(t *testing.T) {
	names := startBroker(t)
	send(t, connect(t, names), "t", 100)
	all := collect(100)
	stop := consume(t, connect(t, names), group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		all.add(m)
		return nil
	})
	all.wait(t)
	stop()
	for body, n := range all.seen {
		require.Equal(t, 1, n, "message %s", body)
	}

	// What was handled is committed: the group goes on where it was.
	send(t, connect(t, names), "t", 1)
	next := collect(1)
	stop = consume(t, connect(t, names), group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		next.add(m)
		return nil
	})
	next.wait(t)
	stop()
	require.Equal(t, map[string]int{"0": 1}, next.seen)
}

func TestMembersShareTheQueues(t *testing.T) {
	names := startBroker(t)
	admin := connect(t, names)
	require.NoError(t, admin.CreateTopic(within(t), "t", actormq.TopicOptions{Queues: 4}))
	p, err := admin.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)

	type reading struct{ member, queue int }
	read := make(chan reading, 100)
	for member := range 2 {
		stop := consume(t, connect(t, names), group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
			read <- reading{member, m.Queue.ID}
			return nil
		})
		defer stop()
	}
	// Each round has a message for each queue. Before both members know of each
	// other a queue may have two readers, or one member all queues.
	ctx := within(t)
	for shares := map[int]int{}; shares[0] != 2 || shares[1] != 2; {
		clear(shares)
		for range 4 {
			_, err := p.Send(ctx, &actormq.Message{Topic: "t", Body: []byte("x")})
			require.NoError(t, err)
		}
		readers := make(map[int]int)
		for len(readers) < 4 {
			select {
			case r := <-read:
				readers[r.queue] = r.member
			case <-ctx.Done():
				require.Fail(t, "the members do not share the queues", "last: %v", readers)
			}
		}
		for _, member := range readers {
			shares[member]++
		}
	}
}

func TestAFailedMessageComesAgain(t *testing.T) {
	names := startBroker(t)
	send(t, connect(t, names), "t", 1)
	var attempts []int
	var origin string
	done := make(chan struct{})
	stop := consume(t, connect(t, names), group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		attempts = append(attempts, m.Attempts)
		if m.Attempts < 2 {
			return errors.New("not yet")
		}
		origin = m.Topic
		close(done)
		return nil
	})
	select {
	case <-done:
	case <-within(t).Done():
		require.Fail(t, "the message did not come three times", "%v", attempts)
	}
	stop()
	require.Equal(t, []int{0, 1, 2}, attempts)
	require.Equal(t, "t", origin, "a retried message has the topic that it was sent to")
}

func TestAMessageThatFailsTooOftenIsPutAside(t *testing.T) {
	names := startBroker(t)
	c := connect(t, names)
	send(t, c, "t", 1)
	o := group(actormq.FromFirst)
	o.MaxAttempts = -1
	stop := consume(t, c, o, func(context.Context, *actormq.Received) error { return errors.New("never") })
	dead := collect(1)
	ctx, cancel := context.WithCancel(within(t))
	require.NoError(t, connect(t, names).Read(ctx, actormq.ReadOptions{Topic: "%DLQ%readers", From: actormq.FromFirst}, func(m *actormq.Received) error {
		dead.add(m)
		cancel()
		return nil
	}))
	dead.wait(t)
	stop()
}

func TestWhereANewGroupBegins(t *testing.T) {
	names := startBroker(t)
	c := connect(t, names)
	require.NoError(t, c.CreateTopic(within(t), "t", actormq.TopicOptions{Queues: 1}))
	send(t, c, "t", 3)
	read := func(o actormq.ReadOptions) (got []string) {
		o.Topic = "t"
		ctx, cancel := context.WithCancel(within(t))
		require.NoError(t, connect(t, names).Read(ctx, o, func(m *actormq.Received) error {
			if got = append(got, string(m.Body)); string(m.Body) == "2" {
				cancel()
			}
			return nil
		}))
		return got
	}
	require.Equal(t, []string{"0", "1", "2"}, read(actormq.ReadOptions{From: actormq.FromFirst}))
	require.Equal(t, []string{"0", "1", "2"}, read(actormq.ReadOptions{From: actormq.FromTime, Time: time.Now().Add(-time.Hour)}))

	q := actormq.Queue{Topic: "t", Broker: "broker-a"}
	end, err := c.MaxOffset(within(t), q)
	require.NoError(t, err)
	require.EqualValues(t, 3, end)
	begin, err := c.MinOffset(within(t), q)
	require.NoError(t, err)
	require.EqualValues(t, 0, begin)
	_, err = c.QueryOffset(within(t), "nobody", actormq.Queue{Topic: "t", Broker: "broker-a", ID: 99})
	require.ErrorIs(t, err, actormq.ErrNoOffset)
	require.NoError(t, err2(c.NewConsumer(group(actormq.FromFirst))))
	_, err = c.MaxOffset(within(t), actormq.Queue{Topic: "t", Broker: "nobody"})
	require.ErrorIs(t, err, actormq.ErrNoQueue)
}

func err2[T any](_ T, err error) error { return err }

func TestReadWaitsForItsTopic(t *testing.T) {
	names := startBroker(t)
	got := collect(3)
	ctx, cancel := context.WithCancel(within(t))
	missing := make(chan struct{})
	var once sync.Once
	ended := make(chan error, 1)
	go func() {
		ended <- connect(t, names).Read(ctx, actormq.ReadOptions{Topic: "later", OnError: func(err error) {
			if errors.Is(err, actormq.ErrUnknownTopic) {
				once.Do(func() { close(missing) })
			}
		}}, func(m *actormq.Received) error {
			got.add(m)
			return nil
		})
	}()
	<-missing
	send(t, connect(t, names), "later", 3)
	got.wait(t)
	cancel()
	require.NoError(t, <-ended)
}

func TestReadEndsWithItsHandler(t *testing.T) {
	names := startBroker(t)
	send(t, connect(t, names), "t", 3)
	enough := errors.New("enough")
	err := connect(t, names).Read(within(t), actormq.ReadOptions{Topic: "t", From: actormq.FromFirst}, func(*actormq.Received) error { return enough })
	require.ErrorIs(t, err, enough)
}

func TestTagsAreChosen(t *testing.T) {
	names := startBroker(t)
	c := connect(t, names)
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	for _, tag := range []string{"A", "B", "C", ""} {
		_, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("tag " + tag), Tags: tag})
		require.NoError(t, err)
	}
	got := collect(2)
	o := group(actormq.FromFirst)
	o.Subscriptions[0].Tags = "A || C"
	stop := consume(t, c, o, func(_ context.Context, m *actormq.Received) error {
		got.add(m)
		return nil
	})
	got.wait(t)
	stop()
	require.Equal(t, map[string]int{"tag A": 1, "tag C": 1}, got.seen)
}

func TestCloseStopsConsumers(t *testing.T) {
	names := startBroker(t)
	send(t, connect(t, names), "t", 10)
	c := connect(t, names)
	consumer, err := c.NewConsumer(group(actormq.FromFirst))
	require.NoError(t, err)
	ended := make(chan error, 1)
	all := collect(10)
	go func() {
		ended <- consumer.Run(context.Background(), func(_ context.Context, m *actormq.Received) error {
			all.add(m)
			return nil
		})
	}()
	all.wait(t)
	require.Error(t, consumer.Run(within(t), func(context.Context, *actormq.Received) error { return nil }), "it runs already")
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-ended, actormq.ErrClosed)
	require.ErrorIs(t, consumer.Run(within(t), func(context.Context, *actormq.Received) error { return nil }), actormq.ErrClosed)

	// Everything was committed before the connections were closed.
	admin := connect(t, names)
	queues, err := admin.Queues(within(t), "t")
	require.NoError(t, err)
	for _, q := range queues {
		end, err := admin.MaxOffset(within(t), q)
		require.NoError(t, err)
		at, err := admin.QueryOffset(within(t), "readers", q)
		require.NoError(t, err)
		require.Equal(t, end, at, "%s", q)
	}
}

func TestUnusableConsumers(t *testing.T) {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{"127.0.0.1:1"}})
	require.NoError(t, err)
	defer c.Close()
	for name, change := range map[string]func(*actormq.ConsumerOptions){
		"no group":       func(o *actormq.ConsumerOptions) { o.Group = "" },
		"no topic":       func(o *actormq.ConsumerOptions) { o.Subscriptions = nil },
		"illegal topic":  func(o *actormq.ConsumerOptions) { o.Subscriptions[0].Topic = "a b" },
		"topic twice":    func(o *actormq.ConsumerOptions) { o.Subscriptions = slices.Repeat(o.Subscriptions, 2) },
		"tags and SQL":   func(o *actormq.ConsumerOptions) { o.Subscriptions[0].Tags, o.Subscriptions[0].SQL = "a", "b = 1" },
		"no SQL":         func(o *actormq.ConsumerOptions) { o.Subscriptions[0].SQL = "b >" },
		"no tag":         func(o *actormq.ConsumerOptions) { o.Subscriptions[0].Tags = "||" },
		"time, but none": func(o *actormq.ConsumerOptions) { o.From = actormq.FromTime },
	} {
		o := group(actormq.FromFirst)
		change(&o)
		require.Error(t, err2(c.NewConsumer(o)), name)
	}
	require.Error(t, err2(actormq.NewClient(actormq.Options{NameServers: []string{""}})))
}
