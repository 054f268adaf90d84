package front

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// ErrNoAnswer is the Answer's error when the client did not answer in time.
var ErrNoAnswer = errors.New("front: the client did not answer in time")

// connection owns the writing side of one client connection. What it is given
// between two writes leaves in one vectored write. Its write may block: nobody
// waits for this actor but its own client.
//
// It is supervised by its Listener, which stops it when it panics: the client
// sees a closed connection and comes back.
type connection struct {
	*reader
	encode func(dst []byte, a *messages.Append) []byte // answers of an Append's sends

	frames   *[]byte  // encoded here since the last write, of the pool; nil if nothing was
	out      [][]byte // to be written; frames is added last
	owed     int      // bytes in out
	done     []func() // to be called after the write
	closing  string   // why the connection closes after the next write
	isClosed bool

	opaque  int32
	pending map[int32]*asked
	tick    env.Timer // set while pending is not empty
	due     int64     // Unix milliseconds at which it is
}

// asked is a request of this side that the client has not answered.
type asked struct {
	ask      *messages.Ask
	deadline int64
}

type (
	closed   struct{ err error }
	response struct{ command *messages.Command }
	expire   struct{}
)

func (c *connection) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Append:
		c.appended(m)
	case *messages.Outgoing:
		c.outgoing(m)
	case mailbox.Drained:
		c.flush()
	case *messages.Ask:
		c.ask(ctx, m)
	case *response:
		c.answered(ctx, m.command)
	case *expire:
		c.expire(ctx)
	case *messages.CloseConnection:
		c.closing = m.Reason
	case *closed:
		c.closed(ctx, m.err)
	case *actor.Stopping:
		c.stop(ctx)
	}
}

// appended answers the sends of an Append, which is done.
func (c *connection) appended(a *messages.Append) {
	if !c.isClosed {
		frames := c.encoded()
		*frames = c.encode(*frames, a)
	}
	a.Release()
}

// outgoing takes frames that others encoded. Order among the frames of one
// batch does not matter: responses carry their opaque.
func (c *connection) outgoing(m *messages.Outgoing) {
	for _, b := range m.Buffers {
		c.owed += len(b)
	}
	c.out = append(c.out, m.Buffers...)
	if m.Done != nil {
		c.done = append(c.done, m.Done)
	}
}

// framePool holds the buffers that connections encode into between two writes. An
// idle connection has none, and a busy one needs not grow its own each time.
var framePool = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxPooledFrames bounds what goes back to the pool, in bytes.
const maxPooledFrames = 256 << 10

// encoded returns the buffer to encode into.
func (c *connection) encoded() *[]byte {
	if c.frames == nil {
		c.frames = framePool.Get().(*[]byte)
	}
	return c.frames
}

// recycle gives the buffer back, once it is written.
func (c *connection) recycle() {
	if c.frames == nil {
		return
	}
	if cap(*c.frames) <= maxPooledFrames {
		*c.frames = (*c.frames)[:0]
		framePool.Put(c.frames)
	}
	c.frames = nil
}

// flush writes what was collected.
func (c *connection) flush() {
	if c.frames != nil {
		c.out = append(c.out, *c.frames)
	}
	if len(c.out) > 0 && !c.isClosed {
		if err := c.conn.Write(c.out); err != nil {
			c.env.Log.Debug().Err(err).Stringer("client", c.peer.Remote).Msg("write failed")
		}
		c.last.Store(c.env.Millis())
	}
	clear(c.out)
	c.out = c.out[:0]
	c.recycle()
	for i, done := range c.done {
		done()
		c.done[i] = nil
	}
	c.done = c.done[:0]
	c.peer.Owe(-c.owed)
	c.owed = 0
	c.unthrottle()
	if c.closing != "" && !c.isClosed {
		c.env.Log.Info().Stringer("client", c.peer.Remote).Str("reason", c.closing).Msg("closing a connection")
		c.closing = ""
		c.conn.Close()
	}
}

