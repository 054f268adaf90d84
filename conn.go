package actormq

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/actormq/actormq/transport/tcp"
)

// maxFrame bounds what a server may send in one frame, in bytes, as the other
// clients do.
const maxFrame = 128 << 20

// answered takes the end of a request: the response, which is valid until it
// returns, or the error. It runs on the connection's goroutine and must not wait.
type answered func(response *messages.Command, err error)

// conn carries any number of requests over one connection at a time. Responses
// come in any order and are matched by opaque.
type conn struct {
	addr   string
	net    transport.Conn
	framer *remoting.Framer
	pushed func(*conn, *messages.Command) // a request of the server; valid during the call
	gone   func(*conn)                    // called once, when the connection has ended

	mu      sync.Mutex
	groups  map[string]bool // consumer groups that the broker has been told of
	opaque  int32
	calls   map[int32]answered
	pending [][]byte      // frames that the writer has not taken
	wake    chan struct{} // tells the writer of pending frames, capacity 1
	closed  chan struct{}
	err     error // why the connection ended; set before closed is closed
}

func newConn(addr string, n transport.Conn, pushed func(*conn, *messages.Command), gone func(*conn)) *conn {
	c := &conn{
		addr: addr, net: n, pushed: pushed, gone: gone,
		calls: make(map[int32]answered), groups: make(map[string]bool), wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	c.framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: maxFrame}, c.burst)
	return c
}

// start sends a request. done is called once, unless forget comes first. A
// oneway request has no done.
func (c *conn) start(request *messages.Command, done answered) (opaque int32, err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return 0, c.err
	}
	c.opaque++
	opaque = c.opaque
	if done != nil {
		c.calls[opaque] = done
	}
	c.mu.Unlock()
	request.Opaque = opaque
	c.write(remoting.AppendFrame(make([]byte, 0, frameSize(request)), request))
	return opaque, nil
}

// frameSize is a guess of a frame's size, in bytes.
func frameSize(c *messages.Command) int {
	n := 160 + len(c.Body)
	for _, f := range c.Ext.Fields() {
		n += len(f.Key) + len(f.Value) + 24
	}
	return n
}

// knows reports whether the broker has been told that the client is in a consumer
// group; learn notes that it has, and unlearn that the client has left.
func (c *conn) knows(group string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.groups[group]
}

func (c *conn) learn(group string) {
	c.mu.Lock()
	c.groups[group] = true
	c.mu.Unlock()
}

func (c *conn) unlearn(group string) {
	c.mu.Lock()
	delete(c.groups, group)
	c.mu.Unlock()
}

// respond sends the response to a request of the server.
func (c *conn) respond(response *messages.Command) { c.write(remoting.AppendFrame(nil, response)) }

