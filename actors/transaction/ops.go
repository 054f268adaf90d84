package transaction

import (
	"cmp"
	"slices"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// endings are the halves of one queue that have ended, or are about to, and that no
// op message names which a round can read.
type endings struct {
	queueID    int32
	body       []byte  // of the next op message
	offsets    []int64 // that body names
	timer      env.Timer
	named      map[int64]struct{} // by body, or by an op message under way or unread
	unread     []opMessage        // stored, and perhaps not in the op queue yet
	committing map[int64]int      // commits under way, by half
}

// opMessage names halves that have ended.
type opMessage struct {
	at      int64 // in the op queue
	offsets []int64
}

// written is the Token of an op message.
type written struct {
	*endings
	offsets []int64
}

func (t *transaction) of(queueID int32) *endings {
	q := t.queues[queueID]
	if q == nil {
		q = &endings{queueID: queueID, named: make(map[int64]struct{}), committing: make(map[int64]int)}
		t.queues[queueID] = q
	}
	return q
}

func (t *transaction) sorted() []*endings {
	var all []*endings
	for _, q := range t.queues {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b *endings) int { return cmp.Compare(a.queueID, b.queueID) })
	return all
}

// ended notes that a half has ended, and with it its last copy.
func (t *transaction) ended(half place) {
	q := t.of(half.queueID)
	q.name(half.offset)
	if last, ok := t.copies.take(half); ok {
		q.name(last)
	}
	switch {
	case len(q.body) >= t.OpMaxSize:
		t.writeOps(q)
	case q.timer == nil:
		q.timer = t.Env.Tell(t.self, t.OpEvery, &writeOp{q})
	}
}

func (q *endings) name(offset int64) {
	if _, known := q.named[offset]; known {
		return
	}
	q.named[offset] = struct{}{}
	q.offsets = append(q.offsets, offset)
	q.body = messages.AppendEnded(q.body, offset)
}

// writeOps appends the op message that has been gathered.
func (t *transaction) writeOps(q *endings) {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if len(q.body) == 0 {
		return
	}
	a := messages.NewAppend(len(q.body) + overhead)
	a.ReplyTo, a.Token = t.self, &written{q, q.offsets}
	op(a, q.queueID, q.body, t.StoreHost, t.Env.Millis())
	q.body, q.offsets = q.body[:0], nil
	t.Env.Send(t.CommitLog, a)
}

// wrote keeps in mind what an op message names until it can be read: the queue of a
// log that flushes before it acknowledges is behind. An op message that the log
// refused is forgotten: its producers are asked again.
func (t *transaction) wrote(a *messages.Append, w *written) {
	s := &a.Sends[0]
	if !s.Stored() {
		w.forget(w.offsets)
		t.Env.Log.Error().Int32("code", int32(s.Code)).Str("why", s.Remark).Int("transactions", len(w.offsets)).
			Msg("the log refused the list of ended transactions")
		return
	}
	w.unread = append(w.unread, opMessage{a.Records[0].QueueOffset, w.offsets})
	if t.round == nil {
		t.forgetReadable(w.endings)
	}
}

func (q *endings) forget(offsets []int64) {
	for _, offset := range offsets {
		delete(q.named, offset)
	}
}

// forgetRead forgets what the op messages before next name, which a round has read
// or will read first of all.
func (q *endings) forgetRead(next int64) {
	for len(q.unread) > 0 && q.unread[0].at < next {
		q.forget(q.unread[0].offsets)
		q.unread = q.unread[1:]
	}
}

// forgetReadable forgets, between rounds, what the next one will read.
func (t *transaction) forgetReadable(q *endings) {
	if ops, err := t.Store.Queues.Load(messages.TopicTransOpHalf, q.queueID); err == nil && ops != nil {
		q.forgetRead(ops.MaxOffset())
	}
}
