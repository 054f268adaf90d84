package testkit

import (
	"sync"

	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/tcp"
)

// network is TCP whose accepted connections can be broken, or not be read.
type network struct {
	*tcp.Network
	mu    sync.Mutex
	conns map[transport.Conn]struct{}
	gate  chan struct{} // closed by resume; nil while connections are read
}

func newNetwork() *network {
	return &network{Network: tcp.New(tcp.Options{}), conns: make(map[transport.Conn]struct{})}
}

// Listen implements transport.Network.
func (n *network) Listen(addr string, accept func(transport.Conn) transport.Receiver) (transport.Listener, error) {
	return n.Network.Listen(addr, func(c transport.Conn) transport.Receiver {
		receiver := accept(c)
		if receiver == nil {
			return nil
		}
		n.mu.Lock()
		n.conns[c] = struct{}{}
		n.mu.Unlock()
		kept := &accepted{Receiver: receiver, network: n, conn: c}
		if idler, ok := receiver.(transport.Idler); ok {
			return &idleAccepted{accepted: kept, Idler: idler}
		}
		return kept
	})
}

// drop breaks all accepted connections.
func (n *network) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		_ = c.Close() // the receiver is told
	}
}

// pause keeps from the receivers what comes from now on.
func (n *network) pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gate == nil {
		n.gate = make(chan struct{})
	}
}

// resume gives them what was kept.
func (n *network) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gate != nil {
		close(n.gate)
		n.gate = nil
	}
}

// pass waits while connections are not read.
func (n *network) pass() {
	n.mu.Lock()
	gate := n.gate
	n.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// accepted passes on what comes when the network lets it, and forgets a connection that has ended.
type accepted struct {
	transport.Receiver
	network *network
	conn    transport.Conn
}

func (a *accepted) Received(n int) error {
	a.network.pass()
	return a.Receiver.Received(n)
}

func (a *accepted) Closed(err error) {
	a.network.mu.Lock()
	delete(a.network.conns, a.conn)
	a.network.mu.Unlock()
	a.Receiver.Closed(err)
}

// idleAccepted is accepted for a receiver that gives its buffer back when idle.
type idleAccepted struct {
	*accepted
	transport.Idler
}
