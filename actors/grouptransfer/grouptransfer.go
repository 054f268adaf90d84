// Package grouptransfer is where sends wait for slaves (RocketMQ:
// GroupTransferService).
//
//	CommitLog ── WaitReplicated ──▶ GroupTransfer ◀── Progress ── ha
//	                                    └── Append (done) ──▶ ReplyTo
//
// GroupTransfer keeps the Appends that wait in the order of the log and settles
// their part of the answer (docs/adr/0009):
//
//	Success             as many slaves as asked for have acknowledged the records
//	FlushSlaveTimeout   they have not by the deadline, or the broker stops
//	SlaveNotAvailable   fewer slaves than that are connected and in sync, so that
//	                    waiting is of no use; at once
//
// Whatever the code, the records are in the log and will be consumed. Every wait
// ends: with an acknowledgement, with the loss of a slave, at its deadline, or
// when the actor stops or is restarted.
package grouptransfer

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
)

// Slaves is what GroupTransfer looks at: a ha.View.
type Slaves interface {
	// Acked appends the offsets that slaves have acknowledged to dst[:0], highest
	// first.
	Acked(dst []int64) []int64
	// AckedByAll returns what every slave has that is less than gap bytes behind end.
	AckedByAll(end, gap int64) int64
	// InSync returns the number of those.
	InSync(end, gap int64) int
}

// Options configures GroupTransfer.
type Options struct {
	Env    *env.Env
	Slaves Slaves
	// End returns the end of the log.
	End func() int64
	// MaxGap is how far, in bytes, a slave that is in sync may be behind
	// (haMaxGapNotInSync).
	MaxGap int64
}

// Props returns the props of GroupTransfer.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor { return &groupTransfer{Options: o} })
}

// Drain asks GroupTransfer to respond with Drained when no wait is left, which
// the deadlines bound.
type Drain struct{}

// Drained answers Drain.
type Drained struct{}

type groupTransfer struct {
	Options
	waiting []wait // in the order of the log; deadlines ascend, too
	judged  int    // of waiting, those that have been found to have enough slaves
	acked   []int64
	tick    env.Timer // set while somebody waits
	drain   *actor.PID
}

type wait struct {
	a        *messages.Append
	deadline time.Time
}

type expire struct{}

func (g *groupTransfer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.WaitReplicated:
		for _, a := range m.Appends {
			g.waiting = append(g.waiting, wait{a, m.Deadline})
		}
	case *ha.Progress:
		if m.Gone {
			g.judged = 0
		}
	case *expire:
		g.tick = nil
		g.expire(ctx)
	case *Drain:
		g.drain = ctx.Sender()
	case mailbox.Drained:
		g.resolve(ctx)
	case *actor.Stopping, *actor.Restarting:
		g.stop(ctx)
	}
}

// resolve settles what can be decided by now.
func (g *groupTransfer) resolve(ctx actor.Context) {
	if len(g.waiting) > 0 {
		g.acknowledged(ctx)
		g.hopeless(ctx)
	}
	if len(g.waiting) > 0 && g.tick == nil {
		g.tick = g.Env.Tell(ctx.Self(), g.waiting[0].deadline.Sub(g.Env.Clock.Now()), &expire{})
	}
	g.drained(ctx)
}

// drained answers a Drain once nothing waits.
func (g *groupTransfer) drained(ctx actor.Context) {
	if g.drain != nil && len(g.waiting) == 0 {
		ctx.Send(g.drain, &Drained{})
		g.drain = nil
	}
}

// acknowledged ends the waits, from the first on, that enough slaves have
// acknowledged.
func (g *groupTransfer) acknowledged(ctx actor.Context) {
	g.acked = g.Slaves.Acked(g.acked)
	all := g.Slaves.AckedByAll(g.End(), g.MaxGap)
	done := 0
	for done < len(g.waiting) && g.waiting[done].a.End <= g.reached(g.waiting[done].a.Copies, all) {
		settle(ctx, g.waiting[done].a, messages.Success)
		done++
	}
	g.drop(done)
}

// reached returns the offset up to which that many brokers have the log, this one
// included. all is where every slave in sync is.
func (g *groupTransfer) reached(copies int, all int64) int64 {
	switch slaves := copies - 1; {
	case copies == messages.AllInSync:
		return all
	case slaves > len(g.acked):
		return -1
	default:
		return g.acked[slaves-1]
	}
}

// hopeless ends the waits that ask for more slaves than there are in sync. Each is
// judged once, and again when a slave has gone.
func (g *groupTransfer) hopeless(ctx actor.Context) {
	if g.judged == len(g.waiting) {
		return
	}
	slaves := g.Slaves.InSync(g.End(), g.MaxGap)
	kept := g.waiting[:g.judged]
	for _, w := range g.waiting[g.judged:] {
		if w.a.Copies-1 > slaves {
			settle(ctx, w.a, messages.SlaveNotAvailable)
			continue
		}
		kept = append(kept, w)
	}
	clear(g.waiting[len(kept):])
	g.waiting = kept
	g.judged = len(kept)
}

// expire ends the waits whose deadline has passed.
func (g *groupTransfer) expire(ctx actor.Context) {
	now := g.Env.Clock.Now()
	done := 0
	for done < len(g.waiting) && !g.waiting[done].deadline.After(now) {
		if done == 0 {
			first := g.waiting[0].a
			g.Env.Log.Warn().Int64("end", first.End).Int("copies", first.Copies).Ints64("acknowledged", g.acked).
				Msg("slaves did not acknowledge in time")
		}
		settle(ctx, g.waiting[done].a, messages.FlushSlaveTimeout)
		done++
	}
	g.drop(done)
}

// drop takes the first n waits out.
func (g *groupTransfer) drop(n int) {
	clear(g.waiting[:n])
	if g.waiting = g.waiting[n:]; len(g.waiting) == 0 {
		g.waiting = nil
	}
	g.judged = max(g.judged-n, 0)
}

// stop ends every wait.
func (g *groupTransfer) stop(ctx actor.Context) {
	if g.tick != nil {
		g.tick.Stop()
	}
	for _, w := range g.waiting {
		settle(ctx, w.a, messages.FlushSlaveTimeout)
	}
	g.waiting, g.judged = nil, 0
	g.drained(ctx)
}

// settle ends the wait of a, and answers it if that was the last one.
func settle(ctx actor.Context, a *messages.Append, code messages.ResponseCode) {
	if a.Settle(messages.PartReplicas, code, "") {
		ctx.Send(a.ReplyTo, a)
	}
	a.Release()
}
