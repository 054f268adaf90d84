package pop

import (
	"encoding/binary"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// ReaderOptions configures a Reader.
type ReaderOptions struct {
	Env   *env.Env
	Store *storage.Store
}

// ReaderProps returns the props of a Reader, which reads for Pop: cold data blocks it.
// It owns no state.
func ReaderProps(o ReaderOptions) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &reader{ReaderOptions: o} })
}

type reader struct{ ReaderOptions }

// candidate is a queue that messages may be popped from.
type candidate struct {
	topic   string
	queueID int32
	offset  int64 // of the next message; -1 if the group has none yet
	retry   bool  // it is a retry topic
}

// read asks for messages of the first queues that have some.
type read struct {
	token     any
	replyTo   *actor.PID
	from      []candidate
	filter    storage.Filter
	max       int
	initMode  int32
	young     bool // see Rules.FromBegin
	peeks     bool // nothing becomes of what is found
	rename    bool // messages of retry topics get the topic's name and a handle
	topic     string
	popTime   int64
	invisible int64
	broker    string
	// reviveQueue is part of the handles.
	reviveQueue int32
}

// found answers read. Body is in buffer, which goes back to buffers.
type found struct {
	token  any
	taken  []taken
	body   []byte
	buffer *[]byte
	count  int
	rest   int64 // messages that are left
}

// taken is what was read of one queue.
type taken struct {
	candidate
	begun   bool    // offset is where the group begins
	moved   bool    // offset was corrected
	next    int64   // where the queue goes on
	end     int64   // more is there if the queue goes beyond
	offsets []int64 // of the messages
	size    int     // of the messages, in bytes
}

// buffers hold the bodies of answers while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

func (r *reader) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*read); ok {
		ctx.Send(m.replyTo, r.read(m))
	}
}

func (r *reader) read(m *read) *found {
	f := &found{token: m.token, buffer: buffers.Get().(*[]byte)}
	f.body = (*f.buffer)[:0]
	for _, c := range m.from {
		t := taken{candidate: c}
		if t.offset < 0 {
			t.offset, t.begun = r.begin(m, &c), true
		}
		if f.count >= m.max {
			f.rest += max(r.Store.NextOffset(c.topic, c.queueID)-t.offset, 0)
			continue
		}
		got := r.get(m, f, &t)
		t.next, t.end = got.Next, got.Next
		if m.peeks {
			got.Next = t.offset // nothing is gone
		}
		if t.next == t.offset {
			t.end = max(got.Max, got.Next) // nothing can be had of what is there
		}
		f.rest += max(got.Max-got.Next, 0)
		f.taken = append(f.taken, t)
	}
	*f.buffer = f.body
	return f
}

// get reads from one queue. An offset that the queue does not have is corrected, once.
func (r *reader) get(m *read, f *found, t *taken) storage.GetResult {
	at := len(f.body)
	got := r.Store.Get(t.topic, t.queueID, t.offset, m.max-f.count, m.filter, f.body[at:])
	switch got.Status {
	case storage.OffsetTooSmall, storage.OffsetOverflowBadly, storage.OffsetFoundNull:
		if got.Err == nil {
			t.offset, t.moved = got.Next, true
			got = r.Store.Get(t.topic, t.queueID, t.offset, m.max-f.count, m.filter, f.body[at:])
		}
	case storage.NoMatchedLogicQueue, storage.NoMessageInQueue:
		got.Next = t.offset
	}
	if got.Count == 0 {
		return got
	}
	f.count += got.Count
	t.offsets, t.size = offsetsOf(got.Body), len(got.Body)
	switch {
	case t.retry && m.rename:
		f.body = r.renamed(m, f.body, t, got.Body)
	case at == 0:
		f.body = got.Body // in the buffer, or in a larger one
	default:
		f.body = append(f.body, got.Body...)
	}
	return got
}

// atQueueOffset is where a record says where it is in its queue.
const atQueueOffset = 20

func offsetsOf(body []byte) []int64 {
	var all []int64
	for len(body) > 0 {
		all = append(all, int64(binary.BigEndian.Uint64(body[atQueueOffset:])))
		body = body[binary.BigEndian.Uint32(body):]
	}
	return all
}

// renamed appends messages of a retry topic as if they came from the topic that was
// asked for, with their handle as a property: clients before 5.2 know no other topic
// (RocketMQ: PopMessageProcessor.popMsgFromQueue). raw may lie behind dst, in the same
// buffer.
func (r *reader) renamed(m *read, dst []byte, t *taken, raw []byte) []byte {
	raw = append([]byte(nil), raw...)
	for len(raw) > 0 {
		var rec record.Record
		n, err := record.Decode(raw, &rec)
		if err != nil {
			panic(err) // the store checks what it returns
		}
		handle := messages.PopHandle{
			StartOffset: t.offset, PopTime: m.popTime, Invisible: m.invisible, ReviveQueue: m.reviveQueue,
			Mark: messages.PopMark(t.topic), Broker: m.broker, QueueID: t.queueID, Offset: rec.QueueOffset,
		}
		rec.Topic = []byte(m.topic)
		rec.Properties = messages.RemoveProperties(nil, rec.Properties)
		if messages.FindProperty(rec.Properties, messages.PropertyPopCK) == nil {
			rec.Properties = messages.AppendProperty(rec.Properties, messages.PropertyPopCK, handle.String())
		}
		dst = rec.Append(dst)
		raw = raw[n:]
	}
	return dst
}

// begin says where a group begins a queue (RocketMQ: PopMessageProcessor.getInitOffset).
func (r *reader) begin(m *read, c *candidate) int64 {
	first, last, err := r.Store.Bounds(c.topic, c.queueID)
	if err != nil || c.retry || m.peeks || m.initMode == messages.PopFromMin {
		return max(first, 0)
	}
	if young, err := r.Store.InMemory(c.topic, c.queueID, 0); m.young && first <= 0 && young && err == nil {
		return 0
	}
	return max(last-1, 0)
}
