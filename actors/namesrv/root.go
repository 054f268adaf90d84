package namesrv

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/actors/namesrv/routes"
	"github.com/actormq/actormq/messages"
)

// The names of the root's children.
const (
	nameRegistry = "registry"
	nameKVConfig = "kvconfig"
	nameSettings = "settings"
	nameNotifier = "notifier"
	nameListener = "listener"
)

const (
	// creditBytes bounds the requests that all clients together may have in flight.
	creditBytes = 256 << 20
	// owedBytes bounds the answers that one client leaves untaken before it is read
	// no more. Routes are shared: most of what is owed exists once.
	owedBytes = 8 << 20
)

// callbacks tell whoever started the name server. Each is called once.
type callbacks struct {
	ready   func(netip.AddrPort, error)
	stopped func(error)
}

// root spawns the children and binds the listener last; it stops the listener
// first and then itself, and with it the rest. It has no parent that would restart
// it: whatever happens to it ends the name server.
type root struct {
	callbacks
	env     *env.Env
	config  *atomic.Pointer[config.NameServer]
	self    *actor.PID
	isReady bool
	why     error
}

type shutdown struct{}

func newRoot(e *env.Env, c config.NameServer, cb callbacks) *root {
	r := &root{callbacks: cb, env: e, config: new(atomic.Pointer[config.NameServer])}
	r.config.Store(&c)
	return r
}

func (r *root) pid(name string) *actor.PID { return actor.NewPID(r.self.Address, r.self.Id+"/"+name) }

func (r *root) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.self = ctx.Self()
		r.start(ctx)
	case *front.Bound:
		r.bound(ctx, m)
	case *shutdown:
		ctx.Stop(r.pid(nameListener))
	case *childFailed:
		r.fail(ctx, m.err)
	case *actor.Terminated:
		if m.Who.Equal(r.pid(nameListener)) {
			ctx.Stop(ctx.Self())
		}
	case *actor.Stopped:
		r.stopped(r.why)
	}
}

func (r *root) start(ctx actor.Context) {
	for _, child := range r.children() {
		pid, err := ctx.SpawnNamed(child.props, child.name)
		if err != nil {
			r.fail(ctx, fmt.Errorf("namesrv: %w", err))
			return
		}
		ctx.Watch(pid)
	}
	ctx.Request(r.pid(nameListener), &front.Bind{})
}

// owned lists the codes of each child. The rest are the Reader's.
func owned() map[string][]messages.RequestCode {
	return map[string][]messages.RequestCode{
		nameRegistry: routes.Codes(), nameKVConfig: kvconfig.Codes(), nameSettings: settingsCodes(),
	}
}

type child struct {
	name  string
	props *actor.Props
}

// children wires everyone; the listener is the last.
func (r *root) children() []child {
	c, kv := r.config.Load(), new(kvconfig.View)
	routing := routes.Options{
		Env: r.env, View: new(routes.View), KV: kv, Config: r.config, Notifier: r.pid(nameNotifier),
	}
	reads := make(map[messages.RequestCode]bool)
	for _, code := range routes.ReaderCodes() {
		reads[code] = true
	}
	owners := make(map[messages.RequestCode]*actor.PID)
	for name, codes := range owned() {
		for _, code := range codes {
			owners[code] = r.pid(name)
		}
	}
	return []child{
		{nameRegistry, routes.Props(routing)},
		{nameKVConfig, kvconfig.Props(kvconfig.Options{Env: r.env, View: kv, File: c.KVConfigPath})},
		{nameSettings, settingsProps(r.env, r.config)},
		{nameNotifier, routes.NotifierProps(r.env)},
		{nameListener, front.Props(front.Options{
			Env:      r.env,
			Addr:     net.JoinHostPort(c.BindAddress, strconv.Itoa(c.ListenPort)),
			Routes:   &front.Routes{Owners: owners, Sends: routes.NewReader(routing), SendCodes: reads},
			Limits:   front.Limits{Frame: c.FrameMaxLength, Connection: 2 * c.FrameMaxLength, Owed: owedBytes},
			Credits:  front.NewCredits(max(creditBytes, int64(4*c.FrameMaxLength))),
			Idle:     time.Duration(c.ServerChannelMaxIdleTimeSeconds) * time.Second,
			Watchers: []*actor.PID{r.pid(nameRegistry)},
		})},
	}
}

func (r *root) bound(ctx actor.Context, m *front.Bound) {
	if m.Err != nil {
		r.fail(ctx, m.Err)
		return
	}
	r.isReady = true
	r.env.Log.Info().Stringer("address", m.Addr).Msg("the name server takes requests")
	r.ready(m.Addr, nil)
}

// fail ends a name server that cannot go on.
func (r *root) fail(ctx actor.Context, err error) {
	r.env.Log.Error().Err(err).Msg("the name server stops")
	r.why = err
	if !r.isReady {
		r.isReady = true
		r.ready(netip.AddrPort{}, err)
	}
	ctx.Stop(ctx.Self())
}

// childFailed tells the root that the Listener panicked: without it there is no
// name server.
type childFailed struct{ err error }

// supervisor restarts a child that panicked: the state of each comes back, from
// its file or from the brokers.
type supervisor struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (supervisor) HandleFailure(system *actor.ActorSystem, s actor.Supervisor, pid *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	if path.Base(pid.Id) != nameListener {
		s.RestartChildren(pid)
		return
	}
	s.StopChildren(pid)
	parent := actor.NewPID(pid.Address, path.Dir(pid.Id))
	system.Root.Send(parent, &childFailed{err: fmt.Errorf("namesrv: the listener panicked on %T: %v", message, reason)})
}
