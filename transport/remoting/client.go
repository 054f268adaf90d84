package remoting

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
)

// DefaultDialTimeout is how long a Client may take to connect by default.
const DefaultDialTimeout = 3 * time.Second

// ClientOptions configures a Client. The zero ClientOptions are usable.
type ClientOptions struct {
	// MaxFrame bounds a frame of the server with its length field, in bytes; 0
	// means DefaultMaxFrame.
	MaxFrame int
	// DialTimeout bounds connecting; 0 means DefaultDialTimeout.
	DialTimeout time.Duration
	// Handle takes the server's own requests, in the order of the connection, and
	// returns the response, or nil if Reply will send it or there is none. The
	// request is valid during the call. Without a Handle requests are answered
	// with RequestCodeNotSupported. It runs on the reading goroutine and must not
	// wait for a Call.
	Handle func(c *Client, request *messages.Command) *messages.Command
	// Prepare, if not nil, returns what is sent in the place of a request, which it
	// does not change: a signed copy. It runs on the goroutine that sends.
	Prepare func(request *messages.Command) *messages.Command
}

// Client sends requests over one connection and matches the responses by their
// opaque, in whatever order they come. Any number of goroutines may use it:
// frames that they send at about the same time leave in one write, and a lone
// one leaves at once. It does not reconnect.
type Client struct {
	conn    transport.Conn
	handle  func(*Client, *messages.Command) *messages.Command
	prepare func(*messages.Command) *messages.Command
	framer  *Framer
	ended   []ending      // scratch of the burst under way; the reading goroutine's
	wake    chan struct{} // tells the idle writer of frames, capacity 1
	written chan struct{} // closed when the writer has ended
	done    chan struct{}

	mu     sync.Mutex
	opaque int32
	calls  map[int32]call // sent and not answered
	out    []byte         // frames that the writer has not taken
	idle   bool           // the writer waits for wake
	err    error          // why the connection ended
}

// call is a request under way. Either done is set or waiter.
type call struct {
	done   func(response *messages.Command, err error)
	waiter *waiter
}

// ending is a command that came, with the call that it answers.
type ending struct {
	command *messages.Command
	call    call
}

// waiter is where a Call waits. The fields are set before ready is sent on.
type waiter struct {
	ready    chan struct{} // capacity 1
	burst    *Burst        // retained for the Call, which clones response and releases it
	response *messages.Command
	err      error
}

var waiters = sync.Pool{New: func() any { return &waiter{ready: make(chan struct{}, 1)} }}

// Dial connects to addr ("host:port"). It fails with the network's error, or
// with that of ctx, which ends only the attempt and not the connection.
func Dial(ctx context.Context, network transport.Network, addr string, o ClientOptions) (*Client, error) {
	type outcome struct {
		client *Client
		err    error
	}
	var settled atomic.Bool // by the network, or by ctx
	dialled := make(chan outcome, 1)
	network.Dial(addr, cmp.Or(o.DialTimeout, DefaultDialTimeout), func(conn transport.Conn, err error) transport.Receiver {
		if !settled.CompareAndSwap(false, true) {
			return nil
		}
		if err != nil {
			dialled <- outcome{err: err}
			return nil
		}
		c := newClient(conn, o)
		dialled <- outcome{client: c}
		return clientReceiver{c.framer, c}
	})
	select {
	case d := <-dialled:
		return d.client, d.err
	case <-ctx.Done():
	}
	if settled.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("remoting: connecting to %s: %w", addr, ctx.Err())
	}
	d := <-dialled
	return d.client, d.err
}

func newClient(conn transport.Conn, o ClientOptions) *Client {
	c := &Client{
		conn:    conn,
		handle:  o.Handle,
		prepare: o.Prepare,
		wake:    make(chan struct{}, 1),
		written: make(chan struct{}),
		done:    make(chan struct{}),
		calls:   make(map[int32]call),
	}
	c.framer = NewFramer(FramerOptions{MaxFrame: o.MaxFrame}, c.burst)
	go c.write()
	return c
}

// Conn returns the connection, for its addresses.
func (c *Client) Conn() transport.Conn { return c.conn }

// Call sends request and waits for the response, which is the caller's own; a
// response of any code is no error. The request is not modified: its opaque and
// flags are those of the connection. Call fails with ctx's error, or with the
// reason why the connection ended, in which case it is unknown whether the
// request was handled.
func (c *Client) Call(ctx context.Context, request *messages.Command) (*messages.Command, error) {
	w := waiters.Get().(*waiter)
	opaque, err := c.send(request, call{waiter: w})
	if err != nil {
		waiters.Put(w)
		return nil, err
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
		if c.forget(opaque) {
			waiters.Put(w)
			return nil, fmt.Errorf("remoting: no answer from %s: %w", c.conn.RemoteAddr(), ctx.Err())
		}
		<-w.ready // the response came at the same time
	}
	response, err := w.response, w.err
	if response != nil {
		response = response.Clone()
		w.burst.Release()
	}
	w.burst, w.response, w.err = nil, nil, nil
	waiters.Put(w)
	return response, err
}

// Go sends request and returns; it never waits for the server, and the request
// may be reused at once. done is called exactly once, with the response, which
// is valid until done returns, or with the reason why the connection ended. It
// runs on the reading goroutine, or on the caller's if the connection has ended
// before, and must not wait for another Call; it may Go.
//
// Frames pile up in memory while the server does not read: the caller bounds the
// number of requests under way.
func (c *Client) Go(request *messages.Command, done func(response *messages.Command, err error)) {
	if _, err := c.send(request, call{done: done}); err != nil {
		done(nil, err)
	}
}

