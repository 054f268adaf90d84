package actormq

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/actormq/actormq/transport/tcp"
)

// maxFrame bounds what a server may send in one frame, in bytes, as the other
// clients do.
const maxFrame = 128 << 20

// conn is a connection to a server, which many requests share.
type conn struct {
	*remoting.Client
	addr string

	greeted atomic.Bool // the broker knows the client as a producer

	mu     sync.Mutex
	groups map[string]bool // that the broker was told of: consumer groups, and "producer " before others
}

// call sends a request and waits for its response, which is the caller's own. A
// response with any code is no error.
func (c *conn) call(ctx context.Context, request *messages.Command) (*messages.Command, error) {
	response, err := c.Call(ctx, request)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return response, nil
}

// explain tells the end of a caller's context from that of the connection.
func (c *conn) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("actormq: no answer from %s: %w", c.addr, ctx.Err())
	}
	return fmt.Errorf("%w: %s: %w", ErrConnection, c.addr, err)
}

// knows reports whether the broker was told that the client is in a consumer
// group; learn notes that it was, and unlearn that the client has left.
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

// connections are the connections of a client, one for each address.
type connections struct {
	network *tcp.Network
	ctx     context.Context // of the client: ends the attempts to connect
	opened  func(*conn)     // called once for each new connection, before it is used
	pushed  func(*remoting.Client, *messages.Command) *messages.Command
	sign    func(*messages.Command) *messages.Command // nil: requests are not signed
	dialing sync.WaitGroup

	mu     sync.Mutex
	closed bool
	slots  map[string]*slot
}

// slot is a connection, or one that is being made. conn and err are set before
// ready is closed.
type slot struct {
	ready chan struct{}
	conn  *conn
	err   error
	then  []func(*conn, error) // wait for ready; guarded by connections.mu
}

// over reports whether the slot is of no more use.
func (s *slot) over() bool {
	select {
	case <-s.ready:
		return s.err != nil || s.conn.Err() != nil
	default:
		return false
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
	s := p.slot(addr)
	p.mu.Unlock()
	select {
	case <-s.ready:
		return s.conn, s.err
	case <-ctx.Done():
		return nil, fmt.Errorf("actormq: no connection to %s: %w", addr, ctx.Err())
	}
}

// slot returns the slot of addr and begins to connect if need be. p.mu is held.
func (p *connections) slot(addr string) *slot {
	s := p.slots[addr]
	if s == nil || s.over() {
		s = &slot{ready: make(chan struct{})}
		p.slots[addr] = s
		p.dialing.Go(func() { p.dial(addr, s) })
	}
	return s
}

// with is get that does not wait: it calls then when the connection is there, at
// once or on a goroutine that then must not hold up.
func (p *connections) with(addr string, then func(*conn, error)) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		then(nil, ErrClosed)
		return
	}
	s := p.slot(addr)
	select {
	case <-s.ready:
		p.mu.Unlock()
		then(s.conn, s.err)
	default:
		s.then = append(s.then, then)
		p.mu.Unlock()
	}
}

// dial makes the connection of a slot. The attempt does not end with the context
// of whoever came first.
func (p *connections) dial(addr string, s *slot) {
	defer p.dialled(s)
	client, err := remoting.Dial(p.ctx, p.network, addr, remoting.ClientOptions{
		MaxFrame: maxFrame, Handle: p.pushed, Prepare: p.sign,
	})
	if err != nil {
		s.err = fmt.Errorf("%w: %w", ErrConnection, err)
		return
	}
	s.conn = &conn{Client: client, addr: addr, groups: make(map[string]bool)}
	p.opened(s.conn)
}

// dialled tells those who wait for a slot.
func (p *connections) dialled(s *slot) {
	close(s.ready)
	p.mu.Lock()
	waiting := s.then
	s.then = nil
	p.mu.Unlock()
	for _, then := range waiting {
		then(s.conn, s.err)
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
	default:
		return nil
	}
	if s.over() {
		return nil
	}
	return s.conn
}

// count returns the number of connections.
func (p *connections) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.slots {
		select {
		case <-s.ready:
			if !s.over() {
				n++
			}
		default:
		}
	}
	return n
}

// close ends all connections and returns when their goroutines have ended. The
// context has ended before.
func (p *connections) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.dialing.Wait()
	return p.network.Close()
}
