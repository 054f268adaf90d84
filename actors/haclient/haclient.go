package haclient

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/reput"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/transport"
)

// Options configures HAClient.
type Options struct {
	Env  *env.Env
	Log  *commitlog.Log
	View *View
	// Master is the HA address of the master, "host:port", if it is not to be asked
	// of the name servers (haMasterAddress).
	Master string
	Reput  *actor.PID
	// Reputted tells how far Reput is.
	Reputted *reput.View
	Flush    *actor.PID
	// SyncFlush reports what is on disk, and not what was written.
	SyncFlush bool
	// Heartbeat is the time without a report after which one is sent as a sign of
	// life (haSendHeartbeatInterval), Silence the one without a frame after which the
	// master is taken for dead (haHousekeepingInterval).
	Heartbeat, Silence time.Duration
}

// The pauses between two attempts to connect. Apache's slave waits 5 s.
const (
	retryMin    = 100 * time.Millisecond
	retryMax    = 5 * time.Second
	dialTimeout = 3 * time.Second
)

// Props returns the props of HAClient. A new incarnation, after a panic, connects
// anew.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor { return &client{Options: o, addr: o.Master} })
}

// Drain asks HAClient to append nothing more, and to respond with Drained.
type Drain struct{}

// Drained answers Drain.
type Drained struct{}

// View is what others know of the connection. HAClient writes it; any goroutine may
// read.
type View struct {
	connected atomic.Bool
	master    atomic.Pointer[string]
	read      atomic.Int64 // Unix milliseconds
	written   atomic.Int64
	masterEnd atomic.Int64 // how far the master's log is known to go
	rate      atomic.Int64 // bytes of log in the last second
}

// Connected reports whether the slave has its master.
func (v *View) Connected() bool { return v.connected.Load() }

// Status describes the connection for operators, given the end of the slave's log.
func (v *View) Status(end int64) messages.HAClientStatus {
	s := messages.HAClientStatus{
		LastReadTimestamp: v.read.Load(), LastWriteTimestamp: v.written.Load(), MaxOffset: end,
		MasterFlushOffset: v.masterEnd.Load(), TransferredByteInSecond: v.rate.Load(),
	}
	if addr := v.master.Load(); addr != nil {
		s.MasterAddr = *addr
	}
	return s
}

type client struct {
	Options
	addr     string // of the master; "" while nobody knows it
	reader   *reader
	dialling bool
	draining bool
	pause    time.Duration // before the next attempt; 0 after one that brought bytes
	redial   env.Timer     // set while the next attempt waits for its time
	tick     env.Timer

	frames   frames
	checked  bool  // the first bytes of the connection were looked at
	received int64 // Unix milliseconds of the last frame, or of the connection
	begun    bool  // the master was told where to begin
	reported int64 // what the master was told last
	sent     int64 // Unix milliseconds of that
	flushed  int64 // how far the log is on disk
	asked    int64 // how far Flush was asked to make it durable
	came     bool  // bytes, since Reput was told last
	news     bool  // something that the master may have to be told
	bytes    int64 // since the last tick
	report   []byte
}

type (
	redial struct{}
	beat   struct{}
)

func (c *client) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.flushed = c.Log.FlushedOffset()
		c.tick = c.Env.Tell(ctx.Self(), c.period(), &beat{})
		c.publish()
		c.connect(ctx)
	case *registrar.Registered:
		c.registered(ctx, m)
	case *opened:
		c.opened(ctx, m)
	case *chunk:
		c.arrived(m)
	case mailbox.Drained:
		c.acknowledge(ctx)
	case *flush.Flushed:
		if m.Offset > c.flushed {
			c.flushed, c.news = m.Offset, true
		}
	case *beat:
		c.beat(ctx)
	case *closed:
		c.closed(ctx, m)
	case *redial:
		c.redial = nil
		c.connect(ctx)
	case *Drain:
		c.draining = true
		c.close()
		ctx.Respond(&Drained{})
	case *actor.Stopping, *actor.Restarting:
		c.stop()
	}
}

func (c *client) period() time.Duration {
	return min(max(c.Heartbeat/5, time.Millisecond), time.Second)
}

// registered takes the master's address from a name server. One that knows of no
// master changes nothing: the master may well be there.
func (c *client) registered(ctx actor.Context, m *registrar.Registered) {
	if c.Master != "" || m.HAAddr == "" || m.HAAddr == c.addr {
		return
	}
	c.Env.Log.Info().Str("from", c.addr).Str("to", m.HAAddr).Str("nameserver", m.NameServer).Msg("the master's address")
	c.addr, c.pause = m.HAAddr, 0
	c.publish()
	if c.redial != nil {
		c.redial.Stop()
		c.redial = nil
	}
	if c.reader != nil {
		c.close() // and connect when it is closed
		return
	}
	c.connect(ctx)
}

func (c *client) connect(ctx actor.Context) {
	if c.addr == "" || c.dialling || c.reader != nil || c.draining || c.redial != nil {
		return
	}
	c.dialling = true
	e, self := c.Env, ctx.Self()
	e.Net.Dial(c.addr, dialTimeout, func(conn transport.Conn, err error) transport.Receiver {
		if err != nil {
			e.Send(self, &opened{err: err})
			return nil
		}
		r := &reader{env: e, conn: conn, client: self}
		e.Send(self, &opened{reader: r})
		return r
	})
}

