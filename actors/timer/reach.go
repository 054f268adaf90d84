package timer

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// Reach asks to be told when every message is in its topic, where consumers see it,
// that was due before Time, in Unix milliseconds. ReplyTo gets it as *Reached.
//
// It goes by the messages whose ConsumeQueue unit is there by then: whoever asks about
// what it has itself appended lets a moment pass.
type Reach struct {
	Time    int64
	ReplyTo *actor.PID
	Token   any
}

// Reached answers Reach.
type Reached struct{ Token any }

// reaches are those who wait for a Reached, and what they wait for besides the time.
type reaches struct {
	waiting []*Reach
	last    int64 // physical offset of the last record that was delivered; -1 none
	look    env.Timer
}

// lookAfter is the time between two looks whether the last delivery is visible.
const lookAfter = 10 * time.Millisecond

type look struct{}

func (t *timers) reach(m *Reach) {
	if t.files == nil {
		return // of a slave: nobody waits there
	}
	t.reaches.waiting = append(t.reaches.waiting, m)
	t.run()
}

// delivered remembers the last record of an Append: Dispatch makes them visible in the
// order of the log.
func (t *timers) delivered(a *messages.Append) {
	for i := len(a.Records) - 1; i >= 0; i-- {
		if r := &a.Records[i]; r.Size > 0 && r.Phys < a.End {
			t.reaches.last = r.Phys
			return
		}
	}
}

// tell answers those whose time is reached.
func (t *timers) tell() {
	r := &t.reaches
	if len(r.waiting) == 0 || t.taken != nil || t.slot != nil || t.Store.NextOffset(messages.TopicTimer, 0) > t.offset {
		return
	}
	if r.last >= 0 && !t.Visible(r.last) {
		if r.look == nil {
			r.look = t.Env.Tell(t.self, lookAfter, &look{})
		}
		return
	}
	r.last = -1
	left := r.waiting[:0]
	for _, m := range r.waiting {
		if m.Time <= t.read {
			t.Env.Send(m.ReplyTo, &Reached{m.Token})
			continue
		}
		left = append(left, m)
	}
	clear(r.waiting[len(left):])
	r.waiting = left
}
