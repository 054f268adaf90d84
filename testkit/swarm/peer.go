package swarm

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
)

// peer is what a client's process has of one server: a connection that is opened
// when it is needed and again when it was lost. Everything is called back from
// inside of the simulation.
type peer struct {
	run  *run
	env  *env.Env
	addr string
	node *node // nil for the name server
	// requested takes the server's requests.
	requested func(*messages.Command)
	// lost is told when a connection has ended.
	lost func()

	conn    transport.Conn
	framer  *remoting.Framer
	life    int // of the node, when the connection was opened
	dialing bool
	opaque  int32
	calls   map[int32]*call
	queued  []*call // for the connection that is being opened
}

// call is a request under way.
type call struct {
	request *messages.Command
	done    func(*messages.Command, error)
	limit   env.Timer
}

var (
	errNoAnswer = errors.New("swarm: no answer in time")
	errBroken   = errors.New("swarm: the connection broke")
)

func (r *run) peer(host *sim.Host, addr string, n *node) *peer {
	p := &peer{run: r, env: host.Env(), addr: addr, node: n, calls: make(map[int32]*call)}
	r.peers = append(r.peers, p)
	return p
}

// call sends a request; done is called once, with the response or an error. A nil
// done makes it one-way.
func (p *peer) call(request *messages.Command, limit time.Duration, done func(*messages.Command, error)) {
	p.opaque++
	request.Opaque = p.opaque
	c := &call{request: request, done: done}
	if done == nil {
		request.Flag |= messages.FlagOneway
	} else {
		p.calls[request.Opaque] = c
		c.limit = p.env.Clock.AfterFunc(limit, func() { p.end(request.Opaque, nil, errNoAnswer) })
	}
	if p.conn == nil {
		p.queued = append(p.queued, c)
		p.dial()
		return
	}
	p.write(c)
}

func (p *peer) write(c *call) { _ = p.conn.Write([][]byte{remoting.AppendFrame(nil, c.request)}) }

// end answers a call.
func (p *peer) end(opaque int32, response *messages.Command, err error) {
	c := p.calls[opaque]
	if c == nil {
		return
	}
	delete(p.calls, opaque)
	c.limit.Stop()
	if p.run.err == nil {
		c.done(response, err)
	}
}

const dialTimeout = 3 * time.Second

func (p *peer) dial() {
	if p.dialing {
		return
	}
	p.dialing = true
	p.env.Net.Dial(p.addr, dialTimeout, func(conn transport.Conn, err error) transport.Receiver {
		p.dialing = false
		if err != nil {
			p.fail()
			return nil
		}
		l := &link{peer: p, conn: conn}
		l.framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: 64 << 20}, l.burst)
		p.conn, p.framer = conn, l.framer
		if p.node != nil {
			p.life = p.node.life
		}
		for _, c := range p.queued {
			if c.done == nil || p.calls[c.request.Opaque] == c {
				p.write(c)
			}
		}
		p.queued = nil
		return l
	})
}

// fail ends everything under way.
func (p *peer) fail() {
	p.conn, p.queued = nil, nil
	for _, opaque := range slices.Sorted(maps.Keys(p.calls)) {
		p.end(opaque, nil, errBroken)
	}
	if p.lost != nil && p.run.err == nil {
		p.lost()
	}
}

func (p *peer) close() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

// link is one connection of a peer.
type link struct {
	peer   *peer
	conn   transport.Conn
	framer *remoting.Framer
}

func (l *link) Buffer() []byte       { return l.framer.Buffer() }
func (l *link) Received(n int) error { return l.framer.Received(n) }

func (l *link) Closed(error) {
	l.framer.Close()
	if l.peer.conn == l.conn {
		l.peer.fail()
	}
}

func (l *link) burst(b *remoting.Burst) error {
	defer b.Release()
	p := l.peer
	if p.node != nil && !p.run.plan.SyncFlush && p.life != p.node.life {
		return nil // from before a crash that may have made it untrue
	}
	for i := range b.Commands {
		command := b.Commands[i].Clone()
		switch {
		case command.IsResponse():
			p.end(command.Opaque, command, nil)
		case p.requested != nil && p.run.err == nil:
			p.requested(command)
		}
	}
	return nil
}
