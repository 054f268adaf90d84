package testkit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

func message(topic, text string) *actormq.Message {
	return &actormq.Message{Topic: topic, Body: []byte(text)}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testkit.DefaultPatience)
	t.Cleanup(cancel)
	return ctx
}

// next returns what comes on a channel.
func next[T any](t *testing.T, from <-chan T) (v T) {
	select {
	case v = <-from:
	case <-within(t).Done():
		t.Fatal("nothing comes")
	}
	return v
}

// consume runs a consumer until the test ends.
func consume(t *testing.T, b *testkit.Broker, o actormq.ConsumerOptions, handle actormq.Handler) {
	consumer, err := b.Client().NewConsumer(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx, handle) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func TestMessagesGoThrough(t *testing.T) {
	b := testkit.StartBroker(t)
	require.Empty(t, b.Messages("greetings"))
	b.Send(&actormq.Message{Topic: "greetings", Body: []byte("hello"), Tags: "a", Keys: []string{"k1"}, Properties: map[string]string{"p": "v"}})
	all := b.AwaitMessages("greetings", 1)
	require.Equal(t, "hello", string(all[0].Body))
	require.Equal(t, "a", all[0].Tags)
	require.Equal(t, []string{"k1"}, all[0].Keys)
	require.Equal(t, "v", all[0].Properties["p"])
	require.EqualValues(t, 1, b.Lag("readers", "greetings"))
}

func TestManyBrokersAtOnce(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := testkit.StartBroker(t)
			b.Send(message("T", fmt.Sprint(i)))
			require.Equal(t, fmt.Sprint(i), string(b.AwaitMessages("T", 1)[0].Body))
		})
	}
}

// A delay of two hours takes no time.
func TestDelayedMessagesComeWhenTheClockIsAdvanced(t *testing.T) {
	b := testkit.StartBroker(t)
	b.CreateTopic("later", 1)
	got := make(chan string, 1)
	consume(t, b, actormq.ConsumerOptions{
		Group: "readers", From: actormq.FromFirst, Subscriptions: []actormq.Subscription{{Topic: "later"}},
	}, func(_ context.Context, m *actormq.Received) error { got <- string(m.Body); return nil })
	b.Send(&actormq.Message{Topic: "later", Body: []byte("two hours"), DelayLevel: 18})
	b.AwaitDelayed(1)
	b.Advance(2*time.Hour - time.Minute)
	require.Empty(t, b.Messages("later"), "not yet")
	began := time.Now()
	b.Advance(time.Minute)
	require.Equal(t, "two hours", next(t, got))
	require.Less(t, time.Since(began), time.Second)
}

// A consumer that fails sees its retries, and then the dead letters have them.
func TestRetriesAndDeadLetters(t *testing.T) {
	began := time.Now()
	b := testkit.StartBroker(t)
	b.CreateTopic("work", 1)
	var attempts atomic.Int32
	consume(t, b, actormq.ConsumerOptions{
		Group: "workers", From: actormq.FromFirst, MaxAttempts: 3, Subscriptions: []actormq.Subscription{{Topic: "work"}},
	}, func(_ context.Context, m *actormq.Received) error {
		attempts.Add(1)
		return errors.New("cannot")
	})
	b.Send(message("work", "impossible"))
	for retry := 1; retry <= 3; retry++ {
		b.AwaitDelayed(retry)
		b.Advance(time.Hour)
	}
	dead := b.AwaitMessages(messages.DLQTopic("workers"), 1)
	require.Equal(t, "impossible", string(dead[0].Body))
	require.EqualValues(t, 4, attempts.Load())
	require.Less(t, time.Since(began), 2*time.Second)
}

// To know that a group is done takes no longer than its work: consumers need not
// wait for the time at which they commit.
func TestAwaitConsumed(t *testing.T) {
	b := testkit.StartBroker(t)
	b.CreateTopic("T", 4)
	consume(t, b, actormq.ConsumerOptions{
		Group: "readers", From: actormq.FromFirst, Subscriptions: []actormq.Subscription{{Topic: "T"}},
	}, func(context.Context, *actormq.Received) error { return nil })
	require.Empty(t, b.Offsets("readers", "T"))
	for i := range 20 {
		b.Send(message("T", fmt.Sprint(i)))
	}
	began := time.Now()
	b.AwaitConsumed("readers", "T")
	require.Less(t, time.Since(began), 2*time.Second)
	require.Zero(t, b.Lag("readers", "T"))
	sum := int64(0)
	for _, at := range b.Offsets("readers", "T") {
		sum += at
	}
	require.EqualValues(t, 20, sum)
}

// recorder is a test that fails for itself alone.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Fatalf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }

func TestWhatDoesNotComeIsSaid(t *testing.T) {
	r := &recorder{TB: t}
	b := testkit.StartBroker(r, testkit.WithPatience(300*time.Millisecond))
	b.Send(message("T", "one"))
	require.Empty(t, r.failure)
	b.AwaitMessages("T", 2)
	require.Equal(t, "testkit: waited 300ms for 2 messages in T: there are 1", r.failure)
	b.AwaitConsumed("readers", "T")
	require.Equal(t, "testkit: waited 300ms for group readers to consume T: it lags behind by 1", r.failure)
}

