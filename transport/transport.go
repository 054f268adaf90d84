// Package transport is the network seam: what a connection is to the rest of
// actormq, and nothing about what its bytes mean. The sub-packages give the
// bytes a meaning (remoting) or carry them over real sockets (tcp); the
// simulator has an implementation of its own.
//
// Connections push: a Network reads into the buffer that a Receiver offers and
// tells it how much came. In production a goroutine per connection does so; in
// simulation it is an event of the schedule. No user of this package blocks in
// a read.
package transport

import (
	"errors"
	"net/netip"
	"time"
)

// Network opens listeners and connections. Its methods may be called from
// several goroutines and return at once.
type Network interface {
	// Listen binds addr ("host:port", port 0 picks one) and calls accept for
	// each connection that comes in. accept returns the connection's Receiver,
	// or nil to refuse it. The Receiver's methods are called from one goroutine
	// at a time, after accept returned.
	Listen(addr string, accept func(Conn) Receiver) (Listener, error)
	// Dial connects to addr and calls opened exactly once, with the connection
	// or with the error (a timeout included). opened returns the connection's
	// Receiver, or nil to close it again.
	Dial(addr string, timeout time.Duration, opened func(Conn, error) Receiver)
}

// Listener is a bound address.
type Listener interface {
	Addr() netip.AddrPort
	// Close stops accepting. Connections that were accepted stay open.
	Close() error
}

// Conn is one connection. Its methods may be called from several goroutines.
type Conn interface {
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort
	// Write sends bufs back to back and returns when the peer's window has taken
	// all of it, or with an error when the connection failed or the peer took
	// nothing for the network's write timeout; then the connection is closed.
	// It may modify bufs (the outer slice), not the bytes, and retains nothing.
	// Writes must not overlap: one goroutine at a time.
	Write(bufs [][]byte) error
	// Pause stops reading after the delivery under way, so that the peer is
	// slowed down by TCP. Resume goes on. Both are idempotent.
	Pause()
	Resume()
	// Close ends the connection. The Receiver's Closed follows, once, unless it
	// was called already.
	Close() error
}

// Receiver takes what a connection reads.
type Receiver interface {
	// Buffer returns space to read into, at least one byte. The connection fills
	// a prefix of it and reports that to Received before it asks again.
	Buffer() []byte
	// Received says that the first n bytes of the last Buffer were filled, n > 0.
	// An error closes the connection.
	Received(n int) error
	// Closed is the last call. err is nil after a Close of this side, io.EOF when
	// the peer closed in order, and otherwise what Received returned or why reading
	// or writing failed.
	Closed(err error)
}

// Idler is a Receiver that wants to know when its connection has nothing to read,
// so as not to keep a buffer for each of many idle connections.
type Idler interface {
	// Idle says that the last Buffer was not filled and will not be: Buffer is
	// called again once there is something to read. A Network need not call it.
	Idle()
}

// ErrClosed is returned by operations on a connection that was closed.
var ErrClosed = errors.New("transport: connection closed")
