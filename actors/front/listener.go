package front

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
)

// Options configures a Listener.
type Options struct {
	Env     *env.Env
	Addr    string // "host:port" to bind
	Routes  *Routes
	Limits  Limits
	Credits *Credits
	// Idle is the time without a read or a write after which a connection is
	// closed (serverChannelMaxIdleTimeSeconds).
	Idle time.Duration
	// Watchers get a ConnectionClosed for each connection that is gone.
	Watchers []*actor.PID
	// Encode appends the answers of an Append's sends to dst. Nil where no
	// Appends come from.
	Encode func(dst []byte, a *messages.Append) []byte
}

// Bind asks a Listener to bind its address; it responds with Bound. Apart from
// Started so that the root can bring up everything else first, and can tell its
// caller of a port in use.
type Bind struct{ Token any }

// Bound answers Bind.
type Bound struct {
	Token any // of the Bind
	Addr  netip.AddrPort
	Err   error
}

// Quiesce asks a Listener to take no more connections and no more requests, and to
// respond with Quiesced. What is owed to clients still goes out.
type Quiesce struct{ Token any }

// Quiesced answers Quiesce.
type Quiesced struct{ Token any } // of the Quiesce

// Finish asks a Listener to end once each connection has written what it was given,
// for which a client that does not read is waited for no longer than finishLimit.
type Finish struct{}

// finishLimit bounds what a client can hold up the end of a Listener.
const finishLimit = time.Second

// Props returns the props of a Listener, which spawns a Connection per client
// and closes them with itself.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &listener{Options: o, connections: make(map[string]*reader)}
	}, actor.WithSupervisor(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })))
}

type listener struct {
	Options
	bound transport.Listener
	addr  netip.AddrPort

	connections map[string]*reader // by the Id of the Connection's PID
	sweep       env.Timer
	stopping    bool // no connection is accepted any more
	finish      env.Timer
	look        env.Timer // set while connections wait to be read
}

type (
	accepted struct{ reader *reader }
	sweep    struct{}
	freed    struct{}
	waiting  struct{}
	look     struct{}
	overdue  struct{}
)

// Undelivered closes a connection that came when its Listener was gone.
func (m *accepted) Undelivered(*actor.ActorSystem) { m.reader.conn.Close() }

func (l *listener) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Bind:
		l.bind(ctx, m)
	case *accepted:
		l.accepted(ctx, m.reader)
	case *actor.Terminated:
		delete(l.connections, m.Who.Id)
		l.endIfFinished(ctx)
	case *Quiesce:
		l.quiesce()
		ctx.Respond(&Quiesced{Token: m.Token})
	case *Finish:
		l.begin(ctx)
	case *overdue:
		ctx.Stop(ctx.Self())
	case *freed:
		l.unthrottle()
	case *waiting:
		l.lookLater(ctx)
	case *look:
		l.look = nil
		l.Credits.watched.Store(false) // who waits on sets it again
		l.unthrottle()
	case *sweep:
		l.closeIdle(ctx)
	case *actor.Stopping:
		l.stop()
	}
}

func (l *listener) bind(ctx actor.Context, m *Bind) {
	if l.bound != nil {
		ctx.Respond(&Bound{Token: m.Token, Addr: l.addr})
		return
	}
	self, e := ctx.Self(), l.Env
	bound, err := e.Net.Listen(l.Addr, func(conn transport.Conn) transport.Receiver {
		conn.Pause() // until its actor is there
		r := newReader(&l.Options, conn)
		r.peer.PID = actor.NewPID(self.Address, self.Id+"/"+name(r.peer.Serial))
		e.Send(self, &accepted{reader: r})
		return r
	})
	if err != nil {
		ctx.Respond(&Bound{Token: m.Token, Err: fmt.Errorf("front: listen: %w", err)})
		return
	}
	l.Credits.onFree(func() { e.Send(self, &freed{}) })
	l.Credits.onWait(func() { e.Send(self, &waiting{}) })
	l.bound, l.addr = bound, bound.Addr()
	l.sweep = e.Tell(self, l.sweepPeriod(), &sweep{})
	ctx.Respond(&Bound{Token: m.Token, Addr: l.addr})
}

func (l *listener) accepted(ctx actor.Context, r *reader) {
	if l.stopping {
		r.conn.Close()
		return
	}
	props := l.Env.BatchProps(func() actor.Actor {
		return &connection{reader: r, encode: l.Encode, pending: make(map[int32]*asked)}
	})
	pid, err := ctx.SpawnNamed(props, name(r.peer.Serial))
	if err != nil {
		l.Env.Log.Error().Err(err).Msg("a connection could not be served")
		r.conn.Close()
		return
	}
	l.connections[pid.Id] = r
	ctx.Watch(pid)
	r.conn.Resume()
}

// name is the actor name of a connection under its Listener. Its PID is known
// before the actor exists, so that the reader needs no later patch.
func name(serial uint64) string { return "connection-" + strconv.FormatUint(serial, 10) }

func (l *listener) sweepPeriod() time.Duration { return max(l.Idle/8, time.Second) }

func (l *listener) unthrottle() {
	for _, id := range sortedKeys(l.connections) {
		l.connections[id].unthrottle()
	}
}

// lookPeriod is how often it is looked after whether those who wait to be read wait in
// vain, because nothing is taken up, and are to be told so.
const lookPeriod = 200 * time.Millisecond

func (l *listener) lookLater(ctx actor.Context) {
	if _, ok := l.Routes.Sends.(Refuser); ok && l.look == nil && !l.stopping {
		l.look = l.Env.Tell(ctx.Self(), lookPeriod, &look{})
	}
}

func (l *listener) closeIdle(ctx actor.Context) {
	limit := l.Env.Millis() - l.Idle.Milliseconds()
	for _, id := range sortedKeys(l.connections) {
		if r := l.connections[id]; r.last.Load() < limit {
			ctx.Send(r.peer.PID, &messages.CloseConnection{Reason: "idle for " + l.Idle.String()})
		}
	}
	l.sweep = l.Env.Tell(ctx.Self(), l.sweepPeriod(), &sweep{})
}

// quiesce closes the port and has no connection read on.
func (l *listener) quiesce() {
	l.stopping = true
	if l.bound != nil {
		l.bound.Close()
	}
	for _, id := range sortedKeys(l.connections) {
		r := l.connections[id]
		r.quiet.Store(true)
		r.throttle()
	}
}

// begin has the connections close behind what they were given.
func (l *listener) begin(ctx actor.Context) {
	l.quiesce()
	l.finish = l.Env.Tell(ctx.Self(), finishLimit, &overdue{})
	for _, id := range sortedKeys(l.connections) {
		ctx.Send(l.connections[id].peer.PID, &messages.CloseConnection{Reason: "the server stops"})
	}
	l.endIfFinished(ctx)
}

func (l *listener) endIfFinished(ctx actor.Context) {
	if l.finish != nil && len(l.connections) == 0 {
		ctx.Stop(ctx.Self())
	}
}

func (l *listener) stop() {
	l.stopping = true
	if l.bound != nil {
		l.bound.Close()
		l.sweep.Stop()
	}
	if l.finish != nil {
		l.finish.Stop()
	}
	if l.look != nil {
		l.look.Stop()
	}
}

// sortedKeys makes the order of a map's visits, and with it the order of the
// messages that they send, independent of the run.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func millis(n int64) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }
