package testkit

import (
	"sync"

	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/tcp"
)

// network is TCP whose accepted connections can be broken.
type network struct {
	*tcp.Network
	mu    sync.Mutex
	conns map[transport.Conn]struct{}
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

// accepted forgets a connection that has ended.
type accepted struct {
	transport.Receiver
	network *network
	conn    transport.Conn
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
