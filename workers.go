package actormq

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/actormq/actormq/actors/consumer"
)

const (
	// maxReports bounds the results that a worker keeps to itself while it goes on
	// with the next message, and slowWork is from when on it keeps none.
	maxReports = 64
	slowWork   = time.Millisecond
)

// workers are the goroutines that call a consumer's handler.
type workers struct {
	run     func(work *consumer.Work, one []*Received) consumer.Handled
	report  func([]consumer.Handled)
	running sync.WaitGroup

	mu      sync.Mutex
	more    sync.Cond
	waiting []*consumer.Work // waiting[head:] are to be handled
	head    int
	closed  bool
}

func newWorkers(run func(*consumer.Work, []*Received) consumer.Handled, report func([]consumer.Handled)) *workers {
	w := &workers{run: run, report: report}
	w.more.L = &w.mu
	return w
}

func (w *workers) start(n int) {
	for range n {
		w.running.Go(w.work)
	}
}

// add has Works handled. It does not wait.
func (w *workers) add(works []*consumer.Work) {
	w.mu.Lock()
	w.waiting = append(w.waiting, works...)
	w.mu.Unlock()
	if len(works) == 1 {
		w.more.Signal()
	} else {
		w.more.Broadcast()
	}
}

// stop ends the workers when all that waits is handled, and returns then. The
// claims are void by now, so that only what was begun takes time.
func (w *workers) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.more.Broadcast()
	w.running.Wait()
}

// take returns the next Work. If there is none it returns nil at once, or, to wait,
// only when the workers end.
func (w *workers) take(wait bool) *consumer.Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.head == len(w.waiting) {
		if !wait || w.closed {
			return nil
		}
		w.more.Wait()
	}
	work := w.waiting[w.head]
	w.waiting[w.head] = nil
	if w.head++; w.head == len(w.waiting) {
		w.waiting, w.head = w.waiting[:0], 0
	}
	return work
}

// work handles what waits. Results are reported some at a time: the member is
// one, and handlers are fast more often than not.
func (w *workers) work() {
	var done []consumer.Handled
	one := make([]*Received, 1)
	for {
		work := w.take(len(done) == 0)
		if work == nil && len(done) == 0 {
			return
		}
		if work != nil {
			done = append(done, w.run(work, one))
		}
		if work == nil || len(done) == maxReports || done[len(done)-1].Elapsed > slowWork {
			w.report(done)
			done = nil
		}
	}
}

// handling is how a handler is called.
type handling struct {
	ctx     context.Context
	handle  BatchHandler
	batches bool // Works may have several messages
	trouble func(error)
	observe observer // nil if nobody wants to know
}

// run handles a Work. one holds a lone message, which a BatchHandler may not have:
// it may keep its slice.
func (h *handling) run(work *consumer.Work, one []*Received) consumer.Handled {
	began := time.Now()
	if !work.Begin(began) {
		return consumer.Handled{Work: work, Skipped: true}
	}
	batch := one
	if h.batches {
		batch = make([]*Received, len(work.Items))
	}
	for i := range work.Items {
		batch[i] = received(&work.Items[i])
	}
	ctx, observed := h.ctx, func(error, time.Duration) {}
	if h.observe != nil {
		ctx, observed = h.observe(ctx, batch)
	}
	err := h.call(ctx, batch)
	observed(err, time.Since(began))
	done := consumer.Handled{Work: work, OK: len(batch), Elapsed: time.Since(began)}
	if err == nil {
		return done
	}
	if h.ctx.Err() != nil {
		// The consumer has ended, which may well be the reason: the messages come
		// again because their offsets are not committed.
		done.Skipped, done.OK = true, 0
		return done
	}
	done.OK = 0
	var retry *Retry
	if errors.As(err, &retry) {
		done.OK = min(max(retry.Handled, 0), len(batch))
		done.Level, done.Suspend = retry.Level, retry.Suspend
	}
	return done
}

// received returns an item's message. That of a further attempt is a copy: the
// former one belongs to whoever handled it.
func received(item *consumer.Item) *Received {
	m := item.Message.(*Received)
	if m.Attempts != item.Attempts {
		again := *m
		again.Attempts = item.Attempts
		m = &again
	}
	return m
}

// call makes an error of a panic.
func (h *handling) call(ctx context.Context, batch []*Received) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{reason: p, stack: debug.Stack()}
			h.trouble(err)
		}
	}()
	return h.handle(ctx, batch)
}

// panicError is a panic of a handler.
type panicError struct {
	reason any
	stack  []byte
}

// Error implements error.
func (e *panicError) Error() string {
	return fmt.Sprintf("actormq: a handler panicked: %v\n%s", e.reason, e.stack)
}
