package consumer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
)

// Props returns the props of a member. Its owner supervises it. A restart voids
// all claims and begins with a rebalance: what was not committed comes again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &member{
			Options: o, ended: new(atomic.Bool), perTopic: make(map[string]int), alarms: make(map[*alarm]env.Timer),
			rates: make(map[string]*meter),
		}
	})
}

type member struct {
	Options
	self     *actor.PID
	ended    *atomic.Bool   // answers of Cluster have nobody to go to any more
	queues   []*queue       // sorted by name
	perTopic map[string]int // queues of a topic
	alarms   map[*alarm]env.Timer
	rates    map[string]*meter // by topic

	asking     bool // Shares was asked and has not answered
	askAgain   bool // something changed meanwhile
	rebalance  *alarm
	assigned   []Queue // of a Manual member
	announced  []Queue // what Changed was told last
	rebalances uint64
	stopping   bool
	returning  int                 // messages that are being sent back
	commits    []func(done func()) // the first one is under way
	leaving    []*queue            // wait for release
	soon       *alarm              // commits of drained queues
	finishing  func()              // what Finish waits for nothing else to do, nil before
}

// Messages of the member to itself.
type (
	// alarm is a message that comes later, unless it is cancelled.
	alarm struct{ what any }

	shared struct{ Shares }
	begun  struct {
		claim *Claim
		at    Beginning
		err   error
	}
	locked struct {
		Locks
		queues []*queue
		asked  time.Time // a granted lock is good from here on
	}
	pulled struct {
		claim *Claim
		Pulled
	}
	sentBack struct {
		claim  *Claim
		item   *Item
		level  int
		err    error
		source *Work // of an ordered queue: what it suspends
	}
	committed struct {
		claim  *Claim
		offset int64
		err    error
	}
	released struct {
		queues []*queue
		err    error
	}

	commitEnd     struct{}
	rebalanceTick struct{}
	commitTick    struct{}
	drainedTick   struct{}
	lockTick      struct{}
	expiryTick    struct{}
	pullAgain     struct{ claim *Claim }
	feedAgain     struct{ claim *Claim }
	handAgain     struct {
		claim *Claim
		item  *Item
	}
)

func (m *member) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case *actor.Started:
		m.self = ctx.Self()
		m.start()
	case *Results:
		m.results(v.Handled)
	case *pulled:
		m.pulled(v)
	case *sentBack:
		m.sentBack(v)
	case *alarm:
		if _, live := m.alarms[v]; live {
			delete(m.alarms, v)
			m.due(v.what)
		}
	case *shared:
		m.shared(v.Shares)
	case *begun:
		m.begun(v)
	case *locked:
		m.locked(v)
	case *committed:
		m.committed(v)
	case *released:
		m.released(v)
	case commitEnd:
		m.commitNext()
	case *actor.Stopping, *actor.Restarting:
		m.end()
	default:
		m.asked(v)
	}
}

// asked handles what the owner asks for.
func (m *member) asked(message any) {
	switch v := message.(type) {
	case *Rebalance:
		m.rebalanceNow()
	case *Assign:
		m.assigned = slices.SortedFunc(slices.Values(v.Queues), Queue.Compare)
		m.rebalanceNow()
		tell(v.Done)
	case *Seek:
		m.seek(v)
	case *Pause:
		m.pause(v)
	case *Reset:
		m.reset(v.Offsets)
	case *Commit:
		m.commitAll(v.Done)
	case *Inspect:
		v.Done(m.state())
	case *Quiesce:
		m.quiesce()
		tell(v.Done)
	case *Finish:
		m.finish(v.Done)
	}
}

func tell(done func()) {
	if done != nil {
		done()
	}
}

// due handles what was to happen at this time.
func (m *member) due(what any) {
	switch v := what.(type) {
	case rebalanceTick:
		m.rebalanceNow()
	case commitTick:
		m.after(CommitInterval, v)
		m.commitByTime()
	case drainedTick:
		m.soon = nil
		m.commitByTime()
	case lockTick:
		m.after(LockInterval, v)
		m.renewLocks()
	case expiryTick:
		m.after(ExpiryInterval, v)
		m.expire()
		m.roll()
	case pullAgain:
		if q := v.claim.queue; q.claim == v.claim {
			q.resting = false
			m.pull(q)
		}
	case feedAgain:
		if q := v.claim.queue; q.claim == v.claim {
			q.suspend = false
			m.feed(q)
		}
	case handAgain:
		m.handAgain(v)
	}
}

func (m *member) start() {
	m.after(CommitInterval, commitTick{})
	m.after(ExpiryInterval, expiryTick{})
	if m.needLocks() {
		m.after(LockInterval, lockTick{})
	}
	m.rebalanceNow()
}

// needLocks reports whether queues are locked at their brokers.
func (m *member) needLocks() bool { return m.Ordered && !m.Broadcast }

// after has something happen later.
func (m *member) after(d time.Duration, what any) *alarm {
	a := &alarm{what: what}
	m.alarms[a] = m.Env.Tell(m.self, d, a)
	return a
}

// cancel takes an alarm back; it may be nil.
func (m *member) cancel(a *alarm) {
	if timer := m.alarms[a]; timer != nil {
		timer.Stop()
		delete(m.alarms, a)
	}
}

// post sends the answer of Cluster to the member.
func (m *member) post(message any) {
	if !m.ended.Load() {
		m.Env.Send(m.self, message)
	}
}

// end voids all claims. What is under way at Cluster is not waited for.
func (m *member) end() {
	m.ended.Store(true)
	for _, timer := range m.alarms {
		timer.Stop()
	}
	clear(m.alarms)
	for _, q := range m.queues {
		q.voided()
	}
}

// quiesce has nothing new begin.
func (m *member) quiesce() {
	m.stopping = true
	for _, q := range m.queues {
		q.voided()
	}
}

// finish ends everything when the last message was sent back.
func (m *member) finish(done func()) {
	m.stopping = true
	m.finishing = func() { m.settle(done) }
	if m.returning == 0 {
		m.finishing()
	}
}

// settle commits and unlocks what there is, and says so.
func (m *member) settle(done func()) {
	m.commit(func(ended func()) {
		var offsets []Offset
		var locks []Queue
		for _, q := range m.queues {
			if q.phase != active && (q.phase != closing || !q.kept) {
				continue
			}
			if offset, due := q.due(); due && !m.KeepOffsets {
				offsets = append(offsets, Offset{q.name, offset})
			}
			if m.needLocks() {
				locks = append(locks, q.name)
			}
		}
		after := func(err error) {
			if err != nil {
				m.Trouble(err)
			}
			if len(locks) > 0 {
				m.Cluster.Unlock(locks)
			}
			tell(done)
			ended()
		}
		if len(offsets) == 0 {
			after(nil)
			return
		}
		m.Cluster.Commit(offsets, after)
	})
}
