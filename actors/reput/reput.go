// Package reput is the Reput actor of a slave: it follows the end of a CommitLog
// that a master's bytes make grow, finds the records in it and hands them to
// Dispatch (RocketMQ: ReputMessageService). A master needs none: its CommitLog
// writer knows what it has written.
//
//	HAClient ── Grown ──▶ Reput ── Appended ──▶ Dispatch
//	                        └──── Through ────▶ HAClient (by the View)
//
// The log may end in the middle of a record: its rest comes later.
package reput

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
)

// Options configures Reput.
type Options struct {
	Env      *env.Env
	Store    *storage.Store
	Dispatch *actor.PID
	View     *View
}

// View tells how far Reput is. Any goroutine may read it.
type View struct{ through atomic.Int64 }

// Through returns the physical offset behind the last record that was handed on.
func (v *View) Through() int64 { return v.through.Load() }

// Grown says that the log has grown.
type Grown struct{}

// window is how much of the log is looked at in one go, in bytes; a record that is
// larger is read alone.
const window = 256 << 10

// retryAfter is the pause after the log could not be read.
const retryAfter = time.Second

// Props returns the props of Reput. It must not be restarted: a group that a panic
// lost would leave a hole in its queues until the next recovery.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor { return &reput{Options: o, topics: make(map[string]string)} })
}

type reput struct {
	Options
	next   int64             // physical offset of the next record
	topics map[string]string // one string per topic, not per record
	retry  env.Timer
	stuck  bool // no record begins at next; it was said
}

type more struct{}

func (r *reput) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		// What was there when the store was opened, recovery has dispatched.
		r.advance(r.Store.Recovery.End)
	case *more:
		r.retry = nil
	case mailbox.Drained:
		r.dispatch(ctx)
	case *actor.Stopping:
		if r.retry != nil {
			r.retry.Stop()
		}
	}
}

func (r *reput) advance(to int64) {
	r.next = to
	r.View.through.Store(to)
}

// dispatch hands on every whole record up to the end of the log.
func (r *reput) dispatch(ctx actor.Context) {
	if r.retry != nil {
		return
	}
	for {
		a, err := r.read()
		if err != nil {
			r.failed(ctx, err)
			return
		}
		if a == nil {
			return
		}
		r.stuck = false
		if len(a.Records) == 0 {
			a.Release()
			continue
		}
		last := &a.Records[len(a.Records)-1]
		r.Store.Log.Reached(last.StoreTime)
		ctx.Send(r.Dispatch, &messages.Appended{Group: messages.Group{
			Appends: []*messages.Append{a}, Start: a.Records[0].Phys, End: a.End,
		}})
	}
}

// failed tries again what the disk kept from being read. Bytes that are no record
// stay what they are: nothing behind them can be found, and nothing is shown of it.
func (r *reput) failed(ctx actor.Context, err error) {
	if !storage.Lost(err) {
		r.Env.Log.Error().Err(err).Int64("offset", r.next).Msg("the log could not be read; it is tried again")
		r.retry = r.Env.Tell(ctx.Self(), retryAfter, &more{})
		return
	}
	if !r.stuck {
		r.stuck = true
		r.Env.Log.Error().Err(err).Int64("offset", r.next).Msg("what the master sent is no message; consumers see nothing from here on")
	}
}

// read returns the next records, nil if there is none that is whole. It has moved
// on behind them.
func (r *reput) read() (*messages.Append, error) {
	log := r.Store.Log
	if first := log.MinOffset(); r.next < first {
		r.advance(first) // an empty slave begins where its master's last segment does
	}
	left := min(log.MaxOffset(), r.next-r.next%log.SegmentSize()+log.SegmentSize()) - r.next
	if left < record.BlankSize {
		return nil, nil
	}
	size := min(left, window)
	var head [record.BlankSize]byte
	if err := log.ReadAt(head[:], r.next); err != nil {
		return nil, err
	}
	if first := int64(binary.BigEndian.Uint32(head[:])); first > size && binary.BigEndian.Uint32(head[4:]) != record.MagicBlank {
		if first > left {
			return nil, r.plausible(first, head[:])
		}
		size = first
	}
	a := messages.NewAppend(int(size))
	a.Buf = a.Buf[:size]
	if err := log.ReadAt(a.Buf, r.next); err != nil {
		a.Release()
		return nil, err
	}
	n, err := r.decode(a)
	if n == 0 {
		a.Release()
		return nil, err
	}
	r.advance(r.next + n)
	a.End = r.next
	return a, nil // of an error the next call tells
}

// plausible reports whether the rest of a record of size bytes can still come.
func (r *reput) plausible(size int64, head []byte) error {
	magic := binary.BigEndian.Uint32(head[4:])
	if room := r.Store.Log.SegmentSize() - r.next%r.Store.Log.SegmentSize(); size > room || magic != record.MagicV1 && magic != record.MagicV2 {
		return &record.CorruptError{Reason: fmt.Sprintf("no record begins at %d", r.next)}
	}
	return nil
}

// decode describes the records that begin a.Buf, and returns how many bytes of it
// they are, with the blank that ends a segment. The rest is part of a record, or,
// with an error, none.
func (r *reput) decode(a *messages.Append) (n int64, err error) {
	for int64(len(a.Buf))-n >= record.BlankSize {
		var m record.Record
		size, err := record.Decode(a.Buf[n:], &m)
		var blank *record.BlankError
		switch {
		case errors.As(err, &blank):
			if err := r.ends(n, int64(blank.Size)); err != nil {
				return n, err
			}
			return n + int64(blank.Size), nil
		case errors.Is(err, record.ErrShort):
			return n, nil
		case err == nil && m.PhysOffset != r.next+n:
			err = &record.CorruptError{Reason: fmt.Sprintf("the record at %d says that it is at %d", r.next+n, m.PhysOffset)}
		}
		if err != nil {
			return n, err
		}
		topic, ok := r.topics[string(m.Topic)]
		if !ok {
			topic = string(m.Topic)
			r.topics[topic] = topic
		}
		a.Records = append(a.Records, messages.AppendRecord{At: int(n), DispatchRequest: r.Store.Request(&m, topic, size)})
		n += int64(size)
	}
	return n, nil
}

// ends checks that a blank of size bytes at r.next+n is what ends a segment.
func (r *reput) ends(n, size int64) error {
	at := r.next + n
	if segment := r.Store.Log.SegmentSize(); size != segment-at%segment {
		return &record.CorruptError{Reason: fmt.Sprintf("a blank of %d bytes at %d does not end its segment", size, at)}
	}
	return nil
}
