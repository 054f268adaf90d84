package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
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
	// TLS, if not nil, encrypts the connections that are dialled; those that are
	// accepted stay plain. If its ServerName is empty, the host that is dialled is
	// verified.
	TLS *tls.Config
}

// Network implements transport.Network. Its methods may be called from several
// goroutines.
type Network struct {
	writeTimeout time.Duration
	tls          *tls.Config // nil: plain
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
	return &Network{writeTimeout: o.WriteTimeout, tls: o.TLS, ctx: ctx, cancel: cancel, open: make(map[closer]struct{})}
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
	config := net.ListenConfig{}
	config.SetMultipathTCP(false) // peers speak plain TCP
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

// serve starts reading from c. It reports false, and accept is not called, once
// the network is closed.
func (n *Network) serve(c net.Conn, accept func(transport.Conn) transport.Receiver) bool {
	conn := newConn(n, c)
	if !n.enter(conn) {
		c.Close()
		return false
	}
	receiver := accept(conn)
	if receiver == nil {
		conn.Close()
		n.leave(conn)
		return true
	}
	go func() {
		defer n.leave(conn)
		conn.read(receiver)
	}()
	return true
}

// Dial implements transport.Network.
func (n *Network) Dial(addr string, timeout time.Duration, opened func(transport.Conn, error) transport.Receiver) {
	if !n.enter(nil) {
		opened(nil, fmt.Errorf("tcp: cannot connect to %s: %w", addr, transport.ErrClosed))
		return
	}
	go func() {
		defer n.running.Done()
		c, err := n.connect(addr, timeout)
		if err != nil {
			opened(nil, fmt.Errorf("tcp: cannot connect to %s: %w", addr, err))
			return
		}
		accept := func(conn transport.Conn) transport.Receiver { return opened(conn, nil) }
		if !n.serve(c, accept) {
			opened(nil, fmt.Errorf("tcp: cannot connect to %s: %w", addr, transport.ErrClosed))
		}
	}()
}

// connect makes a connection, with the handshake where it is encrypted, within
// timeout; 0 is no limit.
func (n *Network) connect(addr string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout}
	if n.tls == nil {
		return dialer.DialContext(n.ctx, "tcp", addr)
	}
	return (&tls.Dialer{NetDialer: &dialer, Config: n.tls}).DialContext(n.ctx, "tcp", addr)
}

type listener struct{ l *net.TCPListener }

func (l *listener) Addr() netip.AddrPort { return unmap(l.l.Addr()) }
func (l *listener) Close() error         { return l.l.Close() }
