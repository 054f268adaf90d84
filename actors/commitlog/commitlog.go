// Package commitlog is the actor that owns the tail of the CommitLog.
//
// Every record of the broker, a client's or its own, passes through here: the
// actor gives it its queue offset, physical offset and store time, and writes
// all that waited in its mailbox with one positional write (group append). It
// knows nothing of fsync, which is Flush's, of slaves, which are ha's, nor of
// visibility, which is Dispatch's.
//
//	Connection.Reader ── Append ──▶ CommitLog ── WaitFlushed ───▶ Flush          (SYNC_FLUSH)
//	                                    │ │└──── Appended ──────▶ Dispatch       (ASYNC_FLUSH)
//	                                    │ └───── WaitReplicated ▶ GroupTransfer  (SYNC_MASTER)
//	                                    └─────── Append (done) ─▶ ReplyTo
//
// The last arrow is taken by whoever settles the last wait (docs/adr/0009), and by
// CommitLog when there is none.
package commitlog

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/dispatch"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	store "github.com/actormq/actormq/storage/commitlog"
)

// Options configures the CommitLog writer.
type Options struct {
	Env *env.Env
	Log *store.Log
	// NextOffset tells the next offset of a queue as recovery found it. It is
	// asked once per queue, before the first append to it.
	NextOffset func(topic string, queueID int32) int64
	Flush      *actor.PID
	Dispatch   *actor.PID
	// SyncFlush makes sends that wait go through Flush before they are answered
	// and before any record is dispatched (flushDiskType=SYNC_FLUSH).
	SyncFlush bool
	// FlushTimeout bounds that wait, in milliseconds (syncFlushTimeout).
	FlushTimeout int64
	// Slaves are woken when the log has grown; nil if there can be none.
	Slaves *ha.View
	// Replication says how many copies a send waits for; nil if it never does. The
	// waits are GroupTransfer's, and last for ReplicaTimeout at most (slaveTimeout).
	Replication    *ha.Policy
	GroupTransfer  *actor.PID
	ReplicaTimeout time.Duration
	// Slave has every record refused, the broker's own, too: the log is the master's,
	// and HAClient appends to it.
	Slave bool
	// BusyAfter is the time, in milliseconds, that a send may have waited for its
	// turn; older ones are refused with SystemBusy (osPageCacheBusyTimeOutMills).
	BusyAfter func() int64
	// MaxWait is the time, in milliseconds, after which a send that was not taken up is
	// refused (waitTimeMillsInSendQueue); 0 with brokerFastFailureEnable off.
	MaxWait func() int64
	// Queue are the sends that wait to be taken up.
	Queue    *messages.SendQueue
	Counters *stats.Counters
}

// SetWritable opens or closes the log for clients' sends: the Cleaner closes it
// when the disk is nearly full, the root after an I/O error. It is open while
// nobody has it closed, and the first who did gives the answer. The broker's own
// records are still appended.
type SetWritable struct {
	By       string
	Writable bool
	// Code is what sends are answered with, and Reason the remark. Without a code it
	// is ServiceNotAvailable, and the remark says so before the reason.
	Code   messages.ResponseCode
	Reason string
}

// Props returns the props of the CommitLog writer. It must not be restarted: an
// incarnation that lost its table of offsets would hand out offsets twice. Its
// supervisor escalates a panic and stops the store.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor {
		return &writer{Options: o, next: make(map[string][]int64), deleted: make(map[string]bool)}
	})
}

type writer struct {
	Options

	// next[topic][queueID] is the offset that the queue's next record gets;
	// unknown (-1) until the queue is first appended to.
	next map[string][]int64
	// deleted are topics whose queues begin anew, whatever is stored of old ones.
	deleted map[string]bool

	closed []*SetWritable // why clients may not append; empty if they may

	lastTime int64 // store time of the last record that was put

	// waiting are the Appends put to the log since the last write, in log order.
	waiting []*messages.Append
	start   int64 // physical offset of the first of them
}

func (w *writer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Append:
		w.append(ctx, m)
	case mailbox.Drained:
		w.commit(ctx)
	case *SetWritable:
		w.setWritable(m)
	case *topics.Deleted:
		w.forget(ctx, m.Topic)
	case *actor.Stopping:
		w.commit(ctx)
	}
}

func (w *writer) setWritable(m *SetWritable) {
	w.closed = slices.DeleteFunc(w.closed, func(c *SetWritable) bool { return c.By == m.By })
	if !m.Writable {
		w.closed = append(w.closed, m)
	}
}

