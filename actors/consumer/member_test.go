package consumer_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/testkit/sim"
)

const seeds = 30

func world(t *testing.T, queues int) *town {
	return newTown(t, sim.New(1, sim.Options{StallRate: -1}), queues)
}

// TestMembersComeAndGo: whatever comes and goes, and whatever fails, every message
// is handled; while nothing fails and nobody is killed, members of an ordered group
// handle none twice, in the queues' order, one at a time.
func TestMembersComeAndGo(t *testing.T) {
	for name, tt := range map[string]struct {
		ordered bool
		failing float64
		kills   bool
	}{
		"concurrent":                   {},
		"concurrent, faults and kills": {failing: 0.1, kills: true},
		"ordered":                      {ordered: true},
		"ordered, faults and kills":    {ordered: true, failing: 0.1, kills: true},
	} {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, seeds, sim.Options{StallRate: -1}, func(t *testing.T, w *sim.World) {
				c := newTown(t, w, 6)
				c.failing = tt.failing
				rand := c.host.Env().Rand
				for range 12 {
					c.send(int64(rand.IntN(8)))
					switch some := slices.Clone(c.members); {
					case len(some) < 2 || rand.IntN(2) == 0 && len(some) < 5:
						c.join(consumer.Options{Ordered: tt.ordered})
					case tt.kills && rand.IntN(2) == 0:
						some[rand.IntN(len(some))].kill()
					default:
						some[rand.IntN(len(some))].leave()
					}
					w.Advance(time.Duration(rand.IntN(1500)) * time.Millisecond)
				}
				if len(c.members) == 0 {
					c.join(consumer.Options{Ordered: tt.ordered})
				}
				c.failing = 0
				c.run("all messages", func() bool { return c.done() && c.caughtUp() }, 5*time.Minute)
				if tt.ordered && !tt.kills {
					c.requireOnce()
					for _, q := range c.queues {
						require.True(t, slices.IsSorted(c.handled[q]), "%v", c.handled[q])
					}
				}
			})
		})
	}
}

func TestLocksAreRenewedAndNotTrustedForEver(t *testing.T) {
	c := world(t, 2)
	n := c.join(consumer.Options{Ordered: true})
	c.run("its queues", func() bool { return len(n.assigned) == 2 }, time.Second)
	for range 10 {
		c.w.Advance(consumer.LockInterval)
		for _, q := range n.state().Queues {
			require.True(t, q.Locked)
		}
	}
	require.Equal(t, 11, n.renewals)

	n.failing = 1
	c.w.Advance(consumer.LockAge)
	n.failing = 0
	muted := n.renewals
	c.send(1)
	c.w.Advance(5 * time.Second) // pulled, but before the next renewal
	require.Equal(t, muted, n.renewals)
	require.Empty(t, c.handled[c.queues[0]], "nothing is handled under an old lock")
	n.failing = 1
	c.w.Advance(consumer.LockInterval)
	require.Empty(t, n.assigned, "a lock that cannot be renewed may be another's")
	n.failing = 0
	c.run("all messages", c.done, time.Minute)
}

func TestALockThatAnotherHasEndsTheQueue(t *testing.T) {
	c := world(t, 1)
	n := c.join(consumer.Options{Ordered: true})
	c.run("its queue", func() bool { return len(n.assigned) == 1 }, time.Second)
	n.hold = true
	c.send(3)
	c.run("a handler", func() bool { return n.running == 1 }, 2*time.Second)
	thief := &node{town: c}
	c.locks[c.queues[0]] = lock{thief, c.host.Now().Add(3 * lockLife)}
	c.w.Advance(consumer.LockInterval)
	require.Empty(t, n.assigned)
	n.release()
	c.w.Advance(consumer.LockInterval)
	require.Zero(t, c.offsets[c.queues[0]], "what was handled without a lock is not committed")
	require.Equal(t, []int64{0}, c.handled[c.queues[0]])
	delete(c.locks, c.queues[0])
	c.run("all messages", c.caughtUp, time.Minute)
}

