package consumer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/testkit/sim"
)

// town is brokers that a group's members ask, in virtual time, and what must be
// true of all members together.
type town struct {
	t       *testing.T
	w       *sim.World
	host    *sim.Host
	queues  []consumer.Queue
	ends    map[consumer.Queue]int64
	offsets map[consumer.Queue]int64
	locks   map[consumer.Queue]lock
	members []*node // in the group, by joining
	failing float64 // share of requests that fail
	delay   time.Duration

	working map[consumer.Queue]*node // whose handler runs, if ordered
	handled map[consumer.Queue][]int64
	dead    map[consumer.Queue][]int64
}

// lock is a lock of a broker's, which forgets it after lockLife.
type lock struct {
	owner *node
	until time.Time
}

const lockLife = 60 * time.Second

var errFault = errors.New("fault")

func newTown(t *testing.T, w *sim.World, queues int) *town {
	c := &town{
		t: t, w: w, host: w.Host("client"), delay: 5 * time.Millisecond,
		ends: make(map[consumer.Queue]int64), offsets: make(map[consumer.Queue]int64), locks: make(map[consumer.Queue]lock),
		working: make(map[consumer.Queue]*node), handled: make(map[consumer.Queue][]int64), dead: make(map[consumer.Queue][]int64),
	}
	for i := range queues {
		c.queues = append(c.queues, consumer.Queue{Topic: "t", BrokerName: "b", QueueID: int32(i)})
	}
	return c
}

// send adds messages to every queue.
func (c *town) send(n int64) {
	for _, q := range c.queues {
		c.ends[q] += n
	}
}

// done reports whether all messages were handled.
func (c *town) done() bool {
	for _, q := range c.queues {
		for offset := range c.ends[q] {
			if !slices.Contains(c.handled[q], offset) && !slices.Contains(c.dead[q], offset) {
				return false
			}
		}
	}
	return true
}

// caughtUp reports whether the group's offsets are at the ends.
func (c *town) caughtUp() bool {
	return !slices.ContainsFunc(c.queues, func(q consumer.Queue) bool { return c.offsets[q] != c.ends[q] })
}

func (c *town) run(what string, until func() bool, limit time.Duration) {
	c.t.Helper()
	require.NoError(c.t, c.w.Run(until, limit), "seed %d: %s", c.w.Seed(), what)
}

// node is a member: its actor, and what its owner does.
type node struct {
	*town
	id       int
	pid      *actor.PID
	o        consumer.Options
	killed   bool
	running  int // handlers
	trouble  []error
	assigned []consumer.Queue
	work     time.Duration // that a handler takes at most
	outcome  func(*consumer.Work) consumer.Handled
	pulls    []consumer.Pull
	level    []int // of messages sent back
	held     []*consumer.Work
	hold     bool // handlers do not end
	renewals int
	mute     bool // nothing is answered
}

func (c *town) join(o consumer.Options) *node {
	return c.joinAs(o, func(n *node) consumer.Cluster { return n })
}

// joinAs is join with another way to the brokers.
func (c *town) joinAs(o consumer.Options, cluster func(*node) consumer.Cluster) *node {
	n := &node{town: c, id: len(c.members), work: 20 * time.Millisecond}
	n.outcome = func(work *consumer.Work) consumer.Handled { return consumer.Handled{Work: work, OK: len(work.Items)} }
	o.Env, o.Cluster, o.Hand = c.host.Env(), cluster(n), n.hand
	o.Trouble = func(err error) { n.trouble = append(n.trouble, err) }
	o.Changed = func(queues []consumer.Queue) { n.assigned = queues }
	o.Batch, o.PullMax = max(o.Batch, 1), 8
	o.QueueBytes = 1 << 20
	if o.QueueSpan == 0 {
		o.QueueSpan = 2000
	}
	if o.QueueMessages == 0 {
		o.QueueMessages = 20
	}
	o.Suspend = time.Second
	n.o = o
	c.members = append(c.members, n)
	n.pid = o.Env.Actors.Root.Spawn(consumer.Props(o))
	c.changed()
	return n
}

// changed tells all members that the group has changed.
func (c *town) changed() {
	for _, n := range c.members {
		if !n.killed {
			n.send(&consumer.Rebalance{})
		}
	}
}

func (n *node) send(message any) { n.host.Env().Send(n.pid, message) }

// leave ends a member in order.
func (n *node) leave() {
	n.send(&consumer.Quiesce{Done: func() { n.ended() }})
}

// ended finishes when the last handler has ended.
func (n *node) ended() {
	if n.running > 0 {
		n.later(time.Millisecond, n.ended)
		return
	}
	n.send(&consumer.Finish{Done: func() { n.kill() }})
}

// kill ends a member at once.
func (n *node) kill() {
	n.killed = true
	n.town.members = slices.DeleteFunc(n.town.members, func(o *node) bool { return o == n })
	for q, o := range n.working {
		if o == n {
			delete(n.working, q)
		}
	}
	n.host.Env().Actors.Root.Stop(n.pid)
	n.later(time.Millisecond, n.town.changed)
}

func (c *town) later(d time.Duration, f func()) { c.host.Env().Clock.AfterFunc(d, f) }

// answer has f called after a random time, with whether the request failed.
func (n *node) answer(f func(err error)) {
	if n.mute {
		return
	}
	rand := n.host.Env().Rand
	var err error
	if rand.IntN(1000) < int(n.failing*1000) {
		err = errFault
	}
	n.later(time.Duration(rand.IntN(int(n.delay))+1), func() { f(err) })
}