// Oneway sends a request that gets no response. Like Go it does not wait; it
// fails only if the connection has ended.
func (c *Client) Oneway(request *messages.Command) error {
	_, err := c.send(request, call{})
	return err
}

// Reply sends the response to a request of the server whose opaque and encoding
// it bears. It does not wait.
func (c *Client) Reply(response *messages.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	frame := *response
	frame.Flag = messages.FlagResponse
	c.enqueue(&frame)
	return nil
}

// Close ends the connection and returns at once. What is under way fails with
// transport.ErrClosed; then Done is closed.
func (c *Client) Close() error { return c.conn.Close() }

// Done is closed when the connection has ended and every call was told.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended, nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// send gives request an opaque and enqueues it. A call without done or waiter is
// oneway.
func (c *Client) send(request *messages.Command, a call) (opaque int32, err error) {
	if c.prepare != nil {
		request = c.prepare(request)
	}
	frame := *request
	frame.Flag = 0
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.opaque++
	frame.Opaque = c.opaque
	if a.done == nil && a.waiter == nil {
		frame.Flag = messages.FlagOneway
	} else {
		c.calls[frame.Opaque] = a
	}
	c.enqueue(&frame)
	return frame.Opaque, nil
}

// enqueue hands a frame to the writer. c.mu is held.
func (c *Client) enqueue(frame *messages.Command) {
	c.out = AppendFrame(c.out, frame)
	if c.idle {
		c.idle = false
		c.wake <- struct{}{}
	}
}

// maxIdleOut bounds the encoding buffer that an idle Client keeps, in bytes.
const maxIdleOut = 1 << 20

// write writes what is enqueued, all of it at a time, until the connection ends.
func (c *Client) write() {
	defer close(c.written)
	var spare []byte
	bufs := make([][]byte, 1)
	for {
		c.mu.Lock()
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		out := c.out
		if len(out) == 0 {
			c.idle = true
			c.mu.Unlock()
			<-c.wake
			// Callers that are ready to run add their frames before the first one is
			// written. If there are none this costs next to nothing.
			runtime.Gosched()
			continue
		}
		c.out = spare[:0]
		c.mu.Unlock()
		bufs[0] = out
		// A failed write closes the connection, whose Closed tells the calls.
		_ = c.conn.Write(bufs[:1])
		if spare = out; cap(spare) > maxIdleOut {
			spare = nil
		}
	}
}

// forget drops a call whose caller has gone, and reports whether it was still
// under way.
func (c *Client) forget(opaque int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waiting := c.calls[opaque]
	delete(c.calls, opaque)
	return waiting
}

// clientReceiver is what the connection sees of a Client.
type clientReceiver struct {
	*Framer
	client *Client
}

// Closed implements transport.Receiver.
func (r clientReceiver) Closed(err error) { r.client.closed(err) }

// burst ends the calls whose responses came, and takes the server's requests.
func (c *Client) burst(b *Burst) error {
	defer b.Release()
	c.mu.Lock()
	for i := range b.Commands {
		command := &b.Commands[i]
		e := ending{command: command}
		if command.IsResponse() {
			var waiting bool
			if e.call, waiting = c.calls[command.Opaque]; !waiting {
				continue // its caller has gone
			}
			delete(c.calls, command.Opaque)
		}
		c.ended = append(c.ended, e)
	}
	c.mu.Unlock()
	for _, e := range c.ended {
		switch {
		case e.call.waiter != nil:
			b.Retain()
			e.call.waiter.burst, e.call.waiter.response = b, e.command
			e.call.waiter.ready <- struct{}{}
		case e.call.done != nil:
			e.call.done(e.command, nil)
		default:
			c.pushed(e.command)
		}
	}
	clear(c.ended)
	c.ended = c.ended[:0]
	return nil
}

// pushed answers a request of the server.
func (c *Client) pushed(request *messages.Command) {
	var response *messages.Command
	if c.handle != nil {
		response = c.handle(c, request)
	} else {
		response = request.Respond(messages.RequestCodeNotSupported, fmt.Sprintf(" request type %d not supported", request.Code))
	}
	if response == nil || request.IsOneway() {
		return
	}
	reply := *response
	reply.Opaque, reply.Encoding = request.Opaque, request.Encoding
	_ = c.Reply(&reply) // fails only when the server has gone
}

// closed ends the writer and fails what is under way, in the order of sending.
func (c *Client) closed(err error) {
	if err == nil {
		err = transport.ErrClosed
	}
	err = fmt.Errorf("remoting: connection with %s: %w", c.conn.RemoteAddr(), err)
	c.mu.Lock()
	c.err = err
	calls := c.calls
	c.calls, c.out = nil, nil
	if c.idle {
		c.idle = false
		c.wake <- struct{}{}
	}
	c.mu.Unlock()
	<-c.written
	c.framer.Close()
	for _, opaque := range slices.Sorted(maps.Keys(calls)) {
		if a := calls[opaque]; a.waiter != nil {
			a.waiter.err = err
			a.waiter.ready <- struct{}{}
		} else {
			a.done(nil, err)
		}
	}
	close(c.done)
}
