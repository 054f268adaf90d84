// Package flush makes the store durable.
//
// Flush keeps the groups of SYNC_FLUSH that wait, in log order, and settles their
// part of the answer when the flushed offset has passed theirs, or at their
// deadline; it answers what waits for nothing else (docs/adr/0009). Its child
// Syncer does the blocking: one fsync for all that came while the last one ran.
// Under ASYNC_FLUSH only the interval asks for a sync.
//
//	CommitLog ── WaitFlushed ──▶ Flush ── sync ──▶ Syncer
//	                               │ ◀── synced ─────┘
//	                               ├── Append (done) ──▶ ReplyTo
//	                               └── Appended ───────▶ Dispatch
//
// A failed fsync is final: what the page cache holds can no longer be trusted
// to reach the disk, so all waits fail, the log is read-only and stays so.
package flush

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
)

// Options configures Flush.
type Options struct {
	Env      *env.Env
	Dispatch *actor.PID
	// Sync makes the log durable and returns the offset up to which it is. It
	// may block; it is called by the Syncer only.
	Sync func() (int64, error)
	// Interval is the time between two syncs that nobody waits for
	// (flushIntervalCommitLog).
	Interval time.Duration
	// Failed is told once when a sync has failed.
	Failed func(error)
	// Watcher, if not nil, gets a *Flushed after each sync.
	Watcher *actor.PID
}

// Flushed says how far the log is durable.
type Flushed struct{ Offset int64 }

// Props returns the props of Flush.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor { return &flush{Options: o} })
}

// expiryTick bounds how late a wait can time out.
const expiryTick = 100 * time.Millisecond

type flush struct {
	Options
	syncer *actor.PID

	// waiting are the groups not yet durable, in log order; End ascends.
	waiting []*messages.WaitFlushed
	flushed int64
	syncing bool
	dirty   bool // something waits that the sync under way may not cover
	failed  error

	drain *actor.PID // who asked for Drain

	ticking  bool
	tick     env.Timer
	interval env.Timer
}

// Drain asks Flush to sync what was written so far and to respond with Drained
// when no wait is left. The root sends it when CommitLog has stopped.
type Drain struct{}

// Drained answers Drain. Err is the error that made the store read-only, if any.
type Drained struct{ Err error }

type (
	syncRequest struct{ replyTo *actor.PID }
	synced      struct {
		flushed int64
		err     error
	}
	expire       struct{}
	intervalOver struct{}
)

func (f *flush) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		f.start(ctx)
	case *messages.WaitFlushed:
		f.waiting = append(f.waiting, m)
		f.dirty = true
	case mailbox.Drained:
		f.sync(ctx)
	case *synced:
		f.synced(ctx, m)
	case *expire:
		f.expire(ctx)
	case *Drain:
		f.drain, f.dirty = ctx.Sender(), true
	case *intervalOver:
		f.dirty = true
		f.interval = f.Env.Tell(ctx.Self(), f.Interval, &intervalOver{})
	case *actor.Stopping:
		f.stop(ctx)
	}
}

func (f *flush) start(ctx actor.Context) {
	props := f.Env.Props(func() actor.Actor { return &syncer{sync: f.Options.Sync} })
	pid, err := ctx.SpawnNamed(props, "syncer")
	if err != nil {
		panic(err) // the name is free: Flush spawns one child
	}
	f.syncer = pid
	f.interval = f.Env.Tell(ctx.Self(), f.Interval, &intervalOver{})
}

// sync asks for an fsync unless one runs: what comes meanwhile shares the next.
func (f *flush) sync(ctx actor.Context) {
	if f.failed != nil {
		f.dirty = false
		f.fail(ctx)
		return
	}
	if f.dirty && !f.syncing {
		f.dirty, f.syncing = false, true
		ctx.Send(f.syncer, &syncRequest{replyTo: ctx.Self()})
	}
	if len(f.waiting) > 0 && !f.ticking {
		f.ticking = true
		f.tick = f.Env.Tell(ctx.Self(), expiryTick, &expire{})
	}
}

func (f *flush) synced(ctx actor.Context, m *synced) {
	f.syncing = false
	if m.err != nil {
		f.failed = m.err
		f.Env.Log.Error().Err(m.err).Msg("fsync of the commit log failed; the store is read-only from now on")
		if f.Failed != nil {
			f.Failed(m.err)
		}
		f.fail(ctx)
		return
	}
	f.flushed = m.flushed
	if f.Watcher != nil {
		ctx.Send(f.Watcher, &Flushed{Offset: f.flushed})
	}
	done := 0
	for done < len(f.waiting) && f.waiting[done].End <= f.flushed {
		group := f.waiting[done].Group
		for _, a := range group.Appends {
			f.settle(ctx, a, messages.Success, "")
		}
		if len(group.Appends) > 0 {
			ctx.Send(f.Dispatch, &messages.Appended{Group: group})
		}
		f.waiting[done] = nil
		done++
	}
	f.waiting = f.waiting[done:]
	if len(f.waiting) == 0 {
		f.waiting = nil
	}
	f.sync(ctx)
	f.drained(ctx)
}

// expire answers the sends whose deadline has passed. Their records are in the
// log and are dispatched when their flush ends after all.
func (f *flush) expire(ctx actor.Context) {
	f.ticking = false
	now := f.Env.Millis()
	for _, g := range f.waiting {
		if g.Deadline > now {
			break // deadlines ascend with the log
		}
		for _, a := range g.Appends {
			f.settle(ctx, a, messages.FlushDiskTimeout, "")
		}
	}
}

func (f *flush) fail(ctx actor.Context) {
	f.end(ctx, messages.ServiceNotAvailable, "service not available now. The store is read-only: "+f.failed.Error())
}

// end settles everything that waits, never dispatching it.
func (f *flush) end(ctx actor.Context, code messages.ResponseCode, remark string) {
	for _, g := range f.waiting {
		for _, a := range g.Appends {
			f.settle(ctx, a, code, remark)
			a.Release() // what would have been Dispatch's
		}
	}
	f.waiting = nil
	f.drained(ctx)
}

// settle ends the wait of a, and answers it if that was the last one. A wait that
// ends a second time stays as it is.
func (f *flush) settle(ctx actor.Context, a *messages.Append, code messages.ResponseCode, remark string) {
	if a.Settle(messages.PartFlush, code, remark) {
		ctx.Send(a.ReplyTo, a)
	}
}

// stop ends every wait: the log was not flushed in time.
func (f *flush) stop(ctx actor.Context) {
	f.interval.Stop()
	if f.tick != nil {
		f.tick.Stop()
	}
	f.end(ctx, messages.FlushDiskTimeout, "")
}

// drained answers a Drain once nothing is left to flush.
func (f *flush) drained(ctx actor.Context) {
	if f.drain == nil || f.syncing || f.dirty || len(f.waiting) > 0 {
		return
	}
	ctx.Send(f.drain, &Drained{Err: f.failed})
	f.drain = nil
}

// syncer is the only actor that blocks in fsync. A request that comes while it
// runs waits in its mailbox.
type syncer struct {
	sync func() (int64, error)
}

func (s *syncer) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*syncRequest); ok {
		flushed, err := s.sync()
		ctx.Send(m.replyTo, &synced{flushed: flushed, err: err})
	}
}
