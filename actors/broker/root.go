package broker

import (
	"errors"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/storage"
)

// rootCallbacks tell whoever started the broker. Each is called once.
type rootCallbacks struct {
	ready   func(netip.AddrPort, error)
	stopped func(error)
}

// root supervises the broker's actors. It spawns them all, binds its listeners
// once each has loaded its state, and goes down step by step:
//
//  1. registrar   says good-bye to the name servers
//  2. listeners   close, and with them every connection
//  3. senders     (admission, sendback, delay) append nothing any more
//  4. commitlog   writes what waits
//  5. flush       makes it durable and answers it
//  6. slaves      what still waits for them ends, and so do their connections
//  7. dispatch, indexer and everything else
//  8. the store closes, and the abort file goes
type root struct {
	rootCallbacks
	wiring

	spawned  map[string]bool // children that there are, or have been
	starting int             // children that have not handled their Started
	binding  int             // listeners that have not answered Bind
	addr     netip.AddrPort
	isReady  bool
	stages   []stage // of the shutdown, those still to come
	waitFor  map[string]bool
	stopping bool
	err      error // why the broker stops
}

// stage is a step of the shutdown: these children end before the next step.
type stage struct {
	children []string
	// poison lets a child handle what is in its mailbox first.
	poison bool
	// drain has Flush make everything durable after the stage.
	drain bool
}

type shutdown struct{}

func newRoot(e *env.Env, c config.Broker, store *storage.Store, callbacks rootCallbacks) *root {
	return &root{rootCallbacks: callbacks, wiring: wiring{env: e, config: c, store: store}}
}

func (r *root) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.start(ctx)
	case *actor.Touched:
		r.started(ctx)
	case *front.Bound:
		r.bound(ctx, m)
	case *shutdown:
		r.shutdown(ctx, nil)
	case *childFailed:
		r.env.Log.Error().Err(m.err).Msg("the broker stops")
		r.fail(ctx, m.err)
	case *flush.Drained:
		r.err = errors.Join(r.err, m.Err)
		r.nextStage(ctx)
	case *actor.Terminated:
		r.terminated(ctx, m.Who)
	case *actor.Stopped:
		r.closeStore()
	}
}

// start spawns the children. Their answers to Touch come behind their Started.
func (r *root) start(ctx actor.Context) {
	r.wire(ctx.Self(), r.store)
	r.spawned = make(map[string]bool)
	for _, child := range r.children() {
		pid, err := ctx.SpawnNamed(child.props, child.name)
		if err != nil {
			r.fail(ctx, err)
			return
		}
		ctx.Watch(pid)
		r.spawned[child.name] = true
		r.starting++
		ctx.Request(pid, &actor.Touch{})
	}
}

// started counts the children that have loaded their state; after the last one
// the listeners bind. A client that came earlier would find topics and groups
// missing.
func (r *root) started(ctx actor.Context) {
	if r.starting--; r.starting > 0 || r.stopping {
		return
	}
	for _, name := range r.ports() {
		r.binding++
		ctx.Request(r.pid(name), &front.Bind{Token: name})
	}
}

// bound counts the listeners that are there; the last one opens the broker.
func (r *root) bound(ctx actor.Context, m *front.Bound) {
	r.binding--
	if m.Err != nil {
		r.fail(ctx, m.Err)
		return
	}
	if m.Token == nameListener {
		r.addr = m.Addr
	}
	if r.binding > 0 || r.stopping || r.isReady {
		return
	}
	r.isReady = true
	ctx.Send(r.pid(nameRegistrar), r.announcement(r.addr.Port()))
	r.ready(r.addr, nil)
}

// fail ends a broker that could not come up, or cannot go on.
func (r *root) fail(ctx actor.Context, err error) {
	if !r.isReady {
		r.isReady = true
		r.ready(netip.AddrPort{}, err)
	}
	r.shutdown(ctx, err)
}

func (r *root) shutdown(ctx actor.Context, why error) {
	if r.stopping {
		return
	}
	r.stopping, r.err = true, why
	r.stages = []stage{
		{children: []string{nameRegistrar}},
		{children: listeners},
		{children: []string{nameAdmission, nameSendBack, nameDelay}},
		{children: []string{nameCommitLog}, poison: true, drain: true},
		{children: []string{nameFlush}},
		{children: []string{nameGroupTransfer}, poison: true},
		{children: []string{nameAcceptSocket}},
		{children: []string{nameDispatch}, poison: true},
		{children: []string{nameIndexer}, poison: true},
	}
	r.nextStage(ctx)
}

// nextStage stops the children of the next stage, or the root itself, whose own
// end then stops the rest.
func (r *root) nextStage(ctx actor.Context) {
	if len(r.stages) == 0 {
		ctx.Stop(ctx.Self())
		return
	}
	next := r.stages[0]
	r.waitFor = make(map[string]bool)
	for _, name := range next.children {
		if !r.spawned[name] || r.gone[name] {
			continue
		}
		r.waitFor[name] = true
		if next.poison {
			ctx.Poison(r.pid(name))
		} else {
			ctx.Stop(r.pid(name))
		}
	}
	if len(r.waitFor) == 0 {
		r.endStage(ctx)
	}
}

func (r *root) terminated(ctx actor.Context, who *actor.PID) {
	name := r.name(who)
	if r.gone[name] {
		return // a parent that watches its child hears of its end twice
	}
	r.gone[name] = true
	if !r.waitFor[name] {
		return
	}
	delete(r.waitFor, name)
	if len(r.waitFor) == 0 {
		r.endStage(ctx)
	}
}

func (r *root) endStage(ctx actor.Context) {
	done := r.stages[0]
	r.stages = r.stages[1:]
	r.waitFor = nil
	if done.drain && r.spawned[nameFlush] && !r.gone[nameFlush] {
		ctx.Request(r.pid(nameFlush), &flush.Drain{})
		return
	}
	r.nextStage(ctx)
}

// closeStore is the last thing a broker does.
func (r *root) closeStore() {
	if err := r.store.Close(); err != nil {
		r.err = errors.Join(r.err, err)
	}
	r.stopped(r.err)
}
