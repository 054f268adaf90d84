package timer

import (
	"errors"
	"slices"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/timer"
)

// Bounds of one Append of a slot's messages.
const (
	maxRecords = 256
	maxBytes   = 1 << 20 // but at least one message
	// typicalBatch is the room that an Append is made with.
	typicalBatch = 64 << 10
)

// slot is one that is being delivered, and the Token of its Appends.
type slot struct {
	time     int64
	due      []due // what is left, the oldest first
	sent     []due // what is in the Append under way
	recalled map[string]struct{}
}

// due is a message of a slot.
type due struct {
	phys     int64
	enqueued int64
	rolls    bool
}

// hand has the next messages of a slot delivered.
type hand struct{ *slot }

// deliver delivers the slots before now.
func (t *timers) deliver(now int64) {
	if t.slot != nil {
		return
	}
	next, ok := t.files.Wheel.Next(t.read, now)
	if !ok {
		t.read = max(t.read, now)
		t.files.Wheel.Forget(t.read)
		return
	}
	t.read = next
	s, err := t.gather(next)
	if err != nil {
		t.Env.Log.Error().Err(err).Int64("time", next).Msg("messages that are due cannot be read; it is tried again")
		t.again(retryAfter)
		return
	}
	t.slot = s
	t.handOver(s)
}

// gather reads the units of a slot, and which of its messages are recalled.
func (t *timers) gather(time int64) (*slot, error) {
	s := &slot{time: time, recalled: make(map[string]struct{})}
	var failed error
	err := t.files.Units(time, func(u *timer.Unit) bool {
		if !u.Recalls() || u.Rolls() {
			s.due = append(s.due, due{u.Phys, u.WriteTime, u.Rolls()})
			return true
		}
		m, out, err := t.message(u.Phys)
		if failed = err; m != nil && t.step(out) == time {
			s.recalled[string(messages.FindProperty(m.Properties, messages.PropertyTimerDelUniqKey))] = struct{}{}
			t.counts.add(string(messages.FindProperty(m.Properties, messages.PropertyRealTopic)), false, t.Env.Millis())
		}
		return err == nil
	})
	slices.Reverse(s.due)
	return s, errors.Join(err, failed)
}

// handOver appends the next messages of a slot, or leaves it behind.
func (t *timers) handOver(s *slot) {
	a := messages.NewAppend(typicalBatch)
	s.sent = s.sent[:0]
	for len(s.due) > 0 && len(a.Records) < maxRecords && len(a.Buf) < maxBytes {
		taken, err := t.handOne(a, s, &s.due[0])
		if err != nil {
			t.Env.Log.Error().Err(err).Int64("time", s.time).Msg("a message that is due cannot be read; it is tried again")
			a.Release()
			s.due = append(s.sent, s.due...)
			s.sent = nil
			t.resend = t.Env.Tell(t.self, retryAfter, &hand{s})
			return
		}
		if taken {
			s.sent = append(s.sent, s.due[0])
		}
		s.due = s.due[1:]
	}
	if len(a.Records) == 0 {
		a.Release()
		t.slot, t.read = nil, s.time+t.Rules.Precision
		t.changed()
		t.again(0)
		return
	}
	a.ReplyTo, a.Token = t.self, s
	t.Env.Send(t.CommitLog, a)
}

// handOne adds one message of a slot to a. It reports false if there is nothing to
// be delivered: the message is recalled, lost, or was never this one, which a crash
// may leave of a unit whose message did not reach the disk.
func (t *timers) handOne(a *messages.Append, s *slot, d *due) (taken bool, err error) {
	m, out, err := t.message(d.phys)
	if m == nil || err != nil {
		return false, err
	}
	if d.rolls {
		t.roll(a, m, d.enqueued)
		t.count(m.Properties)
		return true, nil
	}
	if t.step(out) != s.time {
		return false, nil
	}
	t.count(m.Properties)
	if t.isRecalled(m, s.recalled) || t.isRecalled(m, t.recalls) {
		return false, nil
	}
	return t.give(a, m, d.enqueued), nil
}

// count notes that a message waits no more.
func (t *timers) count(properties []byte) {
	t.counts.add(string(messages.FindProperty(properties, messages.PropertyRealTopic)), true, t.Env.Millis())
}

// gave goes on with a slot, with what the log has refused first.
func (t *timers) gave(a *messages.Append, s *slot) {
	if s != t.slot {
		return
	}
	var refused []due
	for i := range s.sent {
		if r := &a.Sends[i]; !r.Stored() && r.Code != messages.MessageIllegal {
			refused = append(refused, s.sent[i])
		}
	}
	if len(refused) > 0 {
		t.Env.Log.Warn().Int("messages", len(refused)).Msg("the log refused messages that are due; they are tried again")
		s.due = append(refused, s.due...)
		t.resend = t.Env.Tell(t.self, retryAfter, &hand{s})
		return
	}
	t.handOver(s)
}
