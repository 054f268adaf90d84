package selector

import (
	"iter"
	"maps"
	"sync/atomic"
	"time"
)

// Step is a row of the table that turns latencies into isolation: a send that
// took Latency or more, and less than the next row's, isolates its broker for
// Isolation.
type Step struct{ Latency, Isolation time.Duration }

// DefaultSteps are the rows of RocketMQ 5.5 (MQFaultStrategy.latencyMax and
// notAvailableDuration).
func DefaultSteps() []Step {
	return []Step{
		{50 * time.Millisecond, 0},
		{100 * time.Millisecond, 0},
		{550 * time.Millisecond, 2 * time.Second},
		{1800 * time.Millisecond, 5 * time.Second},
		{3 * time.Second, 6 * time.Second},
		{5 * time.Second, 10 * time.Second},
		{15 * time.Second, 30 * time.Second},
	}
}

// Item is what is known of one broker.
type Item struct {
	Broker  string
	Latency time.Duration // of the last send that was reported
	// Until is when the isolation ends, or has ended.
	Until time.Time
	// Failed says that the last send failed.
	Failed bool
	// Reachable is false from a failure to talk to the broker until it is detected
	// again. Without detection it is always true.
	Reachable bool
	// Suspect says that the broker was isolated and that no good send came back
	// since Until.
	Suspect bool
	// Seen is the time of the last report.
	Seen time.Time

	// trial is the Unix time in nanoseconds until which one send tries out the
	// broker. It belongs to the isolation, not to the snapshot: all that Pick
	// changes.
	trial *atomic.Int64
}

// Available reports whether the isolation is over.
func (i *Item) Available(now time.Time) bool { return !now.Before(i.Until) }

// better reports whether a send should rather go to i than to o, where neither is
// good.
func (i *Item) better(o *Item) bool {
	switch {
	case i.Reachable != o.Reachable:
		return i.Reachable
	case i.Failed != o.Failed:
		return !i.Failed
	case i.Failed:
		return i.Until.Before(o.Until) // the one that failed first
	}
	return i.Latency < o.Latency
}

// Table is the items of all brokers that sends were reported of, at one moment.
// It is immutable, and a nil Table knows no broker.
type Table struct{ items map[string]*Item }

// Item returns the item of a broker, nil if nothing is known of it.
func (t *Table) Item(broker string) *Item {
	if t == nil {
		return nil
	}
	return t.items[broker]
}

// Len returns the number of brokers of which something is known.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.items)
}

// View is where a selector publishes its Table. Any goroutine may read it. The
// zero View has a nil Table.
type View struct{ table atomic.Pointer[Table] }

// Load returns the latest Table.
func (v *View) Load() *Table { return v.table.Load() }

// Turn counts round the queues of a producer. Any goroutine may use it.
type Turn struct{ n atomic.Uint32 }

func (t *Turn) next(n int) int { return int(t.n.Add(1) % uint32(n)) }

// trialTime is how long a trial may take before another send may try, in case
// that the first is never reported.
const trialTime = 10 * time.Second

// Pick returns the index of a queue, in [0, n): the next one in turn of a good
// broker other than avoid, or of one on trial; else of the least bad broker; of
// avoid only if there is no other. broker tells whose queue i is; avoid may be
// "". n must be positive. It may be called from any goroutine.
func (t *Table) Pick(turn *Turn, n int, broker func(i int) string, avoid string, now time.Time) int {
	var least *Item // the least bad broker
	for range n {
		i := turn.next(n)
		name := broker(i)
		if name == avoid {
			continue
		}
		item := t.Item(name)
		if item == nil || item.takes(now) {
			return i
		}
		if least == nil || item.better(least) {
			least = item
		}
	}
	if least == nil {
		return turn.next(n)
	}
	for range n {
		if i := turn.next(n); broker(i) == least.Broker {
			return i
		}
	}
	// Others move the same turn, so that this one may have missed the broker.
	for i := range n {
		if broker(i) == least.Broker {
			return i
		}
	}
	return turn.next(n)
}

// takes reports whether a send may go to the broker as if it were good, and if it
// is on trial makes the send the one that tries.
func (i *Item) takes(now time.Time) bool {
	if !i.Suspect {
		return true
	}
	if !i.Reachable || !i.Available(now) {
		return false
	}
	until := i.trial.Load()
	return now.UnixNano() >= until && i.trial.CompareAndSwap(until, now.Add(trialTime).UnixNano())
}

// All returns the items, in no order. They must not be changed.
func (t *Table) All() iter.Seq[*Item] {
	if t == nil {
		return func(func(*Item) bool) {}
	}
	return maps.Values(t.items)
}