func (c *client) opened(ctx actor.Context, m *opened) {
	if m.reader != nil && (c.reader != nil || c.draining || !c.dialling) { // dialled before a restart, or too late
		_ = m.reader.conn.Close()
		return
	}
	c.dialling = false
	if m.err != nil {
		c.Env.Log.Warn().Err(m.err).Str("master", c.addr).Msg("could not connect to the master")
		c.again(ctx)
		return
	}
	c.reader, c.frames, c.checked, c.begun = m.reader, frames{}, false, false
	c.received = c.Env.Millis()
	c.View.connected.Store(true)
	c.Env.Log.Info().Stringer("master", unmap(m.reader.conn.RemoteAddr())).Int64("end", c.Log.MaxOffset()).Msg("connected to the master")
	c.news = true // tells the master where to begin, once that may be acknowledged
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// again connects after a pause, which doubles while nothing comes.
func (c *client) again(ctx actor.Context) {
	c.pause = min(max(2*c.pause, retryMin), retryMax)
	c.redial = c.Env.Tell(ctx.Self(), c.pause, &redial{})
}

func (c *client) closed(ctx actor.Context, m *closed) {
	if m.reader != c.reader {
		return
	}
	c.Env.Log.Warn().Err(m.err).Str("master", c.addr).Int64("end", c.Log.MaxOffset()).Msg("the connection to the master has ended")
	c.reader = nil
	c.View.connected.Store(false)
	if !c.draining && c.redial == nil {
		c.again(ctx)
	}
}

func (c *client) close() {
	if c.reader != nil {
		_ = c.reader.conn.Close()
	}
}

func (c *client) stop() {
	c.tick.Stop()
	if c.redial != nil {
		c.redial.Stop()
	}
	c.View.connected.Store(false)
	c.close()
}

// arrived appends what a read brought. Of a connection that has ended, or is to
// end, nothing counts.
func (c *client) arrived(m *chunk) {
	defer m.release()
	if m.reader != c.reader || c.draining {
		return
	}
	c.received = c.Env.Millis()
	c.View.read.Store(c.received)
	if err := c.append(m.bytes()); err != nil {
		c.Env.Log.Error().Err(err).Str("master", c.addr).Int64("end", c.Log.MaxOffset()).Msg("the master cannot be followed; closing the connection")
		c.draining = c.Log.Err() != nil // a log that is read-only stays so
		c.close()
	}
}

func (c *client) append(b []byte) error {
	for len(b) > 0 {
		part, at, begun, rest, err := c.frames.next(b)
		if err != nil {
			return err
		}
		b = rest
		end := c.Log.MaxOffset()
		if begun && end != 0 && at != end {
			return &GapError{Master: at, Slave: end}
		}
		if begun {
			c.View.masterEnd.Store(at + int64(c.frames.frame.Size))
		}
		if len(part) == 0 {
			continue
		}
		// Where the slave's last message is cut off, its rest comes first.
		if !c.checked && c.Reputted.Through() == at && !begins(part, at, c.Log.SegmentSize()) {
			return &DivergedError{Offset: at}
		}
		c.checked = true
		if err := c.Log.AppendRaw(at, part); err != nil {
			return err
		}
		c.bytes += int64(len(part))
		c.came, c.news, c.pause = true, true, 0
	}
	return nil
}

// acknowledge ends a batch: Reput looks at what has come, and the master hears of
// what may be told.
func (c *client) acknowledge(ctx actor.Context) {
	if c.came {
		c.came = false
		ctx.Send(c.Reput, &reput.Grown{})
	}
	if !c.news {
		return
	}
	c.news = false
	end := c.Log.MaxOffset()
	if c.SyncFlush && end > c.asked {
		c.asked = end
		ctx.Send(c.Flush, &messages.WaitFlushed{Group: messages.Group{End: end}, Deadline: math.MaxInt64})
	}
	told := c.acknowledged()
	switch {
	case c.reader == nil:
	case !c.begun && told == end: // the master sends from there on
		c.begun = true
		c.tell(told)
	case c.begun && told > c.reported:
		c.tell(told)
	}
}

// acknowledged returns the offset that may be reported.
func (c *client) acknowledged() int64 {
	if c.SyncFlush {
		return min(c.flushed, c.Log.MaxOffset())
	}
	return c.Log.MaxOffset()
}

func (c *client) tell(offset int64) {
	c.reported, c.sent = offset, c.Env.Millis()
	c.View.written.Store(c.sent)
	c.report = messages.AppendHAReport(c.report[:0], offset)
	_ = c.reader.conn.Write([][]byte{c.report}) // an error closes the connection, of which the reader tells
}

// beat gives a sign of life, and looks for the master's.
func (c *client) beat(ctx actor.Context) {
	period := c.period()
	c.View.rate.Store(c.bytes * int64(time.Second) / int64(period))
	c.bytes = 0
	now := c.Env.Millis()
	if c.reader != nil && c.begun && now-c.sent >= c.Heartbeat.Milliseconds() {
		c.tell(c.acknowledged())
	}
	if silent := now - c.received; c.reader != nil && silent > c.Silence.Milliseconds() {
		c.Env.Log.Warn().Str("master", c.addr).Int64("millis", silent).Msg("the master is silent; closing the connection")
		c.received = now // once
		c.close()
	}
	c.tick = c.Env.Tell(ctx.Self(), period, &beat{})
}

func (c *client) publish() {
	addr := c.addr
	c.View.master.Store(&addr)
}