func TestSendsAreRefused(t *testing.T) {
	ways := map[string]struct {
		disturb func(b *testkit.Broker)
		code    messages.ResponseCode
		remark  string
	}{
		"by wish": {
			func(b *testkit.Broker) { b.RefuseSends(messages.MessageIllegal, "not today") }, messages.MessageIllegal, "not today",
		},
		"full disk": {
			func(b *testkit.Broker) { b.FullDisk() }, messages.ServiceNotAvailable, "service not available now. The disk is full: no space left on device",
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			b := testkit.StartBroker(t)
			b.Send(message("T", "before"))
			producer, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
			require.NoError(t, err)
			way.disturb(b)
			_, err = producer.Send(within(t), message("T", "refused"))
			var refusal *actormq.Error
			require.ErrorAs(t, err, &refusal)
			require.EqualValues(t, way.code, refusal.Code)
			require.Equal(t, way.remark, refusal.Remark)
			require.Len(t, b.Messages("T"), 1, "what is there can be read")
			b.Heal()
			_, err = producer.Send(within(t), message("T", "after"))
			require.NoError(t, err)
		})
	}
}

func TestRequestsAreKeptWaiting(t *testing.T) {
	b := testkit.StartBroker(t)
	b.Send(message("T", "before"))
	producer, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	b.PauseRequests()
	sent := make(chan error, 1)
	go func() {
		_, err := producer.Send(context.Background(), message("T", "late"))
		sent <- err
	}()
	select {
	case err := <-sent:
		t.Fatalf("a paused broker has answered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	b.Heal()
	require.NoError(t, next(t, sent))
	require.Len(t, b.Messages("T"), 2)
}

// A broker whose requests are paused can be stopped.
func TestAPausedBrokerStops(t *testing.T) {
	b := testkit.StartBroker(t)
	b.Send(message("T", "before"))
	b.PauseRequests()
	b.Restart()
	b.Send(message("T", "after"))
}

func TestConnectionsAreDropped(t *testing.T) {
	b := testkit.StartBroker(t)
	b.Send(message("T", "before"))
	b.DropConnections()
	b.Send(message("T", "after"))
	require.Len(t, b.AwaitMessages("T", 2), 2)
}

func TestABrokerComesBackWithItsMessages(t *testing.T) {
	ends := map[string]func(b *testkit.Broker){
		"stopped":       func(b *testkit.Broker) { b.Stop() },
		"killed":        func(b *testkit.Broker) { b.Kill() },
		"without power": func(b *testkit.Broker) { b.PowerLoss(func(int) int { return 0 }) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			b := testkit.StartBroker(t, testkit.WithProperty("flushDiskType", "SYNC_FLUSH"))
			addr := b.Addr()
			b.Send(message("T", "kept"))
			end(b)
			b.Restart()
			require.Equal(t, addr, b.Addr())
			require.Equal(t, "kept", string(b.AwaitMessages("T", 1)[0].Body))
		})
	}
}

func TestADirectoryIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) { testkit.StartBroker(t, testkit.WithDir(dir)).Send(message("T", "kept")) })
	t.Run("second", func(t *testing.T) {
		require.Len(t, testkit.StartBroker(t, testkit.WithDir(dir)).AwaitMessages("T", 1), 1)
	})
}

func TestDisksFail(t *testing.T) {
	b := testkit.StartBroker(t, testkit.WithProperty("flushDiskType", "SYNC_FLUSH"))
	b.Send(message("T", "before"))
	producer, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	b.SlowDisk(20 * time.Millisecond)
	began := time.Now()
	_, err = producer.Send(within(t), message("T", "slow"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
	b.FailDisk(errors.New("medium error"))
	_, err = producer.Send(within(t), message("T", "lost"))
	require.ErrorContains(t, err, "medium error")
	b.Heal()
	_, err = producer.Send(within(t), message("T", "refused"))
	require.Error(t, err, "what was broken stays so in this process")
	b.PowerLoss(func(int) int { return 0 })
	b.Restart()
	require.Len(t, b.AwaitMessages("T", 2), 2)
	b.Send(message("T", "after"))
}

// startLimit is the time in which a broker must take requests, at best of a few.
const startLimit = 20 * time.Millisecond

func TestABrokerStartsInNoTime(t *testing.T) {
	best := time.Hour
	for range 5 {
		t.Run("", func(t *testing.T) {
			began := time.Now()
			testkit.StartBroker(t)
			best = min(best, time.Since(began))
		})
	}
	t.Logf("started in %v", best)
	require.Less(t, best, startLimit)
}

// scope is the test of one broker in a benchmark.
type scope struct {
	testing.TB
	ends []func()
}

func (s *scope) Cleanup(f func()) { s.ends = append(s.ends, f) }

func (s *scope) end() {
	for _, f := range slices.Backward(s.ends) {
		f()
	}
}

// BenchmarkStartBroker is the time until a broker takes requests, and its end; and
// the memory that it has then.
func BenchmarkStartBroker(b *testing.B) {
	var ready time.Duration
	b.ReportAllocs()
	for b.Loop() {
		s := &scope{TB: b}
		began := time.Now()
		testkit.StartBroker(s)
		ready += time.Since(began)
		s.end()
	}
	b.ReportMetric(float64(ready.Microseconds())/float64(b.N), "µs-to-ready")
	s := &scope{TB: b}
	before := heap()
	broker := testkit.StartBroker(s)
	b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-idle")
	broker.Send(message("T", "one"))
	b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-with-a-message")
	s.end()
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