// ask sends a request of this side. The opaques of the two directions are
// independent of each other.
func (c *connection) ask(ctx actor.Context, m *messages.Ask) {
	if c.isClosed {
		answer(ctx, m, nil, messages.ErrConnectionClosed)
		return
	}
	c.opaque++
	c.owed += m.Owed
	command := *m.Command
	command.Opaque, command.Version = c.opaque, messages.ProtocolVersion
	if m.ReplyTo == nil {
		command.Flag = messages.FlagOneway
	} else {
		command.Flag = 0
		deadline := c.env.Millis() + m.Timeout
		c.pending[c.opaque] = &asked{ask: m, deadline: deadline}
		c.expireAt(ctx, deadline)
	}
	frames := c.encoded()
	*frames = remoting.AppendFrame(*frames, &command)
}

func (c *connection) answered(ctx actor.Context, command *messages.Command) {
	p, ok := c.pending[command.Opaque]
	if !ok {
		return // too late, or a client that answers oneway requests
	}
	delete(c.pending, command.Opaque)
	answer(ctx, p.ask, command, nil)
}

func answer(ctx actor.Context, m *messages.Ask, command *messages.Command, err error) {
	if m.ReplyTo != nil {
		ctx.Send(m.ReplyTo, &messages.Answer{Token: m.Token, Command: command, Err: err})
	}
}

// expireAt has expire called at the given time, if not earlier.
func (c *connection) expireAt(ctx actor.Context, deadline int64) {
	if c.tick != nil {
		if c.due <= deadline {
			return
		}
		c.tick.Stop()
	}
	c.due = deadline
	c.tick = c.env.Tell(ctx.Self(), millis(deadline-c.env.Millis()), &expire{})
}

// expire gives up on the asks whose time is over. It may come early: the clock
// of deadlines can be set back.
func (c *connection) expire(ctx actor.Context) {
	c.tick = nil
	now := c.env.Millis()
	c.end(ctx, ErrNoAnswer, func(p *asked) bool { return p.deadline <= now })
	if len(c.pending) > 0 {
		var earliest int64 = math.MaxInt64
		for _, p := range c.pending {
			earliest = min(earliest, p.deadline)
		}
		c.expireAt(ctx, earliest)
	}
}

// end gives up on the asks that match, in the order in which they were sent.
func (c *connection) end(ctx actor.Context, err error, match func(*asked) bool) {
	for _, opaque := range sortedKeys(c.pending) {
		if p := c.pending[opaque]; match(p) {
			delete(c.pending, opaque)
			answer(ctx, p.ask, nil, err)
		}
	}
}

func (c *connection) closed(ctx actor.Context, err error) {
	c.env.Log.Debug().Err(err).Stringer("client", c.peer.Remote).Msg("connection closed")
	c.isClosed = true
	ctx.Stop(ctx.Self())
}

func (c *connection) stop(ctx actor.Context) {
	c.isClosed = true
	c.conn.Close()
	c.flush()
	if c.tick != nil {
		c.tick.Stop()
	}
	c.end(ctx, messages.ErrConnectionClosed, func(*asked) bool { return true })
}

// Reply sends response to the client that holds ticket, unless the request was
// oneway. It may be called from any goroutine.
func Reply(e *env.Env, t messages.Ticket, response *messages.Command) {
	if t.Oneway {
		return
	}
	response.Opaque, response.Encoding = t.Opaque, t.Encoding
	response.Flag |= messages.FlagResponse
	frame := remoting.AppendFrame(nil, response)
	t.Peer.Owe(len(frame))
	e.Send(t.Peer.PID, &messages.Outgoing{Buffers: [][]byte{frame}})
}

// ReplyBody is Reply for a large body: body is written as it is, without a copy,
// and done (if not nil) is called when it may be reused.
func ReplyBody(e *env.Env, t messages.Ticket, response *messages.Command, body []byte, done func()) {
	if t.Oneway {
		if done != nil {
			done()
		}
		return
	}
	response.Opaque, response.Encoding = t.Opaque, t.Encoding
	response.Flag |= messages.FlagResponse
	head := remoting.AppendHeader(nil, response, len(body))
	t.Peer.Owe(len(head) + len(body))
	e.Send(t.Peer.PID, &messages.Outgoing{Buffers: [][]byte{head, body}, Done: done})
}

func (c *connection) String() string {
	return "connection " + strconv.FormatUint(c.peer.Serial, 10) + fmt.Sprintf(" (%s)", c.peer.Remote)
}
