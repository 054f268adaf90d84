// Package dispatch makes appended records visible: Dispatch adds their units to
// the ConsumeQueues, tells PullHold which queues grew and passes the group on to
// Indexer, which adds the keys to the IndexFile and answers queries by key.
//
// A record can be consumed when, and only when, its ConsumeQueue unit is there,
// so what Dispatch is not given (yet) nobody sees.
package dispatch

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/consumequeue"
)

// Options configures Dispatch.
type Options struct {
	Env      *env.Env
	Queues   *consumequeue.Queues
	Indexer  *actor.PID
	PullHold *actor.PID
	// Failed is told when a queue could not be written; the store must stop
	// taking messages, since consumers would not see them.
	Failed func(error)
}

// Props returns the props of Dispatch. It must not be restarted: a group that a
// panic lost would leave a hole in its queues until the next recovery.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &dispatch{Options: o} })
}

type dispatch struct {
	Options
	failed bool
}

func (d *dispatch) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*messages.Appended); ok {
		d.appended(ctx, m)
	}
}

func (d *dispatch) appended(ctx actor.Context, m *messages.Appended) {
	var arrivals []messages.Arrival
	for _, a := range m.Appends {
		for i := range a.Records {
			r := &a.Records[i].DispatchRequest
			if r.Size == 0 || a.End == 0 || !r.Consumable() {
				continue
			}
			if !d.queue(r) {
				continue
			}
			arrivals = arrived(arrivals, r)
		}
	}
	if len(arrivals) > 0 {
		ctx.Send(d.PullHold, &messages.Arrived{Arrivals: arrivals})
	}
	ctx.Send(d.Indexer, m)
}

// queue adds the unit of r to its queue. After a failure it adds nothing more:
// a queue with a hole is worse than one that ends early and is rebuilt.
func (d *dispatch) queue(r *messages.DispatchRequest) bool {
	if d.failed {
		return false
	}
	unit := consumequeue.Unit{Phys: r.Phys, Size: r.Size, TagsCode: r.TagsCode}
	err := d.Queues.Append(r.Topic, r.QueueID, r.QueueOffset, unit)
	if err == nil {
		return true
	}
	d.failed = true
	d.Env.Log.Error().Err(err).Str("topic", r.Topic).Int32("queue", r.QueueID).Int64("offset", r.QueueOffset).
		Msg("a consume queue could not be written; the store is read-only from now on")
	d.Failed(err)
	return false
}

// arrived merges the arrival of r into arrivals. A group touches few queues and
// its records come in runs, so the last entries are the likeliest.
func arrived(arrivals []messages.Arrival, r *messages.DispatchRequest) []messages.Arrival {
	for i := len(arrivals) - 1; i >= 0 && i >= len(arrivals)-8; i-- {
		if a := &arrivals[i]; a.QueueID == r.QueueID && a.Topic == r.Topic {
			a.Max = r.QueueOffset + 1
			a.Mixed = a.Mixed || a.TagsCode != r.TagsCode
			return arrivals
		}
	}
	return append(arrivals, messages.Arrival{
		Topic: r.Topic, QueueID: r.QueueID, Max: r.QueueOffset + 1, TagsCode: r.TagsCode,
	})
}
