// Package mailbox is the mailbox of every actor here: a queue that hands its
// actor everything that waits as one batch, and tells it when the batch is done.
//
// Batching is what makes an actor hop free on the hot path. While the CommitLog
// writer is busy with one write, the bursts of all connections collect in its
// mailbox; the next run swaps the whole slice out under a short lock, delivers
// each message and then Drained, at which the writer does one write for all of
// them. The same holds for fsync in Flush and for socket writes in a
// Connection. An idle actor gets its message and Drained at once, so batching
// adds no latency.
//
// The library's MailboxEmpty hook does not serve: it can run while the next
// Receive is running on another goroutine. Drained is an ordinary message,
// delivered on the actor's own run.
package mailbox

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Drained tells an actor that every message of the batch taken from its mailbox
// was delivered. More may have arrived since; they make the next batch, which
// ends with a Drained of its own. It is never delivered twice without a user
// message in between.
type Drained struct{}

var drained any = Drained{}

// maxRetained is the number of slots that an emptied queue keeps. A mailbox that
// once held a flood gives the memory back.
const maxRetained = 1024

// Queue is an unbounded mailbox with batch delivery. System messages go first.
// What bounds it is the credit that connections need before they read on.
type Queue struct {
	invoker     actor.MessageInvoker
	dispatcher  actor.Dispatcher
	runs        func() // run, as a value that is made once
	wantDrained bool
	yield       func() // lets others run; nil without Drained, or where nobody can

	mu        sync.Mutex
	user      []any
	system    []any
	scheduled bool // a run is queued at the dispatcher or under way

	hasSystem atomic.Bool // system is not empty; read without mu between messages

	// Owned by the run under way.
	batch     []any
	next      int  // index in batch of the next message to deliver
	budget    int  // messages that this run may still deliver
	suspended bool // by a failure, until the supervisor has decided
	stopped   bool // the actor is gone; what is left goes to the dead letters
	owesDrain bool // a user message was delivered since the last Drained
	gathered  bool // others had their turn since the last Drained
}

// New returns a producer of mailboxes without Drained, for actors that have
// nothing to do per batch.
func New() actor.Mailbox { return &Queue{} }

// NewBatch returns a mailbox that delivers Drained after each batch.
func NewBatch() actor.Mailbox { return &Queue{wantDrained: true} }

// PostUserMessage queues message; any goroutine may call it.
func (q *Queue) PostUserMessage(message any) {
	q.mu.Lock()
	q.user = append(q.user, message)
	q.wake()
}

// PostSystemMessage queues message ahead of all user messages.
func (q *Queue) PostSystemMessage(message any) {
	q.mu.Lock()
	q.system = append(q.system, message)
	q.hasSystem.Store(true)
	q.wake()
}

// wake schedules a run unless one is on its way, and releases mu.
func (q *Queue) wake() {
	if q.scheduled {
		q.mu.Unlock()
		return
	}
	q.scheduled = true
	q.mu.Unlock()
	q.dispatcher.Schedule(q.runs)
}

// RegisterHandlers is called once, before the first message.
func (q *Queue) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	q.invoker, q.dispatcher, q.runs = invoker, dispatcher, q.run
	if y, ok := dispatcher.(interface{ Yield() }); ok && q.wantDrained {
		q.yield = y.Yield
	}
}

// Start implements actor.Mailbox; messages schedule their own runs.
func (q *Queue) Start() {}

// UserMessageCount returns the number of messages that no run has taken yet.
func (q *Queue) UserMessageCount() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.user)
}

// run delivers until nothing is left or the dispatcher's throughput is used up,
// in which case it goes back to the end of the dispatcher's queue.
func (q *Queue) run() {
	q.budget = q.dispatcher.Throughput()
	for q.refill() {
		if !q.deliver() {
			continue // a message panicked; the failure waits in the system queue
		}
		if q.budget <= 0 && q.pending() {
			q.dispatcher.Schedule(q.runs)
			return
		}
	}
}

// refill makes sure that there is something to deliver. Otherwise it ends the
// run: from then on the next post schedules a new one.
func (q *Queue) refill() bool {
	if !q.suspended && (q.next < len(q.batch) || q.owesDrain && q.wantDrained) {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.system) > 0 {
		return true
	}
	if q.suspended || len(q.user) == 0 {
		q.scheduled = false
		if cap(q.batch) > maxRetained {
			q.batch = nil
		}
		return false
	}
	q.batch, q.user = q.user, q.batch[:0]
	q.next = 0
	return true
}

func (q *Queue) pending() bool {
	if q.next < len(q.batch) || q.owesDrain {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.user) > 0 || len(q.system) > 0
}