// hand begins handlers.
func (n *node) hand(works []*consumer.Work) {
	for _, work := range works {
		n.handle(work)
	}
}

// handle is a handler: it takes some time and reports.
func (n *node) handle(work *consumer.Work) {
	if n.killed || !work.Begin(n.host.Now()) {
		n.send(&consumer.Results{Handled: []consumer.Handled{{Work: work, Skipped: true}}})
		return
	}
	if n.o.Ordered {
		require.Nil(n.t, n.working[work.Queue], "seed %d: two handlers of %v", n.w.Seed(), work.Queue)
		n.working[work.Queue] = n
	}
	n.running++
	if n.hold {
		n.held = append(n.held, work)
		return
	}
	n.later(time.Duration(n.host.Env().Rand.IntN(int(n.work))+1), func() { n.report(work) })
}

// report ends a handler.
func (n *node) report(work *consumer.Work) {
	n.running--
	if n.killed {
		return
	}
	if n.o.Ordered {
		delete(n.working, work.Queue)
	}
	h := n.outcome(work)
	for i := range work.Items[:h.OK] {
		n.handled[work.Queue] = append(n.handled[work.Queue], work.Items[i].Offset)
	}
	n.send(&consumer.Results{Handled: []consumer.Handled{h}})
}

// release ends the handlers that are held.
func (n *node) release() {
	n.hold = false
	for _, work := range n.held {
		n.report(work)
	}
	n.held = nil
}

// Shares deals the queues out in turn.
func (n *node) Shares(done func(consumer.Shares)) {
	members := slices.Clone(n.town.members) // as of now, which may be old by then
	n.answer(func(err error) {
		if err != nil {
			done(consumer.Shares{})
			return
		}
		var mine []consumer.Queue
		for i, q := range n.queues {
			if n.o.Broadcast || len(members) > 0 && members[i%len(members)] == n {
				mine = append(mine, q)
			}
		}
		done(consumer.Shares{Topics: map[string][]consumer.Queue{"t": mine}, Settled: true})
	})
}

func (n *node) Begin(q consumer.Queue, done func(consumer.Beginning, error)) {
	n.answer(func(err error) {
		offset, known := n.offsets[q]
		at := consumer.Beginning{Next: offset, Committed: consumer.None}
		if known {
			at.Committed = offset
		}
		done(at, err)
	})
}

func (n *node) Lock(queues []consumer.Queue, done func(consumer.Locks)) {
	n.renewals++
	n.answer(func(err error) {
		var l consumer.Locks
		for _, q := range queues {
			held := n.locks[q]
			switch free := held.owner == nil || held.owner == n || n.host.Now().After(held.until); {
			case err != nil:
			case free:
				n.locks[q] = lock{n, n.host.Now().Add(lockLife)}
				l.Granted = append(l.Granted, q)
			default:
				l.Refused = append(l.Refused, q)
			}
		}
		done(l)
	})
}

func (n *node) Unlock(queues []consumer.Queue) {
	n.answer(func(error) {
		for _, q := range queues {
			if n.locks[q].owner == n {
				delete(n.locks, q)
				n.later(time.Millisecond, n.town.changed)
			}
		}
	})
}

// Pull brings what there is, or waits a little.
func (n *node) Pull(p consumer.Pull, done func(consumer.Pulled)) {
	n.pulls = append(n.pulls, p)
	n.answer(func(err error) {
		end := n.ends[p.Queue]
		switch {
		case err != nil:
			done(consumer.Pulled{Status: consumer.Failed, Err: err})
			return
		case p.Next > end:
			done(consumer.Pulled{Status: consumer.Moved, Next: end})
			return
		case p.Next == end:
			n.later(time.Second, func() { done(consumer.Pulled{Next: p.Next, BrokerID: p.BrokerID}) })
			return
		}
		r := consumer.Pulled{Next: min(p.Next+int64(p.Max), end), BrokerID: p.BrokerID}
		for offset := p.Next; offset < r.Next; offset++ {
			r.Items = append(r.Items, consumer.Item{Offset: offset, Size: 10})
		}
		done(r)
	})
}

func (n *node) Commit(offsets []consumer.Offset, done func(error)) {
	n.answer(func(err error) {
		for _, o := range offsets {
			if err == nil {
				n.offsets[o.Queue] = o.Offset
			}
		}
		done(err)
	})
}

func (n *node) SendBack(q consumer.Queue, item *consumer.Item, level int, done func(error)) {
	n.level = append(n.level, level)
	n.answer(func(err error) {
		if err == nil {
			n.dead[q] = append(n.dead[q], item.Offset)
		}
		done(err)
	})
}

// state asks the member.
func (n *node) state() (s consumer.State) {
	n.t.Helper()
	answered := false
	n.send(&consumer.Inspect{Done: func(state consumer.State) { s, answered = state, true }})
	n.run("its state", func() bool { return answered }, time.Second)
	return s
}

// requireOnce requires that each message of each queue was handled once.
func (c *town) requireOnce() {
	c.t.Helper()
	for _, q := range c.queues {
		all := slices.Clone(c.handled[q])
		slices.Sort(all)
		require.Len(c.t, all, int(c.ends[q]), fmt.Sprintf("seed %d: %v: %v", c.w.Seed(), q, c.handled[q]))
		require.Equal(c.t, all, slices.Compact(slices.Clone(all)))
	}
}
