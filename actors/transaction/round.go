package transaction

import (
	"time"

	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/consumequeue"
)

// Bounds of one step of a round, between which requests are served, and of a round
// over one queue (RocketMQ: MAX_PROCESS_TIME_LIMIT).
const (
	maxUnits   = 128
	maxRecords = 32      // that one Append holds
	maxBytes   = 1 << 20 // of its records, but at least one
	maxTime    = time.Minute
)

// round is one look at the halves, queue by queue.
type round struct {
	start  int64 // Unix milliseconds
	queues []*consumequeue.Queue
	at     map[string]map[int32]int64 // the offsets of the group, by topic and queue

	// The queue at hand, queues[0]:
	began  int64               // Unix milliseconds
	half   int64               // what the group's offset was, and
	op     int64               // that of the op queue
	ops    *consumequeue.Queue // nil as long as there is none
	window *window
	next   int64 // half to look at next
	over   bool  // nothing more is to be looked at
}

// batch is the Token of an Append of a round: what it does with which halves.
type batch struct {
	*round
	verdicts []verdict
	halves   []int64 // their queue offsets, ascending
	next     int64   // half to look at next, once all of it is stored
}

// begin begins a round, if there is anything to look at.
func (t *transaction) begin() {
	t.tick = nil
	queues, err := t.Store.Queues.Of(messages.TopicTransHalf)
	if err != nil {
		t.Env.Log.Error().Err(err).Msg("the queues of transactions cannot be read; the next round tries again")
	}
	if len(queues) == 0 {
		t.rest()
		return
	}
	t.round = &round{start: t.Env.Millis(), queues: queues}
	t.Env.Send(t.Offsets, &offsets.Query{Group: messages.GroupTransactions, ReplyTo: t.self, Token: t.round})
}

// rest ends a round.
func (t *transaction) rest() {
	t.round = nil
	for _, q := range t.queues {
		t.forgetReadable(q)
	}
	t.tick = t.Env.Tell(t.self, t.CheckEvery, &check{})
}

func (t *transaction) found(m *offsets.Found) {
	if m.Token != t.round {
		return
	}
	t.round.at = m.Offsets
	t.open()
}

// open begins with the next queue, or ends the round.
func (t *transaction) open() {
	r := t.round
	if len(r.queues) == 0 {
		t.rest()
		return
	}
	id := r.queues[0].ID()
	half, err := t.Store.Queues.Load(messages.TopicTransHalf, id)
	if err == nil {
		r.ops, err = t.Store.Queues.Load(messages.TopicTransOpHalf, id)
	}
	if err != nil || half == nil {
		t.Env.Log.Error().Err(err).Int32("queue", id).Msg("a queue of transactions cannot be read; the next round tries again")
		t.nextQueue()
		return
	}
	r.queues[0], r.began, r.over = half, t.Env.Millis(), false
	r.half = r.position(half)
	r.op = 0
	if r.ops != nil {
		r.op = r.position(r.ops)
	}
	r.next = r.half
	r.window = newWindow(r.half, half.MaxOffset(), r.op)
	t.step()
}

// position returns where the group stands in a queue: at its begin if it has never
// been there.
func (r *round) position(q *consumequeue.Queue) int64 {
	// Max before Min: a queue that is cleaned in between must not look overrun.
	last, first := q.MaxOffset(), q.MinOffset()
	at, known := r.at[q.Topic()][q.ID()]
	if !known {
		return first
	}
	return max(min(at, last), first)
}

func (t *transaction) nextQueue() {
	t.round.queues = t.round.queues[1:]
	t.open()
}

// step does a part of a round: it reads what op messages there are, and then looks
// at halves.
func (t *transaction) step() {
	r := t.round
	switch read, err := t.readOps(r); {
	case err != nil:
		t.failed(err)
	case !read:
		t.again()
	default:
		t.of(r.queues[0].ID()).forgetRead(r.window.next)
		t.look(r)
	}
}

func (t *transaction) again() { t.Env.Send(t.self, &step{t.round}) }

