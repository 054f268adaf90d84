package actormq_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

// puller starts a broker with a topic of some queues, n messages in turn on them,
// and a consumer.
func puller(t *testing.T, queues, n int, o actormq.PullConsumerOptions) (broker, *actormq.PullConsumer) {
	b := start(t)
	b.CreateTopic("t", queues)
	sendTo(t, b, queues, 0, n)
	return b, pullerOf(t, b, o)
}

func pullerOf(t *testing.T, b broker, o actormq.PullConsumerOptions) *actormq.PullConsumer {
	o.Group, o.From = "pullers", actormq.FromFirst
	p, err := connect(t, b.NameServer()).NewPullConsumer(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// sendTo sends messages whose bodies are numbers, to the queues in turn, and waits
// until they can be pulled.
func sendTo(t *testing.T, b broker, queues, from, n int) {
	p, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	for i := range n {
		q := actormq.Queue{Topic: "t", Broker: b.Name(), ID: i % queues}
		sent, err := p.SendTo(within(t), q, &actormq.Message{Topic: "t", Body: []byte{byte(from + i)}})
		require.NoError(t, err)
		if i < n-queues {
			continue
		}
		require.Eventually(t, func() bool {
			end, err := b.Client().MaxOffset(within(t), q)
			return err == nil && end > sent.Offset
		}, limit, time.Millisecond)
	}
	require.NoError(t, p.Close())
}

// poll polls until n messages came and returns their bodies, in order of arrival.
func poll(t *testing.T, p *actormq.PullConsumer, n int) (got []int) {
	t.Helper()
	for len(got) < n {
		batch, err := p.Poll(within(t))
		require.NoError(t, err)
		for _, m := range batch {
			got = append(got, int(m.Body[0]))
		}
	}
	return got
}

// nothing requires that a Poll returns nothing for a while.
func nothing(t *testing.T, p *actormq.PullConsumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	batch, err := p.Poll(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "%v", batch)
}

func upTo(from, n int) (all []int) {
	for i := range n {
		all = append(all, from+i)
	}
	return all
}

var subscribed = actormq.PullConsumerOptions{Subscriptions: []actormq.Subscription{{Topic: "t"}}}

func TestPullConsumerGoesOnWhereItsGroupWas(t *testing.T) {
	b, p := puller(t, 1, 30, subscribed)
	require.Equal(t, upTo(0, 12), slices.Concat(poll(t, p, 10), first(t, p, 2)))
	require.NoError(t, p.Close())
	_, err := p.Poll(within(t))
	require.ErrorIs(t, err, actormq.ErrClosed)
	// The loop that yielded 10 and 11 has asked for nothing behind 11.
	p = pullerOf(t, b, subscribed)
	require.Equal(t, upTo(10, 20), poll(t, p, 20))
	require.NoError(t, p.Commit(within(t)))
	q := actormq.Queue{Topic: "t", Broker: b.Name()}
	at, err := p.Committed(within(t), q)
	require.NoError(t, err)
	require.EqualValues(t, 30, at)
}

// first takes n messages off the iterator.
func first(t *testing.T, p *actormq.PullConsumer, n int) (got []int) {
	for m, err := range p.Messages(within(t)) {
		require.NoError(t, err)
		if got = append(got, int(m.Body[0])); len(got) == n {
			break
		}
	}
	return got
}

func TestALoopThatEndsLosesNothing(t *testing.T) {
	_, p := puller(t, 1, 25, subscribed)
	var got []int
	for _, n := range []int{1, 2, 9, 10, 3} {
		got = append(got, first(t, p, n)...)
	}
	require.Equal(t, upTo(0, 25), got)
}

func TestCommitByHand(t *testing.T) {
	o := subscribed
	o.ManualCommit = true
	b, p := puller(t, 1, 20, o)
	q := actormq.Queue{Topic: "t", Broker: b.Name()}
	require.Len(t, poll(t, p, 10), 10)
	require.NoError(t, p.Commit(within(t)))
	require.Len(t, poll(t, p, 10), 10)
	require.NoError(t, p.Close())
	at, err := b.Client().QueryOffset(within(t), "pullers", q)
	require.NoError(t, err)
	require.EqualValues(t, 10, at, "the second poll was not committed")
	require.Equal(t, upTo(10, 10), poll(t, pullerOf(t, b, o), 10))
}

func TestAssignedQueues(t *testing.T) {
	b, p := puller(t, 4, 40, actormq.PullConsumerOptions{})
	nothing(t, p)
	q := func(id int) actormq.Queue { return actormq.Queue{Topic: "t", Broker: b.Name(), ID: id} }
	require.NoError(t, p.Assign(within(t), q(1)))
	require.Equal(t, []int{1, 5, 9, 13, 17, 21, 25, 29, 33, 37}, poll(t, p, 10))
	require.Equal(t, []actormq.Queue{q(1)}, p.Assignment())
	require.ErrorIs(t, p.Seek(within(t), q(2), 0), actormq.ErrNotAssigned)
	require.Error(t, p.Seek(within(t), q(1), -1))
	require.NoError(t, p.Assign(within(t), q(2), q(3)))
	got := poll(t, p, 20)
	slices.Sort(got)
	require.Equal(t, []int{2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31, 34, 35, 38, 39}, got)
	require.ErrorIs(t, p.Assign(within(t), actormq.Queue{Topic: "t", Broker: "nobody"}), actormq.ErrNoQueue)
	nothing(t, p)
}

func TestSubscribersAreNotAssigned(t *testing.T) {
	b, p := puller(t, 1, 0, subscribed)
	require.Error(t, p.Assign(within(t), actormq.Queue{Topic: "t", Broker: b.Name()}))
}

func TestSeek(t *testing.T) {
	b, p := puller(t, 1, 30, actormq.PullConsumerOptions{})
	q := actormq.Queue{Topic: "t", Broker: b.Name()}
	require.NoError(t, p.Assign(within(t), q))
	require.NoError(t, p.Seek(within(t), q, 25), "even before anything is known of the queue")
	require.Equal(t, upTo(25, 5), poll(t, p, 5))
	require.NoError(t, p.SeekToBegin(within(t), q))
	require.Equal(t, upTo(0, 30), poll(t, p, 30))
	require.NoError(t, p.Seek(within(t), q, 7))
	require.Equal(t, 7, poll(t, p, 1)[0], "what was fetched before is dropped")
	require.NoError(t, p.SeekToEnd(within(t), q))
	nothing(t, p)
	sendTo(t, b, 1, 30, 1)
	require.Equal(t, []int{30}, poll(t, p, 1))
	require.NoError(t, p.SeekToTime(within(t), q, b.Now().Add(-time.Hour)))
	require.Equal(t, 0, poll(t, p, 1)[0])
}

func TestPause(t *testing.T) {
	b, p := puller(t, 2, 20, actormq.PullConsumerOptions{})
	q := func(id int) actormq.Queue { return actormq.Queue{Topic: "t", Broker: b.Name(), ID: id} }
	require.NoError(t, p.Assign(within(t), q(0), q(1)))
	require.NoError(t, p.Pause(within(t), q(0)))
	require.Equal(t, []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19}, poll(t, p, 10))
	nothing(t, p)
	require.NoError(t, p.Resume(within(t), q(0)))
	require.Equal(t, []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}, poll(t, p, 10))
}

