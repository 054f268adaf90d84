// Package tcp is the production network: transport.Network on TCP sockets, with
// one reading goroutine per connection. Close ends and joins all of them.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/transport"
)

// DefaultWriteTimeout is how long a peer may take nothing of what is written.
const DefaultWriteTimeout = 10 * time.Second

// Options configures a Network. The zero Options are usable.
type Options struct {
	// WriteTimeout closes a connection whose peer takes nothing for that long;
	// 0 means DefaultWriteTimeout.
	WriteTimeout time.Duration
}

// Network implements transport.Network. Its methods may be called from several
// goroutines.
type Network struct {
	writeTimeout time.Duration
	ctx          context.Context
	cancel       context.CancelFunc
	running      sync.WaitGroup // accept loops, dials and connections

	mu     sync.Mutex
	closed bool
	open   map[closer]struct{} // listeners and connections
}

type closer interface{ Close() error }

// New returns a Network without connections.
func New(o Options) *Network {
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Network{writeTimeout: o.WriteTimeout, ctx: ctx, cancel: cancel, open: make(map[closer]struct{})}
}

// enter registers c and a goroutine for it. It reports false once the network is
// closed.
func (n *Network) enter(c closer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	if c != nil {
		n.open[c] = struct{}{}
	}
	n.running.Add(1)
	return true
}

func (n *Network) leave(c closer) {
	n.mu.Lock()
	delete(n.open, c)
	n.mu.Unlock()
	n.running.Done()
}

// Close closes every listener and connection, gives up on dials, and returns
// when the last goroutine has ended. It must not be called from a Receiver.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	open := make([]closer, 0, len(n.open))
	for c := range n.open {
		open = append(open, c)
	}
	n.mu.Unlock()
	n.cancel()
	for _, c := range open {
		c.Close()
	}
	n.running.Wait()
	return nil
}

// Listen implements transport.Network. The error of an address in use wraps
// syscall.EADDRINUSE and names the address.
func (n *Network) Listen(addr string, accept func(transport.Conn) transport.Receiver) (transport.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(n.ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("tcp: cannot listen on %s: %w", addr, err)
	}
	ln := &listener{l: l.(*net.TCPListener)}
	if !n.enter(ln) {
		l.Close()
		return nil, fmt.Errorf("tcp: cannot listen on %s: %w", addr, transport.ErrClosed)
	}
	go func() {
		defer n.leave(ln)
		n.acceptLoop(ln, accept)
	}()
	return ln, nil
}

// acceptPause keeps a process that ran out of descriptors from spinning.
const acceptPause = 20 * time.Millisecond

func (n *Network) acceptLoop(ln *listener, accept func(transport.Conn) transport.Receiver) {
	for {
		c, err := ln.l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-time.After(acceptPause):
				continue
			case <-n.ctx.Done():
				return
			}
		}
		n.serve(c, accept)
	}
}

// serve starts reading from c.
func (n *Network) serve(c *net.TCPConn, accept func(transport.Conn) transport.Receiver) {
	conn := &conn{c: c, network: n}
	conn.resumed = sync.NewCond(&conn.mu)
	if !n.enter(conn) {
		c.Close()
		return
	}
	receiver := accept(conn)
	if receiver == nil {
		c.Close()
		n.leave(conn)
		return
	}
	go func() {
		defer n.leave(conn)
		conn.read(receiver)
	}()
}

// Dial implements transport.Network.
func (n *Network) Dial(addr string, timeout time.Duration, opened func(transport.Conn, error) transport.Receiver) {
	if !n.enter(nil) {
		opened(nil, transport.ErrClosed)
		return
	}
	go func() {
		defer n.running.Done()
		dialer := net.Dialer{Timeout: timeout}
		c, err := dialer.DialContext(n.ctx, "tcp", addr)
		if err != nil {
			opened(nil, fmt.Errorf("tcp: cannot connect to %s: %w", addr, err))
			return
		}
		n.serve(c.(*net.TCPConn), func(conn transport.Conn) transport.Receiver { return opened(conn, nil) })
	}()
}

type listener struct{ l *net.TCPListener }

func (l *listener) Addr() netip.AddrPort { return unmap(l.l.Addr()) }
func (l *listener) Close() error         { return l.l.Close() }

func unmap(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// conn is one connection.
type conn struct {
	c       *net.TCPConn
	network *Network
	closing atomic.Bool // Close was called on this side

	mu      sync.Mutex
	paused  bool
	resumed *sync.Cond
}

func (c *conn) LocalAddr() netip.AddrPort  { return unmap(c.c.LocalAddr()) }
func (c *conn) RemoteAddr() netip.AddrPort { return unmap(c.c.RemoteAddr()) }

// read delivers what comes until the connection ends.
func (c *conn) read(r transport.Receiver) {
	for {
		c.awaitResume()
		n, err := c.c.Read(r.Buffer())
		if n > 0 {
			if receiveErr := r.Received(n); receiveErr != nil && err == nil {
				err = receiveErr
			}
		}
		if err == nil {
			continue
		}
		if c.closing.Load() {
			err = nil
		}
		c.c.Close()
		r.Closed(err)
		return
	}
}

func (c *conn) awaitResume() {
	c.mu.Lock()
	for c.paused && !c.closing.Load() {
		c.resumed.Wait()
	}
	c.mu.Unlock()
}

func (c *conn) Pause() {
	c.mu.Lock()
	c.paused = true
	c.mu.Unlock()
}

func (c *conn) Resume() {
	c.mu.Lock()
	c.paused = false
	c.mu.Unlock()
	c.resumed.Broadcast()
}

// Write writes bufs with as few system calls as the socket's window allows. The
// deadline is pushed on as long as the peer takes something.
func (c *conn) Write(bufs [][]byte) error {
	remaining := net.Buffers(bufs)
	for len(remaining) > 0 {
		if err := c.c.SetWriteDeadline(time.Now().Add(c.network.writeTimeout)); err != nil {
			return c.fail(err)
		}
		n, err := remaining.WriteTo(c.c)
		if err == nil {
			break
		}
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return c.fail(err)
		}
	}
	return nil
}

func (c *conn) fail(err error) error {
	c.Close()
	return fmt.Errorf("tcp: write to %s: %w", c.RemoteAddr(), err)
}

func (c *conn) Close() error {
	if c.closing.Swap(true) {
		return nil
	}
	err := c.c.Close()
	c.mu.Lock() // a reader between its check and its wait must not miss this
	c.mu.Unlock()
	c.resumed.Broadcast()
	return err
}
