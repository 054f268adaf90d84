package actormq_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

// journal is what handlers were given, in order.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (l *journal) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, fmt.Sprintf(format, args...))
}

func (l *journal) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// wait waits until there are n entries and returns them.
func (l *journal) wait(t *testing.T, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool { return len(l.all()) >= n }, limit, time.Millisecond, "%v", l)
	return l.all()
}

func ordered(o actormq.ConsumerOptions) actormq.ConsumerOptions {
	o.Ordered, o.Suspend = true, 20*time.Millisecond
	return o
}

func TestAFailureHoldsUpAnOrderedQueue(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 4)
	var got journal
	o := ordered(group(actormq.FromFirst))
	o.MaxAttempts = 3
	stop := consume(t, connect(t, b.NameServer()), o, func(_ context.Context, m *actormq.Received) error {
		got.add("%d/%d", m.Body[0], m.Attempts)
		switch {
		case m.Body[0] == 1 && m.Attempts < 2:
			return errors.New("not yet")
		case m.Body[0] == 2:
			return errors.New("never")
		}
		return nil
	})
	require.Equal(t, []string{"0/0", "1/0", "1/1", "1/2", "2/0", "2/1", "2/2", "2/3", "3/0"}, got.wait(t, 9))
	b.AwaitConsumed("readers", "t")
	dead := b.AwaitMessages("%DLQ%readers", 1)
	require.Equal(t, []byte{2}, dead[0].Body)
	stop()
}

func TestAnOrderedConsumerHandsItsQueuesOver(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 4)
	sendTo(t, b, 4, 0, 40)
	var got journal
	handle := func(_ context.Context, m *actormq.Received) error {
		got.add("%d", m.Body[0])
		return nil
	}
	stop := consume(t, connect(t, b.NameServer()), ordered(group(actormq.FromFirst)), handle)
	got.wait(t, 40)
	shares := make(chan int, 10)
	o := ordered(group(actormq.FromFirst))
	o.OnAssigned = func(queues []actormq.Queue) { shares <- len(queues) }
	defer consume(t, connect(t, b.NameServer()), o, handle)()
	awaitValue(t, shares, 2)
	sendTo(t, b, 4, 40, 40)
	got.wait(t, 80)
	stop() // gives its locks back, or the other would have to wait for a minute
	awaitValue(t, shares, 4)
	sendTo(t, b, 4, 80, 40)
	all := got.wait(t, 120)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 120)
	require.Len(t, got.all(), 120, "nothing came twice")
}

func TestBatches(t *testing.T) {
	b := start(t, "messageDelayLevel", "1s 1s 1s")
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 10)
	o := group(actormq.FromFirst)
	o.Batch, o.Concurrency = 4, 1
	consumer, err := connect(t, b.NameServer()).NewConsumer(o)
	require.NoError(t, err)
	var got journal
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.RunBatches(ctx, func(_ context.Context, batch []*actormq.Received) error {
			var bodies []byte
			for _, m := range batch {
				bodies = append(bodies, m.Body[0])
			}
			got.add("%v after %d", bodies, batch[0].Attempts)
			if len(batch) == 4 && bodies[0] == 4 {
				return fmt.Errorf("wrapped: %w", &actormq.Retry{Err: errors.New("the last two"), Handled: 2, Level: 1})
			}
			return nil
		})
	}()
	require.Subset(t, got.wait(t, 4), []string{"[0 1 2 3] after 0", "[4 5 6 7] after 0", "[8 9] after 0"})
	b.AwaitConsumed("readers", "t")
	require.Eventually(t, func() bool {
		// Two requests send them back; a broker with many threads may take either first.
		switch fmt.Sprint(got.all()[3:]) {
		case "[[6 7] after 1]", "[[7 6] after 1]", "[[6] after 1 [7] after 1]", "[[7] after 1 [6] after 1]":
			return true
		}
		return false
	}, limit, time.Millisecond, "%v", &got)
	cancel()
	require.NoError(t, <-ended)
}

func TestAHandlerMayGiveUp(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 1)
	defer consume(t, connect(t, b.NameServer()), group(actormq.FromFirst), func(context.Context, *actormq.Received) error {
		return &actormq.Retry{Err: errors.New("no use"), Level: actormq.DeadLetter}
	})()
	b.AwaitMessages("%DLQ%readers", 1)
}

func TestAPanicIsAnError(t *testing.T) {
	names := startBroker(t)
	send(t, connect(t, names), "t", 1)
	consumer, err := connect(t, names).NewConsumer(group(actormq.FromFirst))
	require.NoError(t, err)
	troubles := make(chan error, 10)
	consumer.OnError(func(err error) {
		if !errors.Is(err, actormq.ErrUnknownTopic) { // the name server may not know it yet
			troubles <- err
		}
	})
	again := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(_ context.Context, m *actormq.Received) error {
			if m.Attempts == 0 {
				panic("at the disco")
			}
			close(again)
			return nil
		})
	}()
	<-again
	cancel()
	require.NoError(t, <-ended)
	require.ErrorContains(t, <-troubles, "at the disco")
}

func TestBroadcasting(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 2)
	sendTo(t, b, 2, 0, 6)
	dir := t.TempDir()
	member := func(file string, got *journal) (stop func()) {
		o := group(actormq.FromFirst)
		o.Broadcasting, o.OffsetFile = true, filepath.Join(dir, file)
		return consume(t, connect(t, b.NameServer()), o, func(_ context.Context, m *actormq.Received) error {
			got.add("%d", m.Body[0])
			if m.Body[0] == 3 {
				return errors.New("is dropped")
			}
			return nil
		})
	}
	var one, two, later journal
	defer member("two", &two)()
	stop := member("one", &one)
	require.ElementsMatch(t, []string{"0", "1", "2", "3", "4", "5"}, one.wait(t, 6))
	require.ElementsMatch(t, []string{"0", "1", "2", "3", "4", "5"}, two.wait(t, 6))
	stop()
	sendTo(t, b, 2, 6, 1)
	defer member("one", &later)()
	require.Equal(t, []string{"6"}, later.wait(t, 1), "it goes on where it was")
	two.wait(t, 7)
}

func TestABroadcastingConsumerBeginsWhereItIsTold(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 3)
	b.Advance(time.Hour)
	middle := b.Now()
	sendTo(t, b, 1, 3, 2)
	for _, tt := range []struct {
		from actormq.From
		want []string
	}{
		{actormq.FromFirst, []string{"0", "1", "2", "3", "4"}},
		{actormq.FromTime, []string{"3", "4"}},
		{actormq.FromLast, []string{"5"}}, // which is sent when the consumer is there
	} {
		o := group(tt.from)
		o.Time = middle
		o.Broadcasting, o.OffsetFile = true, filepath.Join(t.TempDir(), "offsets.json")
		assigned := make(chan int, 10)
		o.OnAssigned = func(queues []actormq.Queue) { assigned <- len(queues) }
		var got journal
		stop := consume(t, connect(t, b.NameServer()), o, func(_ context.Context, m *actormq.Received) error {
			got.add("%d", m.Body[0])
			return nil
		})
		awaitValue(t, assigned, 1)
		if tt.from == actormq.FromLast {
			sendTo(t, b, 1, 5, 1)
		}
		require.ElementsMatch(t, tt.want, got.wait(t, len(tt.want)))
		stop()
	}
}

// TestHandlersAreLetFinish: Run waits for the handlers that run, counts what they
// did, and begins no other.
func TestHandlersAreLetFinish(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 5)
	o := group(actormq.FromFirst)
	o.Concurrency = 2
	begun, goOn := make(chan byte, 10), make(chan struct{})
	stop := consume(t, connect(t, b.NameServer()), o, func(ctx context.Context, m *actormq.Received) error {
		begun <- m.Body[0]
		<-goOn
		return ctx.Err()
	})
	<-begun
	<-begun
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		require.Fail(t, "handlers run")
	case <-time.After(50 * time.Millisecond): // more would begin meanwhile
	}
	close(goOn)
	<-stopped
	require.Empty(t, begun)
	at, err := b.Client().QueryOffset(within(t), "readers", actormq.Queue{Topic: "t", Broker: b.Name()})
	require.NoError(t, err)
	require.EqualValues(t, 2, at)
}

func TestHandlersThatDoNotFinishAreToldTo(t *testing.T) {
	b := start(t)
	b.CreateTopic("t", 1)
	sendTo(t, b, 1, 0, 1)
	o := group(actormq.FromFirst)
	o.ShutdownTimeout = 20 * time.Millisecond
	begun := make(chan struct{}, 1)
	stop := consume(t, connect(t, b.NameServer()), o, func(ctx context.Context, _ *actormq.Received) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	<-begun
	stop()
	require.EqualValues(t, 1, b.Lag("readers", "t"), "the message comes again")
}

// TestConsumersSurviveARestart: a broker that was killed forgets members and locks.
func TestConsumersSurviveARestart(t *testing.T) {
	for name, o := range map[string]actormq.ConsumerOptions{
		"concurrent": group(actormq.FromFirst), "ordered": ordered(group(actormq.FromFirst)),
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.CreateTopic("t", 2)
			sendTo(t, b, 2, 0, 10)
			all := collect(20)
			defer consume(t, connect(t, b.NameServer()), o, func(_ context.Context, m *actormq.Received) error {
				all.add(m)
				return nil
			})()
			b.AwaitConsumed("readers", "t")
			b.Kill()
			b.Restart()
			sendTo(t, b, 2, 10, 10)
			all.wait(t)
			b.AwaitConsumed("readers", "t")
		})
	}
}

// TestGoroutinesDoNotGrowWithQueues compares a consumer of a queue with one of a
// hundred, by the goroutines of this package and of connections.
func TestGoroutinesDoNotGrowWithQueues(t *testing.T) {
	goroutines := func(queues int) int {
		b := start(t)
		b.CreateTopic("t", queues)
		o := group(actormq.FromFirst)
		assigned := make(chan int, 2*queues)
		o.OnAssigned = func(queues []actormq.Queue) { assigned <- len(queues) }
		defer consume(t, connect(t, b.NameServer()), o, func(context.Context, *actormq.Received) error { return nil })()
		awaitValue(t, assigned, queues+1) // the retry topic has one
		return clientGoroutines()
	}
	one := goroutines(1)
	require.Greater(t, one, actormq.DefaultConcurrency)
	require.LessOrEqual(t, goroutines(100), one+8, "some may still be looking up offsets")
}

// clientGoroutines counts those of this package and of connections.
func clientGoroutines() (n int) {
	buf := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "/actormq.(*") || strings.Contains(stack, "remoting.(*Client)") {
			n++
		}
	}
	return n
}

func TestReadNeedsNoGoroutineForAQueue(t *testing.T) {
	const queues = 100
	b := start(t)
	b.CreateTopic("t", queues)
	sendTo(t, b, queues, 0, queues)
	before, n := clientGoroutines(), 0
	got := make(map[int]bool)
	ctx, cancel := context.WithCancel(within(t))
	require.NoError(t, connect(t, b.NameServer()).Read(ctx, actormq.ReadOptions{Topic: "t", From: actormq.FromFirst}, func(m *actormq.Received) error {
		if got[m.Queue.ID] = true; len(got) == queues {
			n = clientGoroutines()
			cancel()
		}
		return nil
	}))
	require.LessOrEqual(t, n, before+10)
}