func TestPullConsumersShareTheQueues(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 4)
	changes := make(chan int, 100)
	o := subscribed
	o.OnAssigned = func(queues []actormq.Queue) { changes <- len(queues) }
	pullerOf(t, b, o)
	awaitValue(t, changes, 4)
	other := pullerOf(t, b, subscribed)
	awaitValue(t, changes, 2)
	require.NoError(t, other.Close())
	awaitValue(t, changes, 4)
}

// awaitValue takes values until it finds want.
func awaitValue(t *testing.T, values <-chan int, want int) {
	t.Helper()
	ctx := within(t)
	for got := -1; got != want; {
		select {
		case got = <-values:
		case <-ctx.Done():
			require.Fail(t, "it never came", "%d; last: %d", want, got)
		}
	}
}

func TestPullConsumerEndsWithItsClient(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	c := connect(t, b.NameServer())
	o := subscribed
	o.Group = "pullers"
	p, err := c.NewPullConsumer(o)
	require.NoError(t, err)
	_, err = c.NewPullConsumer(o)
	require.Error(t, err, "one of a group on a client")
	ended := make(chan error, 1)
	go func() {
		_, err := p.Poll(context.Background())
		ended <- err
	}()
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-ended, actormq.ErrClosed)
	require.ErrorIs(t, p.Commit(within(t)), actormq.ErrClosed)
	require.NoError(t, p.Close())
	_, err = c.NewPullConsumer(o)
	require.True(t, errors.Is(err, actormq.ErrClosed))
}

func TestConsumerStats(t *testing.T) {
	b, p := puller(t, 1, 30, subscribed)
	q := actormq.Queue{Topic: "t", Broker: b.Name()}
	poll(t, p, 20)
	require.NoError(t, p.Commit(within(t)))
	require.NoError(t, p.Pause(within(t), q))
	s, err := p.Stats(within(t))
	require.NoError(t, err)
	require.Equal(t, "pullers", s.Group)
	require.Equal(t, []actormq.ConsumerQueue{{Queue: q, Messages: 10, Bytes: s.Queues[0].Bytes, Handled: 20, Committed: 20, Lag: 10, Paused: true}}, s.Queues)
	require.Positive(t, s.Queues[0].Bytes)
	require.Positive(t, s.Rebalances)
	require.EqualValues(t, 20, s.Topics["t"].Handled)
	require.NoError(t, p.Close())
	_, err = p.Stats(within(t))
	require.ErrorIs(t, err, actormq.ErrClosed)
}

func TestConsumersAreMeasured(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 2)
	sendTo(t, b, 2, 0, 10)
	c := connect(t, b.NameServer())
	o := group(actormq.FromFirst)
	all := collect(10)
	defer consume(t, c, o, func(_ context.Context, m *actormq.Received) error {
		all.add(m)
		return nil
	})()
	all.wait(t)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c.Collector()))
	require.Eventually(t, func() bool {
		families, err := registry.Gather()
		require.NoError(t, err)
		values := make(map[string]float64)
		for _, f := range families {
			for _, m := range f.Metric {
				values[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		return values["actormq_client_messages_handled_total"] == 10 && values["actormq_client_consumer_lag"] == 0 &&
			values["actormq_client_rebalances_total"] >= 1
	}, limit, 10*time.Millisecond)
}
