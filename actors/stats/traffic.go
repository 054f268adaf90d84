package stats

import (
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
)

// Traffic counts messages by topic and by group, for whoever monitors the broker.
// The zero Traffic is ready; a nil one counts nothing, and costs nothing. Any
// goroutine may use it; on a busy path keep the Tally that it returns.
type Traffic struct {
	in, out, dead tallies
}

// In is what a Tally of incoming messages counts.
type In struct {
	Topic string
	Type  messages.MessageType
}

// Out is what a Tally of messages for a group counts.
type Out struct{ Group, Topic string }

// In returns the Tally of messages that clients sent and the log took.
func (t *Traffic) In(topic string, kind messages.MessageType) *messages.Tally {
	if t == nil {
		return nil
	}
	return t.in.of(In{topic, kind})
}

// Out returns the Tally of messages that a group was given.
func (t *Traffic) Out(group, topic string) *messages.Tally {
	if t == nil {
		return nil
	}
	return t.out.of(Out{group, topic})
}

// Dead returns the Tally of messages that a group has given up, topic being its dead
// letter queue.
func (t *Traffic) Dead(group, topic string) *messages.Tally {
	if t == nil {
		return nil
	}
	return t.dead.of(Out{group, topic})
}

// EachIn, EachOut and EachDead call f for each Tally of a Traffic that is not nil.
func (t *Traffic) EachIn(f func(In, *messages.Tally)) {
	t.in.each(func(key any, tally *messages.Tally) { f(key.(In), tally) })
	t.in.others(func(tally *messages.Tally) { f(In{}, tally) })
}

func (t *Traffic) EachOut(f func(Out, *messages.Tally)) {
	t.out.each(func(key any, tally *messages.Tally) { f(key.(Out), tally) })
	t.out.others(func(tally *messages.Tally) { f(Out{}, tally) })
}

func (t *Traffic) EachDead(f func(Out, *messages.Tally)) {
	t.dead.each(func(key any, tally *messages.Tally) { f(key.(Out), tally) })
	t.dead.others(func(tally *messages.Tally) { f(Out{}, tally) })
}

// MaxTallies bounds the tallies of each kind; what comes later is counted together
// under the zero key (RocketMQ: metricsOtelCardinalityLimit).
const MaxTallies = 50_000

// tallies are found by their keys, all of one comparable type.
type tallies struct {
	all  sync.Map // to *messages.Tally
	n    atomic.Int64
	rest messages.Tally
}

func (t *tallies) of(key any) *messages.Tally {
	if found, ok := t.all.Load(key); ok {
		return found.(*messages.Tally)
	}
	if t.n.Add(1) > MaxTallies {
		t.n.Add(-1)
		return &t.rest
	}
	found, raced := t.all.LoadOrStore(key, new(messages.Tally))
	if raced {
		t.n.Add(-1)
	}
	return found.(*messages.Tally)
}

func (t *tallies) each(f func(key any, tally *messages.Tally)) {
	t.all.Range(func(key, tally any) bool {
		f(key, tally.(*messages.Tally))
		return true
	})
}

func (t *tallies) others(f func(*messages.Tally)) {
	if t.rest.Messages() > 0 {
		f(&t.rest)
	}
}
