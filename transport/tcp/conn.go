package tcp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/transport"
)

// conn is one connection.
type conn struct {
	c       net.Conn // a *net.TCPConn, or a *tls.Conn
	sealed  bool     // it is encrypted
	network *Network
	local   netip.AddrPort
	remote  netip.AddrPort

	closing atomic.Bool // Close was called on this side
	paused  atomic.Bool
	resumed chan struct{} // tells the paused reader of Resume and Close, capacity 1

	mu    sync.Mutex
	cause error // why a Write gave up, which Closed reports

	// The writing goroutine's.
	out      net.Buffers
	deadline time.Time // of writes, as the socket has it
}

func newConn(n *Network, c net.Conn) *conn {
	_, plain := c.(*net.TCPConn)
	return &conn{
		c: c, sealed: !plain, network: n, resumed: make(chan struct{}, 1),
		local: unmap(c.LocalAddr()), remote: unmap(c.RemoteAddr()),
	}
}

func unmap(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

func (c *conn) LocalAddr() netip.AddrPort  { return c.local }
func (c *conn) RemoteAddr() netip.AddrPort { return c.remote }

// read delivers what comes until the connection ends. It is the body of the
// connection's goroutine.
func (c *conn) read(r transport.Receiver) {
	in := newInput(c.c, r)
	err := error(nil)
	for err == nil {
		for c.paused.Load() && !c.closing.Load() {
			<-c.resumed
		}
		var n int
		n, err = in.read()
		if n > 0 {
			if refused := r.Received(n); refused != nil {
				err = refused
			}
		}
	}
	if c.closing.Load() {
		c.mu.Lock()
		err = c.cause
		c.mu.Unlock()
	}
	c.c.Close()
	r.Closed(err)
}

func (c *conn) Pause() { c.paused.Store(true) }

func (c *conn) Resume() {
	if c.paused.CompareAndSwap(true, false) {
		c.wake()
	}
}

// wake has a paused reader look again. A wake-up that nobody waits for makes
// a later one look once more than needed.
func (c *conn) wake() {
	select {
	case c.resumed <- struct{}{}:
	default:
	}
}

// Write implements transport.Conn with as few system calls as the window allows.
//
// To set a deadline costs as much as a good part of a small write. So the socket
// keeps one deadline for many writes, and a write that runs into it early is
// given the rest of its time. An encrypted connection is of no use after it has
// run into a deadline, so that it gets a new one for each write.
func (c *conn) Write(bufs [][]byte) error {
	timeout := c.network.writeTimeout
	progress := time.Now()
	if c.sealed || c.deadline.Sub(progress) < timeout/2 {
		if err := c.extend(progress); err != nil {
			return c.fail(err)
		}
	}
	c.out = bufs
	for {
		n, err := c.out.WriteTo(c.c)
		if err == nil {
			c.out = nil
			return nil
		}
		if c.sealed || !errors.Is(err, os.ErrDeadlineExceeded) {
			return c.fail(err)
		}
		if now := time.Now(); n > 0 {
			progress = now
		} else if now.Sub(progress) >= timeout {
			return c.fail(err)
		}
		if err := c.extend(progress); err != nil {
			return c.fail(err)
		}
	}
}

// extend gives the peer time to take something, counted from the time at which
// it last did.
func (c *conn) extend(progress time.Time) error {
	c.deadline = progress.Add(c.network.writeTimeout)
	return c.c.SetWriteDeadline(c.deadline)
}

// fail closes the connection because of a write.
func (c *conn) fail(err error) error {
	c.out = nil
	if c.closing.Load() {
		err = transport.ErrClosed
	}
	err = fmt.Errorf("tcp: write to %s: %w", c.remote, err)
	c.mu.Lock()
	if !c.closing.Load() {
		c.cause = err
	}
	c.mu.Unlock()
	c.Close()
	return err
}

func (c *conn) Close() error {
	if c.closing.Swap(true) {
		return nil
	}
	err := c.c.Close()
	c.wake()
	return err
}

// streamInput reads through the net package, with a buffer at hand all the time.
type streamInput struct {
	c io.Reader
	r transport.Receiver
}

func (in *streamInput) read() (int, error) { return in.c.Read(in.r.Buffer()) }
