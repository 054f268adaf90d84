package sim

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/storage/vfs"
)

// Disk says how long a host's disk takes. The zero value takes no time.
type Disk struct{ Read, Write, Sync Latency }

// Latency is a time from Min to Max, drawn for each operation.
type Latency struct{ Min, Max time.Duration }

func (l Latency) draw(r *rand.Rand) time.Duration {
	if l.Max <= l.Min {
		return l.Min
	}
	return l.Min + time.Duration(r.Int64N(int64(l.Max-l.Min)+1))
}

// SetDisk has the operations of the host's disk take time from now on. An actor
// that waits for the disk does nothing else meanwhile, and what it does afterwards
// happens later; all other actors go on. What an operation does to the disk, it
// does when it begins.
func (h *Host) SetDisk(d Disk) {
	if d == (Disk{}) {
		h.disk.SetWatch(nil)
		return
	}
	h.disk.SetWatch(func(op vfs.Op, _ string) {
		var l Latency
		switch op {
		case vfs.OpRead:
			l = d.Read
		case vfs.OpWrite:
			l = d.Write
		case vfs.OpSync:
			l = d.Sync
		}
		if w := h.world; w.inside {
			w.lag += int64(l.draw(h.latencies))
		}
	})
}

// outbox is what one actor has sent from runs that waited for the disk.
type outbox struct {
	last    int64 // when the last message leaves
	waiting int
}

// lagging has the messages of a run that waited for the disk sent when the wait is
// over. Those of later runs of the actor stay behind them.
func (p *process) lagging(next actor.SenderFunc) actor.SenderFunc {
	return func(c actor.SenderContext, target *actor.PID, envelope *actor.MessageEnvelope) {
		w := p.host.world
		if w.lag == 0 && len(p.outboxes) == 0 {
			next(c, target, envelope)
			return
		}
		sender := p.running
		box := p.outboxes[sender]
		if box == nil {
			if w.lag == 0 {
				next(c, target, envelope)
				return
			}
			box = &outbox{}
			p.outboxes[sender] = box
		}
		box.last = max(box.last, w.now+w.lag)
		box.waiting++
		w.inOrder(p, box.last, func() {
			if box.waiting--; box.waiting == 0 {
				delete(p.outboxes, sender)
			}
			next(c, target, envelope)
		})
	}
}
