package sim

import (
	"container/heap"
	"time"

	"github.com/actormq/actormq/actors/env"
)

// event is what happens at a time: a timer, a chunk that arrives, a stalled run.
type event struct {
	at    int64
	order uint64 // drawn from the seed: the order of events of one time
	made  uint64
	of    *process // nil: the world's
	do    func()
	index int // in the heap; -1: not there any more
}

type events []*event

func (e events) Len() int { return len(e) }

func (e events) Less(i, j int) bool {
	a, b := e[i], e[j]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.order != b.order:
		return a.order < b.order
	}
	return a.made < b.made
}

func (e events) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

func (e *events) Push(x any) {
	x.(*event).index = len(*e)
	*e = append(*e, x.(*event))
}

func (e *events) Pop() any {
	last := len(*e) - 1
	popped := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	popped.index = -1
	return popped
}

// after has do called d from now, if the process of lives then.
func (w *World) after(of *process, d time.Duration, do func()) *event {
	w.made++
	e := &event{at: w.now + w.lag + max(int64(d), 0), order: w.rand.Uint64(), made: w.made, of: of, do: do}
	heap.Push(&w.events, e)
	return e
}

// inOrder has do called at a time, behind what it was called with before for that
// time, and before all else that is due then.
func (w *World) inOrder(of *process, at int64, do func()) {
	e := w.after(of, time.Duration(at-w.now-w.lag), do)
	e.order = 0
	heap.Fix(&w.events, e.index)
}

// soon makes do ready to run.
func (w *World) soon(of *process, do func()) {
	if !of.alive {
		return
	}
	if w.lag > 0 {
		w.after(of, 0, func() { w.soon(of, do) })
		return
	}
	w.ready = append(w.ready, run{of, do})
}

// dispatcher is the actor.Dispatcher of one process.
type dispatcher struct{ of *process }

func (d dispatcher) Schedule(fn func()) {
	w := d.of.host.world
	if !d.of.alive || w.opts.StallRate < 0 || w.rand.IntN(w.opts.StallRate) != 0 {
		w.soon(d.of, fn)
		return
	}
	w.stalled++
	w.after(nil, time.Duration(w.rand.Int64N(int64(w.opts.Stall))), func() {
		w.stalled--
		w.soon(d.of, fn)
	})
}

// Throughput lets any other mailbox run between two messages.
func (d dispatcher) Throughput() int { return 1 }

// clock is the env.Clock of one process.
type clock struct{ of *process }

func (c clock) Now() time.Time { return c.of.host.Now().Add(time.Duration(c.of.host.world.lag)) }

func (c clock) AfterFunc(d time.Duration, f func()) env.Timer {
	w := c.of.host.world
	return &timer{w, w.after(c.of, d, f)}
}

type timer struct {
	world *World
	event *event
}

func (t *timer) Stop() bool {
	if t.event.index < 0 {
		return false
	}
	heap.Remove(&t.world.events, t.event.index)
	return true
}