func TestAQueueIsGivenAwayWhenItsHandlerHasEnded(t *testing.T) {
	c := world(t, 2)
	a := c.join(consumer.Options{Ordered: true})
	c.send(2)
	a.hold = true
	c.run("handlers", func() bool { return a.running == 2 }, time.Second)
	b := c.join(consumer.Options{Ordered: true})
	c.w.Advance(10 * time.Second)
	require.Zero(t, b.running)
	require.Equal(t, a, c.locks[c.queues[1]].owner)
	a.release()
	c.run("all messages", c.done, 10*time.Second)
	c.requireOnce()
	require.Equal(t, b, c.locks[c.queues[1]].owner)
}

func TestAFailureSuspendsItsQueueOnly(t *testing.T) {
	c := world(t, 2)
	n := c.join(consumer.Options{Ordered: true, MaxAttempts: -1, Batch: 2})
	attempts := []int{}
	n.outcome = func(work *consumer.Work) consumer.Handled {
		h := consumer.Handled{Work: work, OK: len(work.Items)}
		if work.Queue.QueueID == 1 && work.Items[0].Attempts < 3 {
			attempts = append(attempts, work.Items[0].Attempts)
			h.OK, h.Suspend = 0, time.Minute // 30 s are the limit
		}
		return h
	}
	c.send(4)
	c.w.Advance(5 * time.Second)
	require.Equal(t, []int64{0, 1, 2, 3}, c.handled[c.queues[0]])
	require.Empty(t, c.handled[c.queues[1]])
	began := c.host.Now()
	c.run("all messages", c.done, 5*time.Minute)
	require.InDelta(t, 175, c.host.Now().Sub(began).Seconds(), 1, "six suspensions, the first of which had begun")
	require.Equal(t, []int64{0, 1, 2, 3}, c.handled[c.queues[1]])
	require.Equal(t, []int{0, 1, 2, 0, 1, 2}, attempts)
}

func TestTooManyAttemptsPutAMessageAside(t *testing.T) {
	for _, tt := range []struct {
		name  string
		max   int
		level int
		tries int
	}{
		{"after two retries", 2, 0, 3},
		{"at the first failure", 0, 0, 1},
		{"because the handler says so", -1, -1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := world(t, 1)
			n := c.join(consumer.Options{Ordered: true, MaxAttempts: tt.max, Batch: 3})
			tries := 0
			n.outcome = func(work *consumer.Work) consumer.Handled {
				i := slices.IndexFunc(work.Items, func(i consumer.Item) bool { return i.Offset == 1 })
				if i < 0 {
					return consumer.Handled{Work: work, OK: len(work.Items)}
				}
				tries++
				return consumer.Handled{Work: work, OK: i, Level: tt.level}
			}
			c.send(4)
			c.run("all messages", c.caughtUp, time.Minute)
			require.Equal(t, tt.tries, tries)
			require.Equal(t, []int64{1}, c.dead[c.queues[0]])
			require.Equal(t, []int64{0, 2, 3}, c.handled[c.queues[0]])
			require.Equal(t, []int{-1}, n.level)
		})
	}
}

func TestARefusedMessageIsSentBackOrHandledAgain(t *testing.T) {
	c := world(t, 1)
	n := c.join(consumer.Options{Batch: 4})
	n.outcome = func(work *consumer.Work) consumer.Handled { return consumer.Handled{Work: work, OK: 1, Level: 5} }
	c.send(4)
	c.run("the end", c.caughtUp, 10*time.Second)
	require.Equal(t, []int64{0}, c.handled[c.queues[0]])
	require.ElementsMatch(t, []int64{1, 2, 3}, c.dead[c.queues[0]])
	require.Equal(t, []int{5, 5, 5}, n.level)

	n.outcome = func(work *consumer.Work) consumer.Handled { return consumer.Handled{Work: work, OK: len(work.Items)} }
	n.outcome = failOnce(n.outcome)
	c.send(1)
	c.run("a handler", func() bool { return n.running > 0 }, 10*time.Second)
	n.failing = 1
	c.w.Advance(time.Second)
	n.failing = 0
	require.False(t, c.caughtUp())
	c.run("the end", c.caughtUp, 20*time.Second)
	require.Equal(t, []int64{0, 4}, c.handled[c.queues[0]], "it could not be sent back, so it was handled again")
}

