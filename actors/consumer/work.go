package consumer

import (
	"sync/atomic"
	"time"
)

// Item is a message of a queue.
type Item struct {
	Offset   int64
	Size     int // counted against Options.QueueBytes
	Attempts int // deliveries before; an ordered queue's member counts them on
	Message  any // the owner's
}

// Claim is a member's hold on a queue, from the time that it began to read at some
// offset.
type Claim struct {
	queue *queue
	void  atomic.Bool
}

// Void reports whether what was handed out under the claim shall not be begun. Any
// goroutine may ask.
func (c *Claim) Void() bool { return c.void.Load() }

// Work is some messages of a queue to be handled together. Items are not changed
// while it is handled.
type Work struct {
	Queue Queue
	Items []Item
	Claim *Claim

	begun   atomic.Int64 // Unix nanoseconds, 0 before
	expired bool         // it took too long; the member's
}

// Begin notes that a handler begins. It returns false if there is nothing to do
// any more: then the Work is reported as Skipped.
func (w *Work) Begin(now time.Time) bool {
	if w.Claim.Void() {
		return false
	}
	w.begun.Store(now.UnixNano())
	return true
}

// Handled is the end of a Work.
type Handled struct {
	Work    *Work
	Skipped bool // it was not begun
	OK      int  // so many items, from the first, need no more handling
	// The others come again: out of order after the delay of Level, as in
	// Cluster.SendBack, or, in order, after Suspend (0: Options.Suspend). In order, a
	// Level below 0 puts the first one of them aside.
	Level   int
	Suspend time.Duration
	Elapsed time.Duration
}

// Results reports Works to the member.
type Results struct{ Handled []Handled }

// What a member can be asked.
type (
	// Rebalance has the queues divided again soon.
	Rebalance struct{}
	// Assign says which queues to read; for Manual members. Done may be nil.
	Assign struct {
		Queues []Queue
		Done   func()
	}
	// Seek goes on at an offset. Done gets false if the queue is not read.
	Seek struct {
		Queue  Queue
		Offset int64
		Done   func(ok bool)
	}
	// Pause stops or resumes pulls.
	Pause struct {
		Queues []Queue
		Paused bool
		Done   func()
	}
	// Reset goes on at other offsets, as an operator wants, and commits them.
	Reset struct{ Offsets []Offset }
	// Commit keeps all offsets now. Done gets the first error.
	Commit struct{ Done func(error) }
	// Inspect asks for the state of all queues.
	Inspect struct{ Done func(State) }
	// Quiesce begins the end: no pull and no Work begins any more. Done is called
	// when no Claim is good; results still count.
	Quiesce struct{ Done func() }
	// Finish ends it: offsets are committed, then locks given back. It comes after
	// Quiesce and the last Results.
	Finish struct{ Done func() }
)

// State is what a member does.
type State struct {
	Queues     []QueueState // sorted
	Rebalances uint64
	Topics     map[string]Rates
}

// QueueState is what a member does with a queue.
type QueueState struct {
	Queue     Queue
	Messages  int // pulled and not finished
	Bytes     int64
	Low, Next int64 // everything below Low is finished; the next pull is at Next
	End       int64 // of the queue, as of the last pull
	Committed int64 // None if nothing was
	BrokerID  int64
	Paused    bool
	Locked    bool
	LockedAt  time.Time
	PulledAt  time.Time
	HandledAt time.Time
}
