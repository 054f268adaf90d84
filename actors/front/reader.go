package front

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
)

// Routes says which actor owns a request code.
type Routes struct {
	Owners map[messages.RequestCode]*actor.PID
	// Pools lists, for codes whose requests anyone of several actors can answer,
	// those actors.
	Pools map[messages.RequestCode][]*actor.PID
	// Sends, if not nil, takes the requests whose codes are in SendCodes on the
	// reader's goroutine. It must not retain the commands.
	Sends     Sender
	SendCodes map[messages.RequestCode]bool
}

// owner returns the actor that a request goes to. The requests of a pooled code
// spread over its actors by their opaque.
func (r *Routes) owner(c *messages.Command) (*actor.PID, bool) {
	code := messages.RequestCode(c.Code)
	if pool := r.Pools[code]; len(pool) > 0 {
		return pool[uint32(c.Opaque)%uint32(len(pool))], true
	}
	pid, ok := r.Owners[code]
	return pid, ok
}

// Sender turns the send requests of one burst into Appends. It is called by many
// readers at a time.
type Sender interface {
	Send(peer *messages.Peer, sends []*messages.Command, arrived int64)
}

// Refuser is a Sender that may refuse everything for a while.
type Refuser interface {
	// Refuses reports whether Send refuses everything at now, in Unix milliseconds, and
	// so holds nothing.
	Refuses(now int64) bool
}

// Limits bounds what clients can make a process hold. All are bytes.
type Limits struct {
	Frame      int // largest frame, with its length field
	Connection int // requests of one connection that were read and not released
	Owed       int // answers that one connection has not taken
}

// reader is the Receiver of one connection.
type reader struct {
	*remoting.Framer
	env      *env.Env
	conn     transport.Conn
	peer     *messages.Peer
	routes   *Routes
	limits   Limits
	credits  *Credits
	last     atomic.Int64 // Unix milliseconds of the last read or write
	inUse    atomic.Int64 // bytes of this connection's unreleased bursts, and of what is held
	paused   atomic.Bool
	quiet    atomic.Bool  // nothing more is read
	watchers []*actor.PID // told when the connection is gone

	// Scratch of the burst under way; the reading goroutine's.
	groups []*messages.Requests
	sends  []*messages.Command
}

func newReader(o *Options, conn transport.Conn) *reader {
	e, serial := o.Env, o.Credits.serial.Add(1)
	r := &reader{
		env: e, conn: conn, routes: o.Routes, limits: o.Limits, credits: o.Credits, watchers: o.Watchers,
		peer: &messages.Peer{Remote: unmap(conn.RemoteAddr()), Local: unmap(conn.LocalAddr()), Serial: serial},
	}
	r.peer.Holds = r
	r.last.Store(e.Millis())
	r.Framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: o.Limits.Frame}, r.burst)
	return r
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Closed tells the Connection actor, which cleans up, and the watchers: it is the
// last call of the reading goroutine, so they hear of it after all Requests.
func (r *reader) Closed(err error) {
	r.Framer.Close()
	for _, pid := range r.watchers {
		r.env.Send(pid, &messages.ConnectionClosed{Peer: r.peer})
	}
	r.env.Send(r.peer.PID, &closed{err: err})
}

// burst hands the frames of one read to their owners.
func (r *reader) burst(b *remoting.Burst) error {
	now := r.env.Millis()
	r.last.Store(now)
	l := leases.Get().(*lease)
	l.reader, l.burst, l.size = r, b, b.Size()
	l.refs.Store(1) // this function's
	r.Hold(l.size)
	for i := range b.Commands {
		r.route(&b.Commands[i], now, l)
	}
	if len(r.sends) > 0 {
		r.routes.Sends.Send(r.peer, r.sends, now)
		clear(r.sends)
		r.sends = r.sends[:0]
	}
	for i, group := range r.groups {
		r.groups[i] = nil
		l.Retain()
		r.env.Send(group.Owner, group)
	}
	r.groups = r.groups[:0]
	l.Release()
	r.throttle()
	return nil
}

func (r *reader) route(c *messages.Command, now int64, l *lease) {
	if c.IsResponse() {
		r.env.Send(r.peer.PID, &response{c.Clone()})
		return
	}
	code := messages.RequestCode(c.Code)
	if r.routes.SendCodes[code] {
		r.sends = append(r.sends, c)
		return
	}
	owner, ok := r.routes.owner(c)
	if !ok {
		Reply(r.env, messages.TicketOf(r.peer, c),
			c.Respond(messages.RequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", c.Code)))
		return
	}
	for _, g := range r.groups {
		if g.Owner == owner {
			g.Commands = append(g.Commands, c)
			return
		}
	}
	r.groups = append(r.groups, &messages.Requests{
		Owner: owner, Peer: r.peer, Commands: []*messages.Command{c}, Arrived: now, Lease: l,
	})
}

// Hold implements messages.Holds: what became of a burst counts like the burst.
func (r *reader) Hold(n int) {
	r.inUse.Add(int64(n))
	r.credits.take(n)
}

// Return implements messages.Holds.
func (r *reader) Return(n int) {
	r.inUse.Add(-int64(n))
	r.credits.give(n)
	r.unthrottle()
}

// throttle stops reading while the connection, or the process, holds too much, or
// the Listener is quiet. Any goroutine may call it.
func (r *reader) throttle() {
	if r.mayRead() {
		return
	}
	// In this order: who sees paused resumes, and that must come after the Pause.
	r.conn.Pause()
	r.paused.Store(true)
	// What was held may have been given back before paused was seen.
	r.unthrottle()
}

// unthrottle goes on reading once there is room. Any goroutine may call it.
func (r *reader) unthrottle() {
	if r.paused.Load() && r.mayRead() && r.paused.CompareAndSwap(true, false) {
		r.conn.Resume()
	}
}

func (r *reader) mayRead() bool {
	if r.quiet.Load() || r.peer.Owed() >= int64(r.limits.Owed) {
		return false
	}
	if r.inUse.Load() < int64(r.limits.Connection) && !r.credits.exhausted() || r.refuses() {
		return true
	}
	r.credits.watch()
	return false
}

// refuses reports whether clients are to be told that their sends are not taken, rather
// than kept waiting.
func (r *reader) refuses() bool {
	sends, ok := r.routes.Sends.(Refuser)
	return ok && sends.Refuses(r.env.Millis())
}

// lease is the share of one burst in the credits. Its last release recycles the
// burst's memory.
type lease struct {
	reader *reader
	burst  *remoting.Burst
	size   int
	refs   atomic.Int32
}

var leases = sync.Pool{New: func() any { return new(lease) }}

// Retain implements messages.Lease.
func (l *lease) Retain() { l.refs.Add(1) }

// Release implements messages.Lease.
func (l *lease) Release() {
	switch n := l.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("front: a burst was released more often than retained")
	}
	r, burst, size := l.reader, l.burst, l.size
	l.reader, l.burst = nil, nil
	leases.Put(l)
	burst.Release()
	r.Return(size)
}
