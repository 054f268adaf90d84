package ha

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/transport"
)

// Options configures AcceptSocket and all below it.
type Options struct {
	Env  *env.Env
	Addr string // "host:port" to bind
	Log  *commitlog.Log
	View *View
	// Heartbeat is the time without a frame after which one without a body is sent
	// (haSendHeartbeatInterval).
	Heartbeat time.Duration
	// Silence is the time without a report after which a slave is taken for dead
	// (haHousekeepingInterval).
	Silence time.Duration
	// FrameBody bounds the body of a frame, in bytes (haTransferBatchSize).
	FrameBody int
	// Rate bounds what one slave is sent, in bytes per second; 0 is unlimited
	// (maxHaTransferByteInSecond, if haFlowControlEnable).
	Rate int64
	// Linger is how long what is appended may wait for more, so that a slave costs
	// less. Zero where senders wait for slaves.
	Linger time.Duration
	// MaxGap is how far, in bytes, a slave that is in sync may be behind
	// (haMaxGapNotInSync). It decides about log lines only.
	MaxGap int64
	// Watcher, if not nil, gets a *Progress whenever the View says something else.
	Watcher *actor.PID
}

// Progress says that a slave has come, has gone (Gone is set), or has
// acknowledged more.
type Progress struct{ Gone bool }

// Of the two, one of each is enough.
var (
	progress any = &Progress{}
	gone     any = &Progress{Gone: true}
)

// Props returns the props of AcceptSocket. It answers front.Bind with
// front.Bound, and closes all connections with itself. When it is restarted it
// binds its port again, and its slaves come back.
func Props(o Options) *actor.Props {
	o.FrameBody = clampBody(o.FrameBody)
	var last netip.AddrPort
	return o.Env.Props(func() actor.Actor {
		return &acceptSocket{Options: o, last: &last, connections: make(map[string]*follower)}
	}, stopOnPanic)
}

// stopOnPanic ends a connection whose actor panicked: the slave comes back.
var stopOnPanic = actor.WithSupervisor(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective }))

// maxConnections bounds the slaves of a broker. The port asks nobody who they are.
const maxConnections = 100

// lagTick is the time between two looks at who is in sync.
const lagTick = 10 * time.Second

type acceptSocket struct {
	Options
	bound transport.Listener
	last  *netip.AddrPort // what this incarnation, or the one before, has bound

	serial      uint64               // of the last connection; the accepting goroutine's
	connections map[string]*follower // by the Id of the HAConnection's PID
	order       []string             // of their Ids, oldest first
	tick        env.Timer
	stopping    bool
}

// follower is what AcceptSocket knows of a connection.
type follower struct {
	reader *reader
	inSync bool // as it was logged
}

type (
	accepted struct{ reader *reader }
	lookAt   struct{}
)

// Undelivered closes a connection that came when AcceptSocket was gone.
func (m *accepted) Undelivered(*actor.ActorSystem) { m.reader.conn.Close() }

func (s *acceptSocket) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if s.last.IsValid() {
			s.rebind(ctx)
		}
	case *front.Bind:
		err := s.listen(ctx, s.Addr)
		ctx.Respond(&front.Bound{Token: m.Token, Addr: *s.last, Err: err})
	case *accepted:
		s.accepted(ctx, m.reader)
	case *actor.Terminated:
		s.ended(ctx, m.Who.Id)
	case *lookAt:
		s.watchLag()
		s.tick = s.Env.Tell(ctx.Self(), lagTick, &lookAt{})
	case *actor.Stopping:
		s.stop()
	case *actor.Restarting:
		s.stop()
		s.View.clear()
		s.tell(ctx, gone)
	}
}

// rebind is what a new incarnation does in place of the one that panicked.
func (s *acceptSocket) rebind(ctx actor.Context) {
	if err := s.listen(ctx, s.last.String()); err != nil {
		s.Env.Log.Error().Err(err).Msg("the port for slaves could not be bound again")
	}
}

func (s *acceptSocket) listen(ctx actor.Context, addr string) error {
	if s.bound != nil {
		return nil
	}
	self := ctx.Self()
	bound, err := s.Env.Net.Listen(addr, func(conn transport.Conn) transport.Receiver {
		conn.Pause() // until its actors are there
		s.serial++
		r := newReader(&s.Options, conn, actor.NewPID(self.Address, self.Id+"/connection-"+strconv.FormatUint(s.serial, 10)))
		s.Env.Send(self, &accepted{reader: r})
		return r
	})
	if err != nil {
		return fmt.Errorf("ha: listen: %w", err)
	}
	s.bound, *s.last = bound, bound.Addr()
	s.tick = s.Env.Tell(self, lagTick, &lookAt{})
	return nil
}

func (s *acceptSocket) accepted(ctx actor.Context, r *reader) {
	if s.stopping || len(s.connections) >= maxConnections {
		r.conn.Close()
		return
	}
	name := r.connection.Id[len(ctx.Self().Id)+1:]
	props := s.Env.Props(func() actor.Actor { return &connection{Options: &s.Options, reader: r} }, stopOnPanic)
	pid, err := ctx.SpawnNamed(props, name)
	if err != nil {
		s.Env.Log.Error().Err(err).Msg("a slave could not be served")
		r.conn.Close()
		return
	}
	ctx.Watch(pid)
	s.connections[pid.Id] = &follower{reader: r}
	s.order = append(s.order, pid.Id)
	s.View.add(r.replica)
	s.tell(ctx, progress)
	s.Env.Log.Info().Stringer("slave", r.replica.Addr).Msg("a slave has connected")
}

// ended takes a connection that is gone out of the view.
func (s *acceptSocket) ended(ctx actor.Context, id string) {
	f := s.connections[id]
	if f == nil {
		return // a parent that watches its child hears of its end twice
	}
	delete(s.connections, id)
	s.order = without(s.order, id)
	s.View.remove(f.reader.replica)
	s.tell(ctx, gone)
}

func without(ids []string, id string) []string {
	kept := ids[:0]
	for _, x := range ids {
		if x != id {
			kept = append(kept, x)
		}
	}
	return kept
}

func (s *acceptSocket) tell(ctx actor.Context, message any) {
	if s.Watcher != nil {
		ctx.Send(s.Watcher, message)
	}
}

// watchLag logs which slaves have fallen behind or caught up since the last look.
func (s *acceptSocket) watchLag() {
	end := s.Log.MaxOffset()
	for _, id := range s.order {
		f := s.connections[id]
		r := f.reader.replica
		acked, inSync := r.acked.Load(), r.inSync(end, s.MaxGap)
		if acked == unreported || inSync == f.inSync {
			continue
		}
		f.inSync = inSync
		line, text := s.Env.Log.Info(), "a slave is in sync"
		if !inSync {
			line, text = s.Env.Log.Warn(), "a slave has fallen behind"
		}
		line.Stringer("slave", r.Addr).Int64("acknowledged", acked).Int64("behind", end-acked).Msg(text)
	}
}

func (s *acceptSocket) stop() {
	s.stopping = true
	if s.bound != nil {
		s.bound.Close()
		s.tick.Stop()
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
