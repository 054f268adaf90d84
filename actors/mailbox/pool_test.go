package mailbox_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actormq/actormq/actors/mailbox"
)

func TestPoolClosesWithoutALeak(t *testing.T) {
	defer goleak.VerifyNone(t)
	pool := mailbox.NewPool()
	var ran atomic.Int64
	var done sync.WaitGroup
	for range 1000 {
		done.Add(1)
		pool.Schedule(func() { ran.Add(1); done.Done() })
	}
	done.Wait()
	pool.Close()
	require.EqualValues(t, 1000, ran.Load())
}

func TestPoolCloseWaitsForWhatRuns(t *testing.T) {
	pool := mailbox.NewPool()
	started, release := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	pool.Schedule(func() {
		close(started)
		<-release
		finished.Store(true)
	})
	<-started
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		t.Fatal("Close returned while a run was under way")
	default:
	}
	close(release)
	<-closed
	require.True(t, finished.Load())
}

// A run that blocks, as in fsync, holds up no other.
func TestPoolRunsDoNotWaitForEachOther(t *testing.T) {
	pool := mailbox.NewPool()
	defer pool.Close()
	const blocked = 300 // more than it parks
	release := make(chan struct{})
	var entered, left sync.WaitGroup
	for range blocked {
		entered.Add(1)
		left.Add(1)
		pool.Schedule(func() {
			entered.Done()
			<-release
			left.Done()
		})
	}
	entered.Wait()
	ran := make(chan struct{})
	pool.Schedule(func() { close(ran) })
	<-ran
	close(release)
	left.Wait()
}

func BenchmarkPool(b *testing.B) {
	b.Run("schedule", func(b *testing.B) {
		pool := mailbox.NewPool()
		defer pool.Close()
		b.ReportAllocs()
		done := make(chan struct{})
		run := func() { done <- struct{}{} }
		for b.Loop() {
			pool.Schedule(run)
			<-done
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	for _, waiting := range []int{1, 64, 1024} {
		b.Run("batch="+strconv.Itoa(waiting), func(b *testing.B) {
			d := &steps{throughput: 1 << 20}
			box := mailbox.NewBatch()
			box.RegisterHandlers(discard{}, d)
			message := &struct{}{}
			b.ReportAllocs()
			for i := 0; i < b.N; i += waiting {
				for range waiting {
					box.PostUserMessage(message)
				}
				d.all()
			}
		})
	}
}

type discard struct{}

func (discard) InvokeUserMessage(any)    {}
func (discard) InvokeSystemMessage(any)  {}
func (discard) EscalateFailure(any, any) {}
