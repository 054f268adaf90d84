package offsets

import (
	"sync"
	"sync/atomic"
)

// Resets holds the offsets that operators set and that a consumer has not taken
// yet. Until its next pull takes it, a reset hides the queue's committed offset
// and keeps commits away, so that a running consumer cannot undo it
// (RocketMQ: useServerSideResetOffset). Offsets adds; Pullers take, from any
// goroutine.
type Resets struct {
	count   atomic.Int64 // spares the usual pull the look-up
	offsets sync.Map     // resetKey to int64
}

type resetKey struct {
	group, topic string
	queueID      int32
}

func (r *Resets) put(m *Reset) {
	if _, replaced := r.offsets.Swap(resetKey{m.Group, m.Topic, m.QueueID}, m.Offset); !replaced {
		r.count.Add(1)
	}
}

func (r *Resets) pending(group, topic string, queueID int32) (int64, bool) {
	if r.count.Load() == 0 {
		return 0, false
	}
	offset, ok := r.offsets.Load(resetKey{group, topic, queueID})
	if !ok {
		return 0, false
	}
	return offset.(int64), true
}

// Take returns the pending reset of a group's queue, once.
func (r *Resets) Take(group, topic string, queueID int32) (int64, bool) {
	if r.count.Load() == 0 {
		return 0, false
	}
	offset, ok := r.offsets.LoadAndDelete(resetKey{group, topic, queueID})
	if !ok {
		return 0, false
	}
	r.count.Add(-1)
	return offset.(int64), true
}

func (r *Resets) forget(match func(topic, group string) bool) {
	r.offsets.Range(func(k, _ any) bool {
		if key := k.(resetKey); match(key.topic, key.group) {
			r.Take(key.group, key.topic, key.queueID)
		}
		return true
	})
}
