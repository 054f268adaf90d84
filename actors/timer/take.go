package timer

import (
	"errors"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/timer"
)

// Bounds of what is taken up at a time, between which others are served.
const (
	maxUnits   = 128
	maxBatches = 8
)

// taking is the Token of an Append of messages that came too late to wait, because
// their time is over: they are delivered at once.
type taking struct {
	late []int64 // physical offsets of the messages
	next int64   // the offset in the queue once all of them are stored
}

// leavings are what an earlier master has left: of the messages before offset, those
// that were due before read were delivered.
type leavings struct{ offset, read int64 }

// take notes the messages of the queue in their slots, from t.offset on.
func (t *timers) take(now int64) {
	for range maxBatches {
		if t.taken != nil {
			return
		}
		if more, err := t.takeSome(now); err != nil {
			t.Env.Log.Error().Err(err).Int64("offset", t.offset).Msg("messages that wait for their time cannot be taken up; it is tried again")
			t.again(retryAfter)
			return
		} else if !more {
			return
		}
	}
	t.again(0)
}

// takeSome takes up a batch, and reports whether there may be more. After an error it
// has taken up those before t.offset.
func (t *timers) takeSome(now int64) (more bool, err error) {
	queue, err := t.Store.Queues.Load(messages.TopicTimer, 0)
	if queue == nil || err != nil {
		return false, err
	}
	t.correct(queue)
	var units [maxUnits]consumequeue.Unit
	n, err := queue.Read(t.offset, units[:])
	if n == 0 || err != nil {
		return false, err
	}
	batch := &taking{next: t.offset}
	for i := range units[:n] {
		behind, err := t.takeOne(batch, &units[i], now)
		if err != nil && len(batch.late) == 0 {
			t.offset = batch.next
			return false, err
		}
		if behind || err != nil {
			break // the late ones go first
		}
		if batch.next++; len(batch.late) == 0 {
			t.offset = batch.next
		}
	}
	if err := t.files.Flush(); err != nil { // they are in their slots, and are flushed again
		t.Env.Log.Warn().Err(err).Msg("the timer log cannot be written; it is tried again")
	}
	t.changed()
	if len(batch.late) > 0 {
		t.sendLate(batch)
		return false, nil
	}
	return true, nil
}