func failOnce(then func(*consumer.Work) consumer.Handled) func(*consumer.Work) consumer.Handled {
	failed := false
	return func(work *consumer.Work) consumer.Handled {
		if !failed {
			failed = true
			return consumer.Handled{Work: work}
		}
		return then(work)
	}
}

func TestAHandlerThatTakesTooLong(t *testing.T) {
	c := world(t, 1)
	n := c.join(consumer.Options{Timeout: time.Minute})
	c.run("its queue", func() bool { return len(n.assigned) == 1 }, time.Second)
	n.hold = true
	c.send(1)
	c.run("a handler", func() bool { return n.running == 1 }, 2*time.Second)
	c.w.Advance(50 * time.Second)
	require.Empty(t, c.dead[c.queues[0]])
	c.run("its offset", c.caughtUp, time.Minute)
	require.Equal(t, []int{consumer.TimeoutLevel}, n.level)
	n.outcome = func(work *consumer.Work) consumer.Handled { return consumer.Handled{Work: work} }
	n.release()
	c.w.Advance(time.Minute)
	require.Len(t, n.level, 1, "what it reports later does not count")
}

func TestFlowControl(t *testing.T) {
	c := world(t, 2)
	for _, tt := range []struct {
		name   string
		change func(*consumer.Options)
		most   int
	}{
		{"messages", func(o *consumer.Options) { o.QueueMessages = 20 }, 24},
		{"messages of the topic", func(o *consumer.Options) { o.TopicMessages = 20 }, 16},
		{"bytes of the topic", func(o *consumer.Options) { o.TopicBytes = 100 }, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o consumer.Options
			o.QueueMessages = 1000
			tt.change(&o)
			n := c.join(o)
			n.hold = true
			c.send(100)
			c.w.Advance(10 * time.Second)
			for _, q := range n.state().Queues {
				require.Equal(t, tt.most, q.Messages)
			}
			n.release()
			c.run("all messages", c.caughtUp, time.Minute)
			n.leave()
			c.w.Advance(time.Second)
		})
	}
}

func TestOneSlowMessageBoundsTheSpan(t *testing.T) {
	c := world(t, 1)
	n := c.join(consumer.Options{QueueSpan: 50})
	n.hold = true
	c.send(1)
	c.run("a handler", func() bool { return n.running == 1 }, 10*time.Second)
	slow := n.held
	n.held, n.hold = nil, false
	c.send(200)
	c.w.Advance(30 * time.Second)
	require.InDelta(t, 54, len(c.handled[c.queues[0]]), 5, "all of them would come again after a crash")
	n.held = slow
	n.release()
	c.run("all messages", c.caughtUp, time.Minute)
	c.requireOnce()
}

func TestAPullBeyondTheQueueGoesOnWhereItCan(t *testing.T) {
	c := world(t, 1)
	c.send(5)
	c.offsets[c.queues[0]] = 90
	n := c.join(consumer.Options{})
	c.run("the offset", func() bool { return c.offsets[c.queues[0]] == 5 }, 10*time.Second)
	require.Len(t, n.trouble, 1)
	c.send(3)
	c.run("all messages", c.caughtUp, 10*time.Second)
	require.ElementsMatch(t, []int64{5, 6, 7}, c.handled[c.queues[0]])
}

func TestASuggestedBrokerIsAskedUntilItFails(t *testing.T) {
	c := world(t, 1)
	c.send(30)
	n := &suggesting{}
	n.node = c.joinAs(consumer.Options{}, func(m *node) consumer.Cluster { n.node = m; return n })
	c.run("all messages", c.caughtUp, 10*time.Second)
	var asked []int64
	for _, p := range n.pulls {
		asked = append(asked, p.BrokerID)
	}
	require.Equal(t, []int64{0, 1, 1, 0}, asked[:4], "the second slave's pull fails")
}

// suggesting suggests broker 1 at the first pull, which fails at the third.
type suggesting struct {
	*node
	count int
}

func (s *suggesting) Pull(p consumer.Pull, done func(consumer.Pulled)) {
	s.count++
	count := s.count
	s.node.Pull(p, func(r consumer.Pulled) {
		switch {
		case count == 3:
			r = consumer.Pulled{Status: consumer.Failed, Err: errors.New("the slave is gone")}
		case count < 3:
			r.BrokerID = 1
		}
		done(r)
	})
}