// append puts the records of a to the tail. They are written with the batch.
func (w *writer) append(ctx actor.Context, a *messages.Append) {
	now := w.Env.Millis()
	a.Dequeue()
	w.Queue.Moved(now)
	if code, remark := w.refuse(a, now); code != messages.Success {
		for i := range a.Sends {
			a.Sends[i].Code, a.Sends[i].Remark = code, remark
		}
		w.reply(ctx, a)
		return
	}
	enough := w.copies(a)
	for i := range a.Sends {
		s := &a.Sends[i]
		if !enough && s.Wait {
			skip(a, s, messages.SystemError, "in-sync replicas not enough")
			continue
		}
		w.put(a, s, now)
	}
	if a.End == 0 {
		w.reply(ctx, a)
		return
	}
	w.waiting = append(w.waiting, a)
}

func (w *writer) refuse(a *messages.Append, now int64) (messages.ResponseCode, string) {
	if w.Slave {
		return messages.ServiceNotAvailable, "service not available now. Messages are put to the master, and this broker is a slave."
	}
	if a.Peer == nil {
		return messages.Success, ""
	}
	if len(w.closed) > 0 {
		if c := w.closed[0]; c.Code != messages.Success {
			return c.Code, c.Reason
		}
		return messages.ServiceNotAvailable, "service not available now. " + w.closed[0].Reason
	}
	waited := now - a.Arrived
	if waited <= 0 {
		return messages.Success, ""
	}
	switch limit, stalled := w.MaxWait(), waited > w.BusyAfter(); {
	case limit > 0 && stalled:
		return messages.SystemBusy, w.busy("PCBUSY_CLEAN_QUEUE", waited)
	case limit > 0 && waited > limit:
		return messages.SystemBusy, w.busy("TIMEOUT_CLEAN_QUEUE", waited)
	case stalled:
		return messages.SystemBusy, fmt.Sprintf("[PC_SYNCHRONIZED]broker busy, start flow control for a while, the request waited %d ms", waited)
	}
	return messages.Success, ""
}

// busy returns the remark with which Apache's cleans the queue of sends
// (RocketMQ: BrokerFastFailure).
func (w *writer) busy(why string, waited int64) string {
	return fmt.Sprintf("[%s]broker busy, start flow control for a while, period in queue: %dms, size of queue: %d", why, waited, w.Queue.Len())
}

// put assigns the offsets of one send's records, which stay together in one
// segment, and hands their bytes to the log.
func (w *writer) put(a *messages.Append, s *messages.Send, now int64) {
	records := a.Records[s.First : s.First+s.Count]
	first, last := &records[0], &records[len(records)-1]
	bytes := a.Buf[first.At : last.At+int(last.Size)]
	phys, err := w.Log.Reserve(len(bytes))
	if err != nil {
		code, remark := refusal(err)
		skip(a, s, code, remark)
		return
	}
	if len(w.waiting) == 0 && a.End == 0 {
		w.start = phys
	}
	for i := range records {
		r := &records[i]
		next := w.offset(r.Topic, r.QueueID)
		r.QueueOffset, r.Phys, r.StoreTime = *next, phys, now
		if r.DelayMillis > 0 {
			r.TagsCode = now + r.DelayMillis
		}
		*next = r.Next()
		raw := a.Buf[r.At : r.At+int(r.Size)]
		record.Place(raw, phys, r.QueueOffset, now)
		if r.Inner > 0 {
			record.PlaceInner(raw, r.QueueOffset)
		}
		phys += int64(r.Size)
	}
	w.Log.Put(bytes)
	w.lastTime = now
	a.End = phys
}

// copies decides for how many copies of a its sends wait, and reports false if
// there are too few slaves to append them at all.
func (w *writer) copies(a *messages.Append) bool {
	if w.Replication == nil || !waits(a) {
		return true
	}
	var enough bool
	a.Copies, enough = w.Replication.Need(w.Log.MaxOffset())
	return enough
}

// skip refuses a send, whose records are not appended.
func skip(a *messages.Append, s *messages.Send, code messages.ResponseCode, remark string) {
	s.Code, s.Remark, s.Wait = code, remark, false
	records := a.Records[s.First : s.First+s.Count]
	for i := range records {
		records[i].Size = 0 // nothing of it is to be dispatched
	}
}

// offset returns the place of the queue's next offset.
func (w *writer) offset(topic string, queueID int32) *int64 {
	offsets := w.next[topic]
	for int(queueID) >= len(offsets) {
		offsets = append(offsets, -1)
		w.next[topic] = offsets
	}
	next := &offsets[queueID]
	switch {
	case *next >= 0:
	case w.deleted[topic]:
		*next = 0 // its old queues may still be there
	default:
		*next = w.NextOffset(topic, queueID)
	}
	return next
}

