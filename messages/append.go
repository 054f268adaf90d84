package messages

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Append asks the CommitLog writer to append the records of a burst of sends.
// It is one object all the way, so that nothing is copied or allocated per
// message: the Connection's reader encodes the records into Buf; the CommitLog
// writer gives them their offsets and writes Buf; Flush and GroupTransfer hold
// it until it is durable and replicated; ReplyTo gets it back with the outcome
// of each send; Dispatch builds ConsumeQueue and Index from Records.
//
// Ownership moves with the message. CommitLog writes Records and Sends; then
// whoever settles the last part of the answer (see Settle) writes Sends[].Code
// and sends it to ReplyTo. Who is done calls Release; the object is recycled
// after the last one.
type Append struct {
	ReplyTo *actor.PID // nil: nobody wants to know
	Peer    *Peer      // the client's connection, nil for a message of the broker's own
	Token   any        // the asker's own, untouched
	Arrived int64      // Unix milliseconds; sends that waited too long are refused

	// Buf holds the encoded records back to back, with the fields that
	// CommitLog assigns still zero.
	Buf     []byte
	Records []AppendRecord
	Sends   []Send

	// End is the physical offset behind the last record, set by CommitLog.
	// Zero when nothing was appended.
	End int64
	// Copies is the number of brokers that must have the records before the sends
	// that wait are answered, this one included, or AllInSync. CommitLog sets it;
	// up to 1 means that they wait for no slave.
	Copies int

	join  join
	refs  atomic.Int32
	held  int // bytes, of Peer.Holds
	queue *SendQueue
}

// AppendRecord is one record of an Append.
type AppendRecord struct {
	DispatchRequest
	At int // offset of the record in Append.Buf; it is Size bytes long
	// DelayMillis is the delay of a record for the delay topic, whose tags code
	// is the time of delivery: store time + DelayMillis. Zero otherwise.
	DelayMillis int64
}

// Send is one send request of an Append and its outcome.
type Send struct {
	Ticket
	First, Count int   // its records: Records[First : First+Count]
	QueueID      int32 // the queue that the client is told, also of a delayed message
	Wait         bool  // it waits for the flush and the replicas that are configured
	Code         ResponseCode
	Remark       string
	Tally        *Tally // counts its records once they are in the log; may be nil
}

// Stored reports whether the records of a send that has its outcome are in the log,
// though their flush or their replicas may be late.
func (s *Send) Stored() bool {
	switch s.Code {
	case Success, FlushDiskTimeout, FlushSlaveTimeout, SlaveNotAvailable:
		return true
	}
	return false
}

var appendPool = sync.Pool{New: func() any { return new(Append) }}

// NewAppend returns an empty Append with one reference, the caller's, and room
// for size bytes of records.
func NewAppend(size int) *Append {
	a := appendPool.Get().(*Append)
	if cap(a.Buf) < size {
		a.Buf = make([]byte, 0, size)
	}
	a.refs.Store(1)
	return a
}

// sendHolds is what a send counts for at least, in bytes, while it is held. It makes the
// limit of all connections, 32 MiB, some ten thousand sends, which the log takes up in
// time: more would wait until they are too old to be taken, and have cost as much.
const sendHolds = 3 << 10

// Hold counts Buf as held for Peer until the last Release. It is called once, when
// Buf and Sends are complete.
func (a *Append) Hold() {
	if a.Peer != nil && a.Peer.Holds != nil {
		a.held = max(cap(a.Buf), len(a.Sends)*sendHolds)
		a.Peer.Holds.Hold(a.held)
	}
}

// Undelivered releases the reference of whoever a was sent to and who is gone, such
// as the Connection of a client that has left.
func (a *Append) Undelivered(*actor.ActorSystem) { a.Release() }

// Retain adds a reference.
func (a *Append) Retain() { a.refs.Add(1) }

// maxPooledAppend bounds the buffers that wait in the pool: one oversize burst
// must not stay resident.
const maxPooledAppend = 256 << 10

// Release drops a reference; the last one recycles a.
func (a *Append) Release() {
	switch n := a.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("messages: Append released more often than retained")
	}
	if a.held > 0 {
		a.Peer.Holds.Return(a.held)
		a.held = 0
	}
	a.Dequeue()
	if cap(a.Buf) > maxPooledAppend {
		return
	}
	clear(a.Records)
	clear(a.Sends)
	a.ReplyTo, a.Peer, a.Token = nil, nil, nil
	a.Arrived, a.End, a.Copies = 0, 0, 0
	a.join.reset()
	a.Buf, a.Records, a.Sends = a.Buf[:0], a.Records[:0], a.Sends[:0]
	appendPool.Put(a)
}

// Group is what one write of the CommitLog writer appended, in log order.
type Group struct {
	Appends []*Append
	Start   int64 // physical offset of the first byte
	End     int64 // physical offset behind the last byte
}

// Appended tells Dispatch that a group may become visible to consumers. The
// Appends are Dispatch's to release.
type Appended struct{ Group }

// WaitFlushed asks Flush to make a group durable, to settle PartFlush of its
// Appends then, or at Deadline (Unix milliseconds) with FlushDiskTimeout, and to
// pass it to Dispatch in log order.
type WaitFlushed struct {
	Group
	Deadline int64
}

// WaitReplicated asks GroupTransfer to settle PartReplicas of the Appends, which
// are in log order, when enough slaves have them, or at Deadline with
// FlushSlaveTimeout. One reference of each is GroupTransfer's to release.
type WaitReplicated struct {
	Appends  []*Append
	Deadline time.Time
}

// Arrival says that queue (Topic, QueueID) grew up to Max. TagsCode is that of
// its new records; Mixed says that they differ, so that a filter cannot tell
// whether one of them matches without reading.
type Arrival struct {
	Topic    string
	QueueID  int32
	Max      int64
	TagsCode int64
	Mixed    bool
}

// Arrived tells PullHold which queues grew with one group.
type Arrived struct{ Arrivals []Arrival }

// LogShrunk says that the CommitLog now begins at Min: units and index entries
// of earlier records may go.
type LogShrunk struct{ Min int64 }
