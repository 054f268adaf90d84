package timer

import (
	"math"
	"strconv"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// message returns the record at phys, which is valid until the next one is read, and
// what it says of its time. It is nil if it is lost, damaged, or no message that waits
// for its time: then others must not wait for it.
func (t *timers) message(phys int64) (r *record.Record, out int64, err error) {
	raw, m, err := t.Store.Lookup(phys, t.buffer)
	if storage.Lost(err) {
		t.Env.Log.Error().Err(err).Int64("phys", phys).Msg("a message that waits for its time is lost and is skipped")
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if cap(raw) <= maxBuffer {
		t.buffer = raw
	}
	if string(m.Topic) != messages.TopicTimer {
		return nil, 0, nil
	}
	out, bad := strconv.ParseInt(string(messages.FindProperty(m.Properties, messages.PropertyTimerOutMs)), 10, 64)
	if bad != nil || out < 0 {
		t.Env.Log.Error().Int64("phys", phys).Msg("a message does not name the time that it waits for, and is skipped")
		return nil, 0, nil
	}
	return &m, out, nil
}

// maxBuffer bounds the buffer that is kept from one record to the next, in bytes.
const maxBuffer = 64 << 10

// never is the TIMER_ENQUEUE_MS of a message that was in no slot.
const never = math.MaxInt64

// overhead bounds what a record needs beyond its body and properties, in bytes.
const overhead = 512

// give appends a message to its real topic, which stays in its properties, as at
// Apache. It reports false if the message names none (RocketMQ:
// TimerMessageStore.convertMessage).
func (t *timers) give(a *messages.Append, m *record.Record, enqueued int64) bool {
	topic := string(messages.FindProperty(m.Properties, messages.PropertyRealTopic))
	queueID, err := strconv.ParseInt(string(messages.FindProperty(m.Properties, messages.PropertyRealQueueID)), 10, 32)
	if topic == "" || err != nil || queueID < 0 {
		t.Env.Log.Error().Int64("phys", m.PhysOffset).Msg("a message that waited does not name its topic and queue, and is skipped")
		return false
	}
	r := *m
	r.QueueID = int32(queueID)
	r.Properties = messages.RemoveProperties(nil, m.Properties, messages.PropertyTimerEnqueueMs, messages.PropertyTimerDequeueMs)
	t.add(a, &r, topic, enqueued)
	return true
}

// roll stores a message again, for another stretch of its way.
func (t *timers) roll(a *messages.Append, m *record.Record, enqueued int64) {
	times, _ := strconv.ParseInt(string(messages.FindProperty(m.Properties, messages.PropertyTimerRollTimes)), 10, 32)
	r := *m
	r.Properties = messages.RemoveProperties(nil, m.Properties, messages.PropertyTimerRollTimes,
		messages.PropertyTimerEnqueueMs, messages.PropertyTimerDequeueMs)
	r.Properties = messages.AppendPropertyInt(r.Properties, messages.PropertyTimerRollTimes, times+1)
	t.add(a, &r, messages.TopicTimer, enqueued)
}

func (t *timers) add(a *messages.Append, r *record.Record, topic string, enqueued int64) {
	r.Properties = messages.AppendPropertyInt(r.Properties, messages.PropertyTimerEnqueueMs, enqueued)
	r.Properties = messages.AppendPropertyInt(r.Properties, messages.PropertyTimerDequeueMs, t.Env.Millis())
	a.Sends = append(a.Sends, messages.Send{First: len(a.Records), Count: 1})
	commitlog.Add(a, r, topic, 0)
}

// hash is Java's hash code of a topic.
func hash(topic []byte) (h int32) {
	for _, c := range string(topic) {
		h = 31*h + c
	}
	return h
}
