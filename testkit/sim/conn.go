package sim

import (
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/actormq/actormq/transport"
)

// conn is one end of a connection. The bytes on their way to it are kept here:
// in flight, and arrived but not read.
type conn struct {
	of            *process
	peer          *conn
	serial        uint64
	local, remote netip.AddrPort
	receiver      transport.Receiver // nil until the connection is open

	flight      []chunk
	moving      bool  // the arrival of flight[0] is an event
	lastArrival int64 // of what was sent so far
	unread      int   // bytes in flight and in arrived

	arrived []byte
	reading bool // a read is ready to run
	paused  bool

	phase phase
	end   error // what Closed is given; set when phase leaves open
}

// phase is the state of one end. It only grows.
type phase int

const (
	open     phase = iota
	draining       // the peer's end or a reset came; what arrived before is still read
	closing        // this side has ended the connection; Closed is next
	finished       // Closed was called, or never will be
)

// chunk is what travels as one: bytes, or the end of the stream.
type chunk struct {
	bytes []byte
	at    int64
	last  error // io.EOF or errReset
}

func (c *conn) world() *World { return c.of.host.world }

func (c *conn) note(what string, n int) {
	t := c.world().trace
	b := t.begin(c.of.host.name, "net")
	b = strconv.AppendUint(append(b, "connection "...), c.serial, 10)
	b = append(append(b, ' '), what...)
	if n > 0 {
		b = strconv.AppendInt(append(b, ' '), int64(n), 10)
	}
	t.end(b)
}

func (c *conn) LocalAddr() netip.AddrPort  { return c.local }
func (c *conn) RemoteAddr() netip.AddrPort { return c.remote }

// Write puts bufs on the way to the peer. It does not block: a peer that leaves
// more than Options.SendBuffer unread has, so to say, let the write time out.
func (c *conn) Write(bufs [][]byte) error {
	if c.phase >= closing {
		return transport.ErrClosed
	}
	if c.phase == draining && c.end != io.EOF {
		err := c.end
		c.shut(err, nil)
		return err
	}
	data := slices.Concat(bufs...)
	if len(data) == 0 {
		return nil
	}
	c.note("write", len(data))
	if c.peer.unread+len(data) > c.world().opts.SendBuffer {
		c.shut(errWindow, errReset)
		return errWindow
	}
	for len(data) > 0 {
		n := c.cut(len(data))
		c.send(chunk{bytes: data[:n:n]})
		data = data[n:]
	}
	return nil
}

// cut decides how many of n bytes travel together.
func (c *conn) cut(n int) int {
	net := c.world().net
	rate := net.link(c.of.host, c.peer.of.host).CutRate
	orElse(&rate, 4)
	if n == 1 || !net.strikes(rate) {
		return n
	}
	return 1 + net.rand.IntN(n-1)
}

// send puts one chunk on the way to the peer, behind all others.
func (c *conn) send(k chunk) {
	to, w := c.peer, c.world()
	k.at = max(to.lastArrival, w.now+w.lag+int64(w.net.delay(c.of.host, to.of.host)))
	to.lastArrival = k.at
	to.unread += len(k.bytes)
	to.flight = append(to.flight, k)
	to.travel()
}

// travel has the first chunk in flight arrive, unless it is held back.
func (c *conn) travel() {
	w := c.world()
	if c.moving || len(c.flight) == 0 || w.net.blocked[pair{c.peer.of.host, c.of.host}] {
		return
	}
	c.moving = true
	w.after(nil, time.Duration(c.flight[0].at-w.now-w.lag), func() {
		c.moving = false
		if w.net.blocked[pair{c.peer.of.host, c.of.host}] {
			return // a partition has come over it; Heal goes on
		}
		k := c.flight[0]
		c.flight[0] = chunk{}
		c.flight = c.flight[1:]
		c.arrive(k)
		c.travel()
	})
}

func (c *conn) arrive(k chunk) {
	if k.last != nil {
		c.over(k.last)
		return
	}
	if c.phase != open {
		c.unread -= len(k.bytes)
		return
	}
	if net := c.world().net; net.strikes(net.link(c.peer.of.host, c.of.host).ResetRate) {
		n := net.rand.IntN(len(k.bytes))
		c.unread -= len(k.bytes) - n
		c.arrived = append(c.arrived, k.bytes[:n]...)
		c.over(errReset)
		c.peer.over(errReset)
		return
	}
	c.arrived = append(c.arrived, k.bytes...)
	c.wake()
}

// over says that nothing more comes from the peer.
func (c *conn) over(err error) {
	if c.phase == open {
		c.phase, c.end = draining, err
		c.wake()
	}
}

// wake has the reader run if there is something for it.
func (c *conn) wake() {
	if c.reading || c.receiver == nil || c.phase == finished {
		return
	}
	if c.phase == closing || !c.paused && (len(c.arrived) > 0 || c.phase == draining) {
		c.reading = true
		c.world().soon(c.of, c.read)
	}
}

// read is one turn of the reader: one Received, or Closed.
func (c *conn) read() {
	c.reading = false
	switch {
	case c.phase == closing:
		c.finish()
	case c.phase == finished || c.paused:
	case len(c.arrived) > 0:
		c.receive()
	case c.phase == draining:
		c.finish()
	}
	c.wake()
}

func (c *conn) receive() {
	n := copy(c.receiver.Buffer(), c.arrived)
	c.arrived = c.arrived[n:]
	c.unread -= n
	c.note("read", n)
	if err := c.receiver.Received(n); err != nil {
		c.shut(err, io.EOF)
	}
}

func (c *conn) finish() {
	c.phase = finished
	c.unread -= len(c.arrived)
	c.arrived = nil
	c.world().net.forget(c)
	text := "closed"
	if c.end != nil {
		text += ": " + c.end.Error()
	}
	c.note(text, 0)
	c.receiver.Closed(c.end)
}

// shut ends the connection from this side, because of err if not nil. The peer
// gets farewell behind what was written before.
func (c *conn) shut(err, farewell error) {
	if c.phase >= closing {
		return
	}
	if c.phase == open && farewell != nil {
		c.send(chunk{last: farewell})
	}
	c.phase, c.end = closing, err
	c.wake()
}

// abandon ends the connection on behalf of a side that is gone.
func (c *conn) abandon() {
	c.phase = finished
	c.send(chunk{last: errReset})
	c.world().net.forget(c)
}

// Close implements transport.Conn: the peer reads the end of the stream behind
// what was written, and what it sent meanwhile is lost.
func (c *conn) Close() error {
	c.shut(nil, io.EOF)
	return nil
}

// Pause implements transport.Conn.
func (c *conn) Pause() { c.paused = true }

// Resume implements transport.Conn.
func (c *conn) Resume() {
	c.paused = false
	c.wake()
}
