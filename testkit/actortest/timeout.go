package actortest

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
)

// timeout is what an actor has asked for by SetReceiveTimeout.
type timeout struct {
	d     time.Duration
	timer env.Timer
}

// virtual is an actor's context whose timeouts are virtual.
type virtual struct {
	actor.Context
	world *World
}

func (w *World) decorate(next actor.ContextDecoratorFunc) actor.ContextDecoratorFunc {
	return func(ctx actor.Context) actor.Context { return next(&virtual{Context: ctx, world: w}) }
}

// SetReceiveTimeout implements actor.Context.
func (v *virtual) SetReceiveTimeout(d time.Duration) {
	v.CancelReceiveTimeout()
	if d < time.Millisecond {
		return // as the library has it
	}
	t := &timeout{d: d}
	v.world.timeouts[v.Self().Id] = t
	v.world.arm(t, v.Self())
}

// CancelReceiveTimeout implements actor.Context.
func (v *virtual) CancelReceiveTimeout() { v.world.disarm(v.Self()) }

// ReceiveTimeout implements actor.Context.
func (v *virtual) ReceiveTimeout() time.Duration {
	if t := v.world.timeouts[v.Self().Id]; t != nil {
		return t.d
	}
	return 0
}

// RequestFuture implements actor.Context. The future's time runs out in virtual
// time, and it then ends with actor.ErrDeadLetter, since only the library's own
// timer can end one with ErrTimeout.
func (v *virtual) RequestFuture(to *actor.PID, message any, within time.Duration) *actor.Future {
	future := v.Context.RequestFuture(to, message, -1)
	if within >= 0 {
		v.world.AfterFunc(within, func() { v.world.Send(future.PID(), &actor.DeadLetterResponse{Target: to}) })
	}
	return future
}

func (w *World) arm(t *timeout, pid *actor.PID) {
	t.timer = w.host.Env().Clock.AfterFunc(t.d, func() {
		delete(w.timeouts, pid.Id)
		w.Send(pid, &actor.ReceiveTimeout{})
	})
}

func (w *World) disarm(pid *actor.PID) {
	if t := w.timeouts[pid.Id]; t != nil {
		t.timer.Stop()
		delete(w.timeouts, pid.Id)
	}
}

// received begins an actor's timeout anew with each message, and ends it with the
// actor.
func (w *World) received(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
		_, without := envelope.Message.(actor.NotInfluenceReceiveTimeout)
		switch envelope.Message.(type) {
		case *actor.Stopping, *actor.Restarting:
			w.disarm(c.Self())
		default:
			if t := w.timeouts[c.Self().Id]; t != nil && !without {
				t.timer.Stop()
				w.arm(t, c.Self())
			}
		}
		next(c, envelope)
	}
}