// findRecalls looks, when the broker starts, for recalls of messages that are due by
// now: in slots, and in what is left to be taken up. The messages come before the
// broker gets to their recalls.
func (t *timers) findRecalls() error {
	now := t.step(t.Env.Millis())
	var failed error
	for at, ok := t.files.Wheel.Next(t.read, now); ok; at, ok = t.files.Wheel.Next(at+t.Rules.Precision, now) {
		err := t.files.Units(at, func(u *timer.Unit) bool {
			if u.Recalls() {
				failed = t.findRecall(u.Phys, now)
			}
			return failed == nil
		})
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
	queue, err := t.Store.Queues.Load(messages.TopicTimer, 0)
	if queue == nil || err != nil {
		return err
	}
	t.correct(queue)
	var units [maxUnits]consumequeue.Unit
	for at := t.offset; ; {
		n, err := queue.Read(at, units[:])
		if n == 0 || err != nil {
			return err
		}
		for i := range units[:n] {
			if units[i].Valid() && !units[i].Filler() {
				if err := t.findRecall(units[i].Phys, now); err != nil {
					return err
				}
			}
		}
		at += int64(n)
	}
}

func (t *timers) findRecall(phys, now int64) error {
	m, out, err := t.message(phys)
	if m == nil || err != nil || t.step(out) >= now {
		return err
	}
	if key := messages.FindProperty(m.Properties, messages.PropertyTimerDelUniqKey); len(key) > 0 {
		t.recalls[string(key)] = struct{}{}
	}
	return nil
}

// isRecalled reports whether a message is among those that are recalled.
func (t *timers) isRecalled(m *record.Record, recalls map[string]struct{}) bool {
	id := messages.FindProperty(m.Properties, messages.PropertyUniqKey)
	if len(recalls) == 0 || len(id) == 0 {
		return false
	}
	topic := messages.FindProperty(m.Properties, messages.PropertyRealTopic)
	_, recalled := recalls[messages.TimerDeleteKey(string(topic), string(id), t.TopicKeys)]
	return recalled
}

// correct moves an offset that the queue does not have into it.
func (t *timers) correct(queue *consumequeue.Queue) {
	first, last := queue.MinOffset(), queue.MaxOffset()
	if t.offset < first {
		if t.before.offset == 0 {
			t.Env.Log.Warn().Int64("from", t.offset).Int64("to", first).Msg("messages expired before they were taken up to wait for their time")
		}
		t.offset = first
	}
	if t.offset > last {
		t.Env.Log.Warn().Int64("from", t.offset).Int64("to", last).Msg("the timers' offset lies beyond their queue")
		t.offset = last
	}
}

// takeOne takes up the message of one unit. It reports true, and does nothing, if that
// must wait until the late ones are stored: the last unit in the log says what was
// taken up.
func (t *timers) takeOne(batch *taking, u *consumequeue.Unit, now int64) (behind bool, err error) {
	if !u.Valid() || u.Filler() {
		return false, nil
	}
	m, out, err := t.message(u.Phys)
	if m == nil || err != nil || t.wasDelivered(batch.next, m, out) {
		return false, err
	}
	recalls := len(messages.FindProperty(m.Properties, messages.PropertyTimerDelUniqKey)) > 0
	if out = t.step(out); out < now && t.isOver(out) {
		if !recalls && !t.isRecalled(m, t.recalls) { // a recall that is late has nothing to recall
			batch.late = append(batch.late, u.Phys)
		}
		return false, nil
	}
	if len(batch.late) > 0 {
		return true, nil
	}
	unit := timer.Unit{Magic: timer.MagicDefault, WriteTime: now, Phys: u.Phys, Size: u.Size}
	if recalls {
		unit.Magic |= timer.MagicDelete
	}
	at, rolls := t.place(now, out)
	if rolls {
		unit.Magic |= timer.MagicRoll
	}
	topic := messages.FindProperty(m.Properties, messages.PropertyRealTopic)
	unit.Delay, unit.TopicHash = int32(at-now), hash(topic)
	if err := t.files.Add(unit); err != nil {
		return false, err
	}
	t.counts.add(string(topic), recalls, t.Env.Millis())
	return false, nil
}

// isOver reports whether the slot of a time is delivered, or being delivered. A message
// that is late, but comes before the broker gets to its slot, as after a long absence,
// goes there: it must not overtake those that were due before it.
func (t *timers) isOver(time int64) bool {
	return time < t.read || t.slot != nil && t.slot.time == time
}

// place returns the slot of a message that is due at out, and whether it is stored
// again then: one that is further away than the window (RocketMQ:
// TimerMessageStore.doEnqueue).
func (t *timers) place(now, out int64) (at int64, rolls bool) {
	window := t.Window * t.Rules.Precision
	switch ahead := out - now; {
	case ahead < window:
		return out, false
	case ahead-window < t.Window/3*t.Rules.Precision:
		return now + t.Window/2*t.Rules.Precision, true // time enough for the rest
	default:
		return now + window, true
	}
}

// wasDelivered reports whether an earlier master has delivered a message, or has
// stored it again.
func (t *timers) wasDelivered(offset int64, m *record.Record, out int64) bool {
	if offset >= t.before.offset {
		return false
	}
	at, rolls := t.place(t.step(m.StoreTimestamp), t.step(out))
	if rolls {
		at += slack.Milliseconds() // the master may have taken it up later
	}
	return at < t.before.read
}

// slack is how long a master may have taken to take a message up.
const slack = 10 * time.Second

// sendLate delivers messages whose time is over.
func (t *timers) sendLate(batch *taking) {
	a := messages.NewAppend(0)
	var left []int64
	for _, phys := range batch.late {
		m, _, err := t.message(phys)
		if err != nil {
			a.Release()
			t.Env.Log.Error().Err(err).Int64("phys", phys).Msg("a message that is due cannot be read; it is tried again")
			t.taken = batch
			t.retry = t.Env.Tell(t.self, retryAfter, &late{batch})
			return
		}
		if m != nil && t.give(a, m, never) {
			left = append(left, phys)
		}
	}
	if batch.late = left; len(left) == 0 {
		a.Release()
		t.taken, t.offset = nil, batch.next
		t.again(0)
		return
	}
	t.taken = batch
	a.ReplyTo, a.Token = t.self, batch
	t.Env.Send(t.CommitLog, a)
}

// tookLate goes on behind the late messages, or tries those again that the log has
// refused.
func (t *timers) tookLate(a *messages.Append, batch *taking) {
	if batch != t.taken {
		return
	}
	var refused []int64
	for i, phys := range batch.late {
		if s := &a.Sends[i]; !s.Stored() && s.Code != messages.MessageIllegal {
			refused = append(refused, phys)
		}
	}
	if batch.late = refused; len(refused) > 0 {
		t.Env.Log.Warn().Int("messages", len(refused)).Msg("the log refused messages that are due; they are tried again")
		t.retry = t.Env.Tell(t.self, retryAfter, &late{batch})
		return
	}
	t.taken, t.offset = nil, batch.next
	t.changed()
	t.run()
}

// late has messages sent again that the log has refused.
type late struct{ *taking }