// deliver hands over what is at hand and reports whether that went without a
// panic. A panic loses the message that was being handled and nothing else.
func (q *Queue) deliver() (ok bool) {
	var message any
	defer func() {
		if ok {
			return
		}
		// recover returns nil for runtime.Goexit, which must go on unwinding.
		if reason := recover(); reason != nil {
			q.invoker.EscalateFailure(reason, message)
		}
	}()
	for {
		if q.hasSystem.Load() {
			message = q.popSystem()
			q.handleSystem(message)
			continue
		}
		if q.suspended {
			return true
		}
		if q.next == len(q.batch) && !q.gather() {
			break
		}
		if q.budget <= 0 {
			return true
		}
		q.budget--
		message = q.batch[q.next]
		q.batch[q.next] = nil
		q.next++
		if q.stopped {
			q.bury(message)
			continue
		}
		q.owesDrain = true
		q.invoker.InvokeUserMessage(message)
	}
	if q.owesDrain {
		q.owesDrain, q.gathered = false, false
		if q.wantDrained {
			message = drained
			q.invoker.InvokeUserMessage(message)
		}
	}
	return true
}

// gather lets whoever is about to post do so before the batch ends, once per
// batch, and takes what has come into it. It reports whether there is more to
// deliver. Where nobody else wants to run it costs next to nothing.
func (q *Queue) gather() bool {
	if q.yield == nil || !q.owesDrain || q.gathered {
		return false
	}
	q.gathered = true
	q.yield()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.user) == 0 {
		return false
	}
	q.batch, q.user = q.user, q.batch[:0]
	q.next = 0
	return true
}

func (q *Queue) popSystem() any {
	q.mu.Lock()
	defer q.mu.Unlock()
	message := q.system[0]
	q.system[0] = nil
	q.system = q.system[1:]
	if len(q.system) == 0 {
		q.system = nil
		q.hasSystem.Store(false)
	}
	return message
}

func (q *Queue) handleSystem(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		q.suspended = true
	case *actor.ResumeMailbox:
		q.suspended = false
	default:
		q.invoker.InvokeSystemMessage(message)
		q.stopped = q.isStopped(message)
	}
}

// isStopped reports whether the actor has ended with the system message that it
// was just given. It ends with Stop, or with the last of its children.
func (q *Queue) isStopped(message any) bool {
	switch message.(type) {
	case *actor.Stop, *actor.Terminated:
		c, ok := q.invoker.(actor.Context)
		if !ok {
			return false
		}
		_, alive := c.ActorSystem().ProcessRegistry.GetLocal(c.Self().Id)
		return !alive
	}
	return q.stopped
}

// bury passes a message that came too late to the dead letters, as the library
// does from the moment at which the name is gone. Its own mailboxes drop those
// that were queued before, and with them what was lent to the actor.
func (q *Queue) bury(message any) {
	c := q.invoker.(actor.Context)
	c.ActorSystem().DeadLetter.SendUserMessage(c.Self(), message)
}

// Pool is the production dispatcher: it hands mailbox runs to parked
// goroutines, the most recently parked first, whose stack is the warmest. A
// fresh goroutine per run, as the library's default has it, spends most of a
// hop's latency on growing a cold stack.
type Pool struct {
	mu     sync.Mutex
	idle   []chan func()
	closed bool
	live   sync.WaitGroup
}

// maxIdle bounds the parked goroutines; those above it end after their run.
const maxIdle = 256

// NewPool returns a pool without goroutines; they come with the first runs.
func NewPool() *Pool { return &Pool{} }

// Schedule runs fn on a parked goroutine, or on a new one if none is parked.
func (p *Pool) Schedule(fn func()) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		work := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		work <- fn // never blocks: the worker is parked and the channel has room
		return
	}
	p.live.Add(1)
	p.mu.Unlock()
	go p.work(fn)
}

// Yield lets other goroutines run before the calling one goes on.
func (p *Pool) Yield() { runtime.Gosched() }

// Throughput is the number of user messages that one run may deliver before it
// lets other runs pass.
func (p *Pool) Throughput() int { return 1 << 10 }

func (p *Pool) work(fn func()) {
	defer p.live.Done()
	work := make(chan func(), 1)
	for {
		fn()
		if !p.park(work) {
			return
		}
		var ok bool
		if fn, ok = <-work; !ok {
			return
		}
	}
}

func (p *Pool) park(work chan func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		return false
	}
	p.idle = append(p.idle, work)
	return true
}

// Close ends the parked goroutines and waits for those that run. No actor of
// the pool may be alive any more, except to finish its last run.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for _, work := range p.idle {
		close(work)
	}
	p.idle = nil
	p.mu.Unlock()
	p.live.Wait()
}
