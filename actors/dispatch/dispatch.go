// Package dispatch makes appended records visible: Dispatch adds their units to
// the ConsumeQueues, tells PullHold which queues grew and passes the group on to
// Indexer, which adds the keys to the IndexFile and answers queries by key.
//
// A record can be consumed when, and only when, its ConsumeQueue unit is there,
// so what Dispatch is not given (yet) nobody sees.
package dispatch

import (
	"errors"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Dispatch.
type Options struct {
	Env      *env.Env
	Store    *storage.Store
	Indexer  *actor.PID
	PullHold *actor.PID
	// Followers get the arrivals of their topic, besides PullHold.
	Followers map[string]*actor.PID
	// Pop gets all arrivals while Popped says that somebody waits for one.
	Pop    *actor.PID
	Popped func() bool
	// Progress, if not nil, is how far Dispatch is; it writes it.
	Progress *Progress
	// WriteEvery is the time between two writes of the queues' tails to their
	// files (flushIntervalConsumeQueue).
	WriteEvery time.Duration
	// Failed is told when a queue could not be written; the store must stop
	// taking messages, since consumers would not see them.
	Failed func(error)
}

// Progress tells how far in the log Dispatch has made records visible. Any goroutine may
// read it.
type Progress struct{ end atomic.Int64 }

// Passed reports whether the record at a physical offset, which was appended while this
// process runs, is visible to consumers, or will never be.
func (p *Progress) Passed(phys int64) bool { return phys < p.end.Load() }

// Props returns the props of Dispatch. It must not be restarted: a group that a
// panic lost would leave a hole in its queues until the next recovery.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &dispatch{Options: o} })
}

type dispatch struct {
	Options
	failed  bool
	syncer  *actor.PID
	syncing bool             // a syncer's answer is outstanding
	deleted map[string]int64 // where the records of deleted topics end in the log
	tick    env.Timer
}

// DeleteTopic has the queues of a deleted topic removed. Records of the topic below the
// physical offset Before that are still on their way get no units: a new topic by that
// name begins anew.
type DeleteTopic struct {
	Topic  string
	Before int64
}

type (
	writeQueues struct{}
	syncQueues  struct{ sync func() error }
	synced      struct{ err error }
)

func (d *dispatch) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.start(ctx)
	case *messages.Appended:
		d.appended(ctx, m)
	case *writeQueues:
		d.write(ctx)
		d.tick = d.Env.Tell(ctx.Self(), d.WriteEvery, &writeQueues{})
	case *synced:
		d.syncing = false
		if m.err != nil {
			d.failUnlessFull(m.err)
		}
	case *messages.LogShrunk:
		d.shrink(m.Min)
	case *DeleteTopic:
		d.deleteTopic(m)
	case *actor.Stopping:
		d.tick.Stop()
	}
}

func (d *dispatch) deleteTopic(m *DeleteTopic) {
	if m.Before > 0 {
		d.deleted[m.Topic] = m.Before
	}
	if err := d.Store.DeleteTopic(m.Topic); err != nil {
		d.Env.Log.Error().Err(err).Str("topic", m.Topic).Msg("the queues of a deleted topic could not be removed")
	}
}

func (d *dispatch) start(ctx actor.Context) {
	d.deleted = make(map[string]int64)
	pid, err := ctx.SpawnNamed(d.Env.Props(func() actor.Actor { return queueSyncer{} }), "queue-syncer")
	if err != nil {
		panic(err) // the name is free: Dispatch spawns one child
	}
	d.syncer = pid
	d.tick = d.Env.Tell(ctx.Self(), d.WriteEvery, &writeQueues{})
}

// write moves the tails to the page cache, which is quick, and has them synced
// elsewhere, which is not.
func (d *dispatch) write(ctx actor.Context) {
	if d.failed || d.syncing {
		return
	}
	sync, err := d.Store.WriteQueues()
	if err != nil {
		d.failUnlessFull(err)
		return
	}
	d.syncing = true
	ctx.Send(d.syncer, &syncQueues{sync: sync})
}

// queueSyncer does the fsyncs of the queues.
type queueSyncer struct{}

func (queueSyncer) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*syncQueues); ok {
		ctx.Send(ctx.Parent(), &synced{err: m.sync()})
	}
}

func (d *dispatch) shrink(logMin int64) {
	removed, err := d.Store.CleanQueues(logMin)
	if err != nil {
		d.Env.Log.Error().Err(err).Msg("expired queue files could not be removed")
	}
	if removed > 0 {
		d.Env.Log.Info().Int("files", removed).Msg("removed expired queue files")
	}
}

func (d *dispatch) appended(ctx actor.Context, m *messages.Appended) {
	var arrivals []messages.Arrival
	for _, a := range m.Appends {
		for i := range a.Records {
			r := &a.Records[i].DispatchRequest
			if r.Size == 0 || r.Phys >= a.End || !d.queue(r) || !r.Consumable() {
				continue
			}
			arrivals = arrived(arrivals, r)
		}
	}
	if d.Progress != nil && m.End > 0 {
		d.Progress.end.Store(m.End)
	}
	if len(arrivals) > 0 {
		d.announce(ctx, arrivals)
	}
	ctx.Send(d.Indexer, m)
}

// announce tells who waits for messages.
func (d *dispatch) announce(ctx actor.Context, arrivals []messages.Arrival) {
	arrived := &messages.Arrived{Arrivals: arrivals}
	ctx.Send(d.PullHold, arrived)
	if d.Popped != nil && d.Popped() {
		ctx.Send(d.Pop, arrived)
	}
	if len(d.Followers) == 0 {
		return
	}
	for i := range arrivals {
		if pid := d.Followers[arrivals[i].Topic]; pid != nil {
			ctx.Send(pid, &messages.Arrived{Arrivals: arrivals[i : i+1]})
		}
	}
}

// queue adds the unit of r to its queue. After a failure it adds nothing more: a
// queue with a hole is worse than one that ends early and is rebuilt.
func (d *dispatch) queue(r *messages.DispatchRequest) bool {
	if d.failed {
		return false
	}
	if len(d.deleted) > 0 && r.Phys < d.deleted[r.Topic] {
		return false
	}
	if err := d.Store.Dispatch(r); err != nil {
		d.fail(err)
		return false
	}
	return true
}

// failUnlessFull fails for every error but a full disk: what was not written is
// still in memory, and is written when there is room again. It cannot grow
// without bound, since the log itself gets no new segment meanwhile.
func (d *dispatch) failUnlessFull(err error) {
	if !errors.Is(err, syscall.ENOSPC) {
		d.fail(err)
		return
	}
	d.Env.Log.Warn().Err(err).Msg("the consume queues could not be written yet")
}

func (d *dispatch) fail(err error) {
	d.failed = true
	d.Env.Log.Error().Err(err).Msg("the consume queues could not be written; the store takes no more messages")
	d.Failed(err)
}

// arrived merges the arrival of r into arrivals. A group touches few queues and
// its records come in runs, so the last entries are the likeliest.
func arrived(arrivals []messages.Arrival, r *messages.DispatchRequest) []messages.Arrival {
	for i := len(arrivals) - 1; i >= 0 && i >= len(arrivals)-8; i-- {
		if a := &arrivals[i]; a.QueueID == r.QueueID && a.Topic == r.Topic {
			a.Max = r.Next()
			a.Mixed = a.Mixed || a.TagsCode != r.TagsCode
			return arrivals
		}
	}
	return append(arrivals, messages.Arrival{
		Topic: r.Topic, QueueID: r.QueueID, Max: r.Next(), TagsCode: r.TagsCode,
	})
}