// failed ends the work on a queue that the disk does not give.
func (t *transaction) failed(err error) {
	t.Env.Log.Error().Err(err).Int32("queue", t.round.queues[0].ID()).Int64("half", t.round.next).
		Msg("transactions cannot be read; the next round tries again")
	t.close()
}

// readOps reads a part of the op messages, and reports whether that were all.
func (t *transaction) readOps(r *round) (all bool, err error) {
	if r.ops == nil {
		return true, nil
	}
	var units [maxUnits]consumequeue.Unit
	end := r.ops.MaxOffset()
	n := 0
	if r.window.next < end {
		if n, err = r.ops.Read(r.window.next, units[:min(maxUnits, end-r.window.next)]); err != nil {
			return false, err
		}
		if n == 0 { // a place without units
			r.window.next++
		}
	}
	for i := range units[:n] {
		h, err := t.read(&units[i])
		if err != nil {
			return false, err
		}
		if h != nil && string(messages.FindProperty(h.Properties, messages.PropertyTags)) == messages.TagEnded {
			messages.EachEnded(h.Body, func(half int64) { r.window.names(r.window.next, half) })
		}
		r.window.next++
	}
	return r.window.next >= end, nil
}

// read returns the record of a unit, which is valid until the next read, or nil if
// there is none: it is lost, and what lies behind it must not wait for it.
func (t *transaction) read(u *consumequeue.Unit) (*record.Record, error) {
	if !u.Valid() || u.Filler() {
		return nil, nil
	}
	raw, r, err := t.Store.Lookup(u.Phys, t.buffer)
	if storage.Lost(err) {
		t.Env.Log.Error().Err(err).Int64("phys", u.Phys).Msg("a record of a transaction is lost and is skipped")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.keep(raw)
	return &r, nil
}

// look looks at a part of the halves, and appends what it decides.
func (t *transaction) look(r *round) {
	now := t.Env.Millis()
	if r.over || r.next >= r.window.end || now-r.began > maxTime.Milliseconds() {
		t.close()
		return
	}
	var units [maxUnits]consumequeue.Unit
	n, err := r.queues[0].Read(r.next, units[:min(maxUnits, r.window.end-r.next)])
	if err != nil {
		t.failed(err)
		return
	}
	b := &batch{round: r, next: r.next}
	if n == 0 {
		b.next++ // a place without units
	}
	a := messages.NewAppend(0)
	for i := range units[:n] {
		more, err := t.decide(b, a, &units[i], now)
		if err != nil {
			a.Release()
			t.failed(err)
			return
		}
		if !more {
			break
		}
		b.next++
	}
	if len(a.Records) == 0 {
		a.Release()
		r.next = b.next
		t.again()
		return
	}
	a.ReplyTo, a.Token = t.self, b
	t.Env.Send(t.CommitLog, a)
}

// decide decides on the half b.next, and reports whether the batch goes on.
func (t *transaction) decide(b *batch, a *messages.Append, u *consumequeue.Unit, now int64) (more bool, err error) {
	id, offset := b.queues[0].ID(), b.next
	if b.window.ended(offset) || t.isNamed(id, offset) {
		return true, nil
	}
	if t.of(id).committing[offset] > 0 {
		b.over = true
		return false, nil
	}
	h, err := t.read(u)
	if h == nil || err != nil {
		return err == nil, err
	}
	rules := t.Rules()
	v := rules.judge(h, b.start, now, func(earlier int64) bool {
		return b.window.ended(earlier) || t.isNamed(id, earlier)
	})
	switch v {
	case wait:
		b.over = true
		return false, nil
	case pass:
		return true, nil
	case discard:
		t.discard(a, h)
	default:
		again(a, h, v)
	}
	b.verdicts, b.halves = append(b.verdicts, v), append(b.halves, offset)
	if len(b.halves) == maxRecords || len(a.Buf) >= maxBytes {
		b.next++
		return false, nil
	}
	return true, nil
}

func (t *transaction) isNamed(queueID int32, offset int64) bool {
	q := t.queues[queueID]
	if q == nil {
		return false
	}
	_, named := q.named[offset]
	return named
}
