package pull

import (
	"cmp"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// HoldOptions configures PullHold.
type HoldOptions struct {
	Env *env.Env
	// MaxOffset tells the end of a queue at this moment.
	MaxOffset func(topic string, queueID int32) int64
}

// hold asks PullHold to keep a request until its queue grows beyond its offset
// or its time is up. Pullers send it.
type hold struct {
	request *request
	puller  *actor.PID
}

// rerun gives a held request back to its puller for another attempt.
type rerun struct {
	request *request
	attempt attempt
}

// recheckAfter is the time after which a request is given back although no
// matching record came, if its queue grew: a consumer of a filtered queue then
// gets an advanced offset and does not lag behind for ever
// (RocketMQ: PullRequestHoldService checks every 5 s).
const recheckAfter = 5 * time.Second

// holdTick bounds how late a held request times out.
const holdTick = 250 * time.Millisecond

// HoldProps returns the props of PullHold, which owns the long polls of all
// consumers. A restart forgets them; their clients time out and pull again.
func HoldProps(o HoldOptions) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &pullHold{HoldOptions: o, queues: make(map[queueKey][]*held)}
	})
}

type queueKey struct {
	topic   string
	queueID int32
}

type held struct {
	hold
	recheck int64 // Unix milliseconds
	done    bool  // given back or dropped; order forgets it at the next tick
}

type pullHold struct {
	HoldOptions
	queues map[queueKey][]*held // requests not done, by queue
	order  []*held              // all requests in the order of arrival
	tick   env.Timer
}

type holdExpire struct{}

func (p *pullHold) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *hold:
		p.hold(ctx, m)
	case *messages.Arrived:
		for i := range m.Arrivals {
			p.arrived(ctx, &m.Arrivals[i])
		}
	case *holdExpire:
		p.expire(ctx)
	case *messages.ConnectionClosed:
		p.drop(m.Peer)
	case *actor.Stopping, *actor.Restarting:
		if p.tick != nil {
			p.tick.Stop()
		}
	}
}

func (p *pullHold) hold(ctx actor.Context, m *hold) {
	// The queue may have grown, and its Arrival passed, since the puller looked.
	if p.MaxOffset(m.request.topic, m.request.queueID) > m.request.offset {
		p.grown(ctx, m)
		return
	}
	h := &held{hold: *m, recheck: cmp.Or(m.request.recheck, p.Env.Millis()+recheckAfter.Milliseconds())}
	key := queueKey{m.request.topic, m.request.queueID}
	p.queues[key] = append(p.queues[key], h)
	p.order = append(p.order, h)
	p.schedule(ctx)
}

// grown gives back a request whose queue has grown. If it filters by properties, so
// that nobody knows yet whether there is something for it, it may come again.
func (p *pullHold) grown(ctx actor.Context, m *hold) {
	r := m.request
	now := p.Env.Millis()
	if r.byProperties() && now < r.suspendedUntil && (r.recheck == 0 || now < r.recheck) {
		ctx.Send(m.puller, &rerun{r, nextAttempt})
		return
	}
	ctx.Send(m.puller, &rerun{r, lastAttempt})
}

// arrived gives back what waits for a record like those that came.
func (p *pullHold) arrived(ctx actor.Context, a *messages.Arrival) {
	key := queueKey{a.Topic, a.QueueID}
	waiting := p.queues[key]
	if len(waiting) == 0 {
		return
	}
	p.keep(key, waiting, func(h *held) bool {
		if a.Max <= h.request.offset || !a.Mixed && !h.request.filter.MatchTagsCode(a.TagsCode) {
			return true
		}
		p.grown(ctx, &h.hold)
		return false
	})
}

// keep retains the held requests of one queue that stay says so of.
func (p *pullHold) keep(key queueKey, waiting []*held, stay func(*held) bool) {
	kept := waiting[:0]
	for _, h := range waiting {
		if stay(h) {
			kept = append(kept, h)
		} else {
			h.done = true
		}
	}
	clear(waiting[len(kept):])
	if len(kept) == 0 {
		delete(p.queues, key)
		return
	}
	p.queues[key] = kept
}

func (p *pullHold) schedule(ctx actor.Context) {
	if p.tick == nil && len(p.order) > 0 {
		p.tick = p.Env.Tell(ctx.Self(), holdTick, &holdExpire{})
	}
}

// expire gives back what waited long enough, in the order of arrival.
func (p *pullHold) expire(ctx actor.Context) {
	p.tick = nil
	now := p.Env.Millis()
	p.sweep(func(h *held) bool {
		r := h.request
		due := now >= r.suspendedUntil
		if !due && now >= h.recheck {
			h.recheck = now + recheckAfter.Milliseconds()
			due = r.recheck > 0 || p.MaxOffset(r.topic, r.queueID) > r.offset
		}
		if due {
			ctx.Send(h.puller, &rerun{r, lastAttempt})
		}
		return !due
	})
	p.schedule(ctx)
}

func (p *pullHold) drop(peer *messages.Peer) {
	p.sweep(func(h *held) bool { return h.request.ticket.Peer != peer })
}

// sweep visits every held request and forgets those that stay is false for.
func (p *pullHold) sweep(stay func(*held) bool) {
	kept := p.order[:0]
	for _, h := range p.order {
		if h.done {
			continue
		}
		if !stay(h) {
			key := queueKey{h.request.topic, h.request.queueID}
			p.keep(key, p.queues[key], func(other *held) bool { return other != h })
			continue
		}
		kept = append(kept, h)
	}
	clear(p.order[len(kept):])
	p.order = kept
}
