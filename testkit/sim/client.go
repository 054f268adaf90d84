package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
)

// callLimit is the virtual time that Dial and Call wait at most.
const callLimit = time.Minute

// Client is a scripted connection to a server: the test sends commands and looks
// at what came back. Nothing is answered, repeated or reconnected on its own.
type Client struct {
	host   *Host
	conn   transport.Conn
	framer *remoting.Framer
	opaque int32
	calls  map[int32]*Call
	pushes []*messages.Command
	stray  []*messages.Command
	closed bool
	err    error
}

// Call is a request that was sent.
type Call struct {
	Request  *messages.Command
	Response *messages.Command // nil until it is answered
	Sent     time.Duration     // virtual time since the beginning of the world
	Answered time.Duration
	client   *Client
}

// Dial connects to addr ("host:port") and runs the world until that has
// succeeded or failed.
func (h *Host) Dial(addr string) (*Client, error) {
	c := &Client{host: h, calls: make(map[int32]*Call)}
	c.framer = remoting.NewFramer(remoting.FramerOptions{MaxFrame: 64 << 20}, c.burst)
	var failed error
	(&network{h.process}).Dial(addr, 0, func(conn transport.Conn, err error) transport.Receiver {
		if err != nil {
			failed = err
			return nil
		}
		c.conn = conn
		return c
	})
	if err := h.world.Run(func() bool { return c.conn != nil || failed != nil }, callLimit); err != nil {
		return nil, err
	}
	return c, failed
}

// Send sends a request under an opaque of the client's own and returns at once.
// Response stays nil for a oneway request, and when the connection breaks.
func (c *Client) Send(request *messages.Command) *Call {
	c.opaque++
	request.Opaque = c.opaque
	call := &Call{Request: request, Sent: c.host.world.Elapsed(), client: c}
	if !request.IsOneway() {
		c.calls[request.Opaque] = call
	}
	c.Write(remoting.AppendFrame(nil, request))
	return call
}

// Call sends a request and runs the world until its response is there. It fails
// when the connection is closed, or after a minute of virtual time.
func (c *Client) Call(request *messages.Command) (*messages.Command, error) {
	return c.Send(request).Wait(callLimit)
}

// Wait runs the world until the response is there.
func (call *Call) Wait(limit time.Duration) (*messages.Command, error) {
	c := call.client
	err := c.host.world.Run(func() bool { return call.Response != nil || c.closed }, limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sim: request %d got no response: %w", call.Request.Code, err)
	case call.Response == nil:
		return nil, fmt.Errorf("sim: request %d got no response: %w", call.Request.Code, errors.Join(transport.ErrClosed, c.err))
	}
	return call.Response, nil
}

// Respond answers a request of the server.
func (c *Client) Respond(request, response *messages.Command) {
	response.Opaque, response.Encoding = request.Opaque, request.Encoding
	response.Flag |= messages.FlagResponse
	c.Write(remoting.AppendFrame(nil, response))
}

// Write sends bytes as they are. Errors show in Closed.
func (c *Client) Write(bytes []byte) { _ = c.conn.Write([][]byte{bytes}) }

// Pushes returns the requests of the server that came since the last call.
func (c *Client) Pushes() []*messages.Command {
	pushes := c.pushes
	c.pushes = nil
	return pushes
}

// Stray returns the responses that no request of this client has asked for.
func (c *Client) Stray() []*messages.Command { return c.stray }

// Addr returns the client's address as the server sees it.
func (c *Client) Addr() netip.AddrPort { return c.conn.LocalAddr() }

// Pause stops reading, as a client does that is too slow; Resume goes on.
func (c *Client) Pause()  { c.conn.Pause() }
func (c *Client) Resume() { c.conn.Resume() }

// Close closes the connection.
func (c *Client) Close() { _ = c.conn.Close() }

// IsClosed reports whether the connection has ended, and why if not by Close.
func (c *Client) IsClosed() (bool, error) { return c.closed, c.err }

// Buffer implements transport.Receiver, as do Received and Closed: they are the
// network's to call.
func (c *Client) Buffer() []byte { return c.framer.Buffer() }

// Received implements transport.Receiver.
func (c *Client) Received(n int) error { return c.framer.Received(n) }

// Closed implements transport.Receiver.
func (c *Client) Closed(err error) {
	c.framer.Close()
	c.closed, c.err = true, err
}

func (c *Client) burst(b *remoting.Burst) error {
	defer b.Release()
	for i := range b.Commands {
		command := b.Commands[i].Clone()
		switch call := c.calls[command.Opaque]; {
		case !command.IsResponse():
			c.pushes = append(c.pushes, command)
		case call == nil:
			c.stray = append(c.stray, command)
		default:
			delete(c.calls, command.Opaque)
			call.Response, call.Answered = command, c.host.world.Elapsed()
		}
	}
	return nil
}