// forget has the queues of a deleted topic begin anew, and Dispatch remove the old ones
// (RocketMQ: DefaultMessageStore.deleteTopics).
func (w *writer) forget(ctx actor.Context, topic string) {
	w.commit(ctx)
	delete(w.next, topic)
	forgotten := &dispatch.DeleteTopic{Topic: topic}
	if !w.Slave { // there the queue offsets are the master's
		w.deleted[topic], forgotten.Before = true, w.Log.MaxOffset()
	}
	ctx.Send(w.Dispatch, forgotten)
}

// commit writes the batch and passes it on.
func (w *writer) commit(ctx actor.Context) {
	if len(w.waiting) == 0 {
		return
	}
	group := messages.Group{Appends: w.waiting, Start: w.start, End: w.waiting[len(w.waiting)-1].End}
	w.waiting = nil
	if err := w.Log.Commit(w.lastTime); err != nil {
		w.Env.Log.Error().Err(err).Int64("from", group.Start).Int64("to", group.End).
			Msg("the commit log could not be written; it is read-only from now on")
		w.fail(ctx, group, err)
		return
	}
	for _, a := range group.Appends {
		w.Counters.Put.Add(int64(len(a.Records)))
		for i := range a.Sends {
			if s := &a.Sends[i]; s.Tally != nil && s.Code == messages.Success {
				count(a, s)
			}
		}
	}
	w.Counters.PutBytes.Add(group.End - group.Start)
	w.Slaves.Wake(w.Env)
	w.pass(ctx, group)
}

// count counts the records of a send that are written.
func count(a *messages.Append, s *messages.Send) {
	first, last := &a.Records[s.First], &a.Records[s.First+s.Count-1]
	s.Tally.Add(max(s.Count, int(first.Inner)), last.At+int(last.Size)-first.At)
}

// pass hands a written group on: to those who settle the waits of its answers, and
// to Dispatch, which under SYNC_FLUSH gets it from Flush.
func (w *writer) pass(ctx actor.Context, group messages.Group) {
	var replicated []*messages.Append
	for _, a := range group.Appends {
		a.Retain() // Dispatch's
		if a.Copies != 0 && a.Copies != 1 {
			a.Retain() // GroupTransfer's
			a.Expect(messages.PartReplicas)
			replicated = append(replicated, a)
		}
		if w.SyncFlush && waits(a) {
			a.Expect(messages.PartFlush)
		}
		if a.Answered() {
			w.reply(ctx, a)
		}
	}
	if len(replicated) > 0 {
		deadline := w.Env.Clock.Now().Add(w.ReplicaTimeout)
		ctx.Send(w.GroupTransfer, &messages.WaitReplicated{Appends: replicated, Deadline: deadline})
	}
	if w.SyncFlush {
		ctx.Send(w.Flush, &messages.WaitFlushed{Group: group, Deadline: w.Env.Millis() + w.FlushTimeout})
		return
	}
	ctx.Send(w.Dispatch, &messages.Appended{Group: group})
}

// waits reports whether any send of a waits for its flush and its copies, and
// somebody for the answer.
func waits(a *messages.Append) bool {
	if a.ReplyTo == nil {
		return false
	}
	for i := range a.Sends {
		if a.Sends[i].Wait {
			return true
		}
	}
	return false
}

// fail answers a group of which nothing may be taken for stored.
func (w *writer) fail(ctx actor.Context, group messages.Group, err error) {
	code, remark := refusal(err)
	for _, a := range group.Appends {
		for i := range a.Sends {
			a.Sends[i].Code, a.Sends[i].Remark = code, remark
		}
		a.End = 0
		w.reply(ctx, a)
	}
}

// reply hands a, with the reference that the writer holds, to whoever waits.
func (w *writer) reply(ctx actor.Context, a *messages.Append) {
	if a.ReplyTo == nil {
		a.Release()
		return
	}
	ctx.Send(a.ReplyTo, a)
}

// refusal maps an error of the log to the protocol's code
// (RocketMQ: SendMessageProcessor.handlePutMessageResult).
func refusal(err error) (messages.ResponseCode, string) {
	var tooLarge *store.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		return messages.MessageIllegal, err.Error()
	case errors.Is(err, store.ErrReadOnly):
		return messages.ServiceNotAvailable, "service not available now. The store is read-only: " + err.Error()
	default:
		return messages.ServiceNotAvailable, "service not available now. " + err.Error()
	}
}