// write hands a frame to the writer.
func (c *conn) write(frame []byte) {
	c.mu.Lock()
	c.pending = append(c.pending, frame)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// writer writes what is pending, all of it at a time, until the connection ends.
func (c *conn) writer() {
	var frames [][]byte
	for {
		select {
		case <-c.wake:
		case <-c.closed:
			return
		}
		c.mu.Lock()
		frames, c.pending = c.pending, frames[:0]
		c.mu.Unlock()
		// A failed write closes the connection, which its Receiver hears of.
		_ = c.net.Write(frames)
		clear(frames)
	}
}

// forget drops a request whose caller has gone, and reports whether done has not
// been called and will not be.
func (c *conn) forget(opaque int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waiting := c.calls[opaque]
	delete(c.calls, opaque)
	return waiting
}

// call sends a request and waits for its response, which is the caller's own. A
// response with any code is no error.
func (c *conn) call(ctx context.Context, request *messages.Command) (*messages.Command, error) {
	type end struct {
		response *messages.Command
		err      error
	}
	ended := make(chan end, 1)
	opaque, err := c.start(request, func(response *messages.Command, err error) {
		if response != nil {
			response = response.Clone()
		}
		ended <- end{response, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case e := <-ended:
		return e.response, e.err
	case <-ctx.Done():
		c.forget(opaque)
		return nil, fmt.Errorf("actormq: no answer from %s: %w", c.addr, ctx.Err())
	}
}

// Buffer implements transport.Receiver.
func (c *conn) Buffer() []byte { return c.framer.Buffer() }

// Received implements transport.Receiver.
func (c *conn) Received(n int) error { return c.framer.Received(n) }

// Closed implements transport.Receiver: every request under way fails.
func (c *conn) Closed(err error) {
	if err == nil {
		err = transport.ErrClosed
	}
	c.mu.Lock()
	c.err = fmt.Errorf("%w: %s: %w", ErrConnection, c.addr, err)
	calls := c.calls
	c.calls, c.pending = nil, nil
	c.mu.Unlock()
	close(c.closed)
	c.framer.Close()
	c.gone(c)
	for _, done := range calls {
		done(nil, c.err)
	}
}

func (c *conn) burst(b *remoting.Burst) error {
	defer b.Release()
	for i := range b.Commands {
		command := &b.Commands[i]
		if !command.IsResponse() {
			c.pushed(c, command)
			continue
		}
		c.mu.Lock()
		done := c.calls[command.Opaque]
		delete(c.calls, command.Opaque)
		c.mu.Unlock()
		if done != nil { // else nobody waits any more
			done(command, nil)
		}
	}
	return nil
}

// dialTimeout is the time that a connection may take to be made.
const dialTimeout = 3 * time.Second

// connections are the connections of a client, one for each address.
type connections struct {
	network *tcp.Network
	opened  func(*conn) // called once for each new connection, before it is used
	pushed  func(*conn, *messages.Command)
	writers sync.WaitGroup

	mu     sync.Mutex
	closed bool
	done   chan struct{} // closed with closed
	slots  map[string]*slot
}

// slot is a connection, or one that is being made. conn and err are set before
// ready is closed.
type slot struct {
	ready chan struct{}
	conn  *conn
	err   error
}

func newConnections(opened func(*conn), pushed func(*conn, *messages.Command)) *connections {
	return &connections{
		network: tcp.New(tcp.Options{}), opened: opened, pushed: pushed,
		done: make(chan struct{}), slots: make(map[string]*slot),
	}
}

// get returns the connection to addr and makes it if need be. Callers that come
// at the same time share the attempt.
func (p *connections) get(ctx context.Context, addr string) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	s := p.slots[addr]
	if s == nil {
		s = &slot{ready: make(chan struct{})}
		p.slots[addr] = s
		p.dial(addr, s) // returns at once: the network closes after p does
	}
	p.mu.Unlock()
	select {
	case <-s.ready:
		return s.conn, s.err
	default:
	}
	select {
	case <-s.ready:
		return s.conn, s.err
	case <-p.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("actormq: no connection to %s: %w", addr, ctx.Err())
	}
}

// current returns the connection to addr, nil if there is none.
func (p *connections) current(addr string) *conn {
	p.mu.Lock()
	s := p.slots[addr]
	p.mu.Unlock()
	if s == nil {
		return nil
	}
	select {
	case <-s.ready:
		return s.conn
	default:
		return nil
	}
}

func (p *connections) dial(addr string, s *slot) {
	p.network.Dial(addr, dialTimeout, func(n transport.Conn, err error) transport.Receiver {
		if err != nil {
			p.drop(addr, s)
			s.err = fmt.Errorf("%w: %w", ErrConnection, err)
			close(s.ready)
			return nil
		}
		c := newConn(addr, n, p.pushed, func(*conn) { p.drop(addr, s) })
		p.writers.Go(c.writer)
		s.conn = c
		p.opened(c)
		close(s.ready)
		return c
	})
}

// drop forgets a connection that has ended.
func (p *connections) drop(addr string, s *slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots[addr] == s {
		delete(p.slots, addr)
	}
}

// close ends all connections and returns when their goroutines have ended.
func (p *connections) close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.done)
	}
	p.mu.Unlock()
	err := p.network.Close()
	p.writers.Wait()
	return err
}