func TestReset(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		c := world(t, 1)
		q := c.queues[0]
		n := c.join(consumer.Options{Ordered: ordered, MaxAttempts: -1})
		c.send(10)
		c.run("all messages", c.caughtUp, 10*time.Second)
		n.hold = true
		c.send(1)
		c.run("a handler", func() bool { return n.running == 1 }, 2*time.Second)
		n.send(&consumer.Reset{Offsets: []consumer.Offset{{Queue: q, Offset: 4}}})
		c.w.Advance(time.Second)
		require.EqualValues(t, 4, c.offsets[q], "it is committed at once")
		require.True(t, n.held[0].Claim.Void())
		c.handled[q] = nil
		ok := n.outcome
		n.outcome = failOnce(ok)
		n.release()
		c.run("all messages", c.caughtUp, 10*time.Second)
		if ordered {
			require.Equal(t, []int64{4, 5, 6, 7, 8, 9, 10}, c.handled[q], "what came of the old handler does not matter")
		}
		require.Subset(t, c.handled[q], []int64{4, 5, 6, 7, 8, 9, 10})

		c.offsets[q] = 2 // the operator's doing
		n.send(&consumer.Reset{Offsets: []consumer.Offset{{Queue: q, Offset: 11}}})
		c.run("the offset", c.caughtUp, time.Second)
	}
}

func TestBroadcastMembersHaveAllQueues(t *testing.T) {
	c := world(t, 3)
	a, b := c.join(consumer.Options{Broadcast: true}), c.join(consumer.Options{Broadcast: true})
	a.outcome = func(work *consumer.Work) consumer.Handled { return consumer.Handled{Work: work} }
	c.send(1)
	c.run("both", func() bool { return len(a.trouble) == 3 && len(c.handled[c.queues[2]]) == 1 }, 10*time.Second)
	require.Len(t, a.assigned, 3)
	require.Len(t, b.assigned, 3)
	require.Empty(t, c.dead[c.queues[0]], "what is refused is dropped")
}

func TestTheEnd(t *testing.T) {
	c := world(t, 2)
	n := c.join(consumer.Options{})
	c.send(3)
	n.hold = true
	c.run("handlers", func() bool { return n.running == 6 }, 10*time.Second)
	n.outcome = func(work *consumer.Work) consumer.Handled {
		ok := 1
		if work.Items[0].Offset == 2 {
			ok = 0 // is sent back before the end
		}
		return consumer.Handled{Work: work, OK: ok}
	}
	n.send(&consumer.Quiesce{})
	c.w.Advance(10 * time.Second)
	require.False(t, c.caughtUp())
	n.release()
	ended := false
	n.send(&consumer.Finish{Done: func() { ended = true }})
	c.run("the end", func() bool { return ended }, time.Second)
	require.True(t, c.caughtUp(), "all of it is committed")
	require.Len(t, c.dead[c.queues[0]], 1)
}

func TestTheEndGivesLocksBack(t *testing.T) {
	c := world(t, 2)
	n := c.join(consumer.Options{Ordered: true})
	c.send(3)
	c.run("all messages", c.done, 10*time.Second)
	require.Len(t, c.locks, 2)
	n.leave()
	c.w.Advance(time.Second)
	require.Empty(t, c.locks)
	require.True(t, c.caughtUp())
}

func TestAChangeDuringARebalanceIsNotForgotten(t *testing.T) {
	c := world(t, 2)
	c.delay = 100 * time.Millisecond
	n := c.join(consumer.Options{})
	c.w.Advance(time.Millisecond)
	c.members = append(c.members, &node{town: c, killed: true})
	n.send(&consumer.Rebalance{})
	c.w.Advance(time.Second)
	require.Len(t, n.assigned, 1)
}

func TestSameSeedSameTrace(t *testing.T) {
	trace := func() string {
		c := newTown(t, sim.New(7, sim.Options{}), 4)
		c.failing = 0.05
		c.join(consumer.Options{Ordered: true})
		c.send(20)
		c.w.Advance(time.Second)
		c.join(consumer.Options{Ordered: true})
		c.w.Advance(time.Minute)
		return c.w.Digest()
	}
	require.Equal(t, trace(), trace())
}
