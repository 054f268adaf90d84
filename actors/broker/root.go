package broker

import (
	"errors"
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/grouptransfer"
	"github.com/actormq/actormq/actors/haclient"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/topics"
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
//  1. registrar      says good-bye to the name servers; a slave's haclient to the master
//  2. listeners      take no more connections and requests
//  3. senders        (admission, sendback, delay, timer) append nothing any more
//  4. commitlog      writes what waits
//  5. flush          makes it durable; group-transfer waits for the slaves
//  6. listeners      end, and with them every connection, once the answers are out
//  7. accept-socket  ends the slaves' connections
//  8. reput, dispatch, indexer and everything else
//  9. the store closes, and the abort file goes
type root struct {
	rootCallbacks
	wiring

	spawned  map[string]bool // children that there are, or have been
	starting int             // children that have not handled their Started
	binding  int             // listeners that have not answered Bind
	addr     netip.AddrPort
	isReady  bool
	stages   []stage         // of the shutdown, those still to come
	waitFor  map[string]bool // children that the stage under way waits for
	stopping bool
	err      error // why the broker stops
}

// stage is a step of the shutdown: each child is told to end, and has ended before
// the next step; or, if ask is set, the one child has answered it.
type stage struct {
	children []string
	end      func(ctx actor.Context, pid *actor.PID)
	ask      any
}

func stop(ctx actor.Context, pid *actor.PID) { ctx.Stop(pid) }

// poison lets a child handle what is in its mailbox first.
func poison(ctx actor.Context, pid *actor.PID) { ctx.Poison(pid) }

func finish(ctx actor.Context, pid *actor.PID) { ctx.Send(pid, &front.Finish{}) }

type shutdown struct{}

func newRoot(e *env.Env, c config.Broker, store *storage.Store, view *topics.View, callbacks rootCallbacks) *root {
	r := &root{rootCallbacks: callbacks, wiring: wiring{env: e, config: c, store: store, topics: view}}
	if c.MetricsExporterType == config.MetricsProm {
		r.traffic = new(stats.Traffic)
	}
	return r
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
	case *front.Quiesced:
		r.done(ctx, m.Token.(string))
	case *flush.Drained:
		r.err = errors.Join(r.err, m.Err)
		r.done(ctx, nameFlush)
	case *haclient.Drained:
		r.done(ctx, nameHAClient)
	case *grouptransfer.Drained:
		r.done(ctx, nameGroupTransfer)
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
		{children: []string{nameRegistrar}, end: stop},
		{children: []string{nameHAClient}, ask: &haclient.Drain{}},
		{children: []string{nameListener}, ask: &front.Quiesce{Token: nameListener}},
		{children: []string{nameFastListener}, ask: &front.Quiesce{Token: nameFastListener}},
		{children: []string{nameAdmission, nameSendBack, nameDelay, nameTransaction, nameTimer, namePop, nameRevive}, end: stop},
		{children: []string{nameCommitLog}, end: poison},
		{children: []string{nameFlush}, ask: &flush.Drain{}},
		{children: []string{nameGroupTransfer}, ask: &grouptransfer.Drain{}},
		{children: listeners, end: finish},
		{children: []string{nameFlush, nameGroupTransfer, nameAcceptSocket, nameHAClient, nameSlaveSync}, end: stop},
		{children: []string{nameReput}, end: poison},
		{children: []string{nameDispatch}, end: poison},
		{children: []string{nameIndexer}, end: poison},
	}
	r.nextStage(ctx)
}

// nextStage begins the next stage, or stops the root itself, whose own end then
// stops the rest.
func (r *root) nextStage(ctx actor.Context) {
	if len(r.stages) == 0 {
		ctx.Stop(ctx.Self())
		return
	}
	next := r.stages[0]
	r.stages = r.stages[1:]
	r.waitFor = make(map[string]bool)
	for _, name := range next.children {
		if !r.spawned[name] || r.gone[name] {
			continue
		}
		r.waitFor[name] = true
		if next.ask != nil {
			ctx.Request(r.pid(name), next.ask)
		} else {
			next.end(ctx, r.pid(name))
		}
	}
	if len(r.waitFor) == 0 {
		r.nextStage(ctx)
	}
}

func (r *root) terminated(ctx actor.Context, who *actor.PID) {
	name := r.name(who)
	if r.gone[name] {
		return // a parent that watches its child hears of its end twice
	}
	r.gone[name] = true
	r.done(ctx, name)
}

// done ends the stage if it waits for nobody but that child.
func (r *root) done(ctx actor.Context, name string) {
	if !r.waitFor[name] {
		return
	}
	delete(r.waitFor, name)
	if len(r.waitFor) == 0 {
		r.nextStage(ctx)
	}
}

// closeStore is the last thing a broker does.
func (r *root) closeStore() {
	if err := r.store.Close(); err != nil {
		r.err = errors.Join(r.err, err)
	}
	r.stopped(r.err)
}
