package rpc

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// The errors of an Answer. A dial that failed gives the network's error, wrapped
// with the address.
var (
	// ErrNoAnswer says that the server did not answer in time, or that no
	// connection came about in that time.
	ErrNoAnswer = errors.New("rpc: no answer in time")
	// ErrDisconnected says that the connection broke after the request was sent:
	// whether it was handled is unknown.
	ErrDisconnected = errors.New("rpc: the connection broke")
)

// Options configures a Client.
type Options struct {
	Env  *env.Env
	Addr string // "host:port" of the server
	// DialTimeout bounds one attempt to connect; 0 means 3 s.
	DialTimeout time.Duration
	// RetryMin and RetryMax bound the pause after a failed attempt, which
	// doubles; 0 means 100 ms and 5 s.
	RetryMin, RetryMax time.Duration
	// MaxFrame bounds a frame of the server, in bytes; 0 means
	// remoting.DefaultMaxFrame.
	MaxFrame int
	// Watcher, if not nil, gets Connected and Disconnected.
	Watcher *actor.PID
	// Owner, if not nil, takes the server's own requests as messages.Requests.
	// Without one they are answered with RequestCodeNotSupported.
	Owner *actor.PID
}

// Connected tells the Watcher that the connection is there.
type Connected struct {
	Client *actor.PID
	Addr   string
}

// Disconnected tells the Watcher that the connection broke, once for each
// Connected. The Client dials again when it is asked something.
type Disconnected struct {
	Client *actor.PID
	Addr   string
	Err    error
}

// Farewell sets the command that the Client sends, oneway, before it closes its
// connection because it is stopped. It takes the place of an earlier one.
type Farewell struct{ Command *messages.Command }

// Props returns the props of a Client. It is supervised by whoever talks to the
// server. A restart closes the connection and answers what is open with
// ErrDisconnected.
func Props(o Options) *actor.Props {
	o.DialTimeout = cmp.Or(o.DialTimeout, 3*time.Second)
	o.RetryMin = cmp.Or(o.RetryMin, 100*time.Millisecond)
	o.RetryMax = max(cmp.Or(o.RetryMax, 5*time.Second), o.RetryMin)
	return o.Env.BatchProps(func() actor.Actor {
		return &client{Options: o, sent: make(map[int32]*asked)}
	})
}

// client is in one of three states: idle (no link, not dialling), dialling, or
// connected (link is set). queue is empty while connected.
type client struct {
	Options
	self     *actor.PID
	link     *link
	dialling bool
	pause    time.Duration // before the next attempt; 0 after a success
	redial   env.Timer     // set while the next attempt waits for its time
	farewell *messages.Command

	opaque int32
	queue  []*asked         // not sent yet, in the order of asking
	sent   map[int32]*asked // sent and not answered, by opaque
	frames []byte           // encoded and not written

	tick env.Timer // set while a deadline is pending
	due  int64     // Unix milliseconds at which it fires
}

// asked is an Ask that has no Answer yet.
type asked struct {
	*messages.Ask
	deadline int64 // Unix milliseconds
}

type (
	redial struct{}
	expire struct{}
)

func (c *client) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.self = ctx.Self()
	case *messages.Ask:
		c.ask(m)
	case *messages.Outgoing:
		c.outgoing(m)
	case mailbox.Drained:
		c.flush()
	case *responses:
		c.answered(m)
	case *opened:
		c.opened(m)
	case *lost:
		c.lost(m)
	case *redial:
		c.redial = nil
		c.connect()
	case *expire:
		c.expire()
	case *Farewell:
		c.farewell = m.Command
	case *messages.CloseConnection:
		c.close()
	case *actor.Stopping, *actor.Restarting:
		c.stop()
	}
}

func (c *client) ask(m *messages.Ask) {
	a := &asked{Ask: m, deadline: c.Env.Millis() + m.Timeout}
	if c.link != nil {
		c.send(a)
	} else {
		c.queue = append(c.queue, a)
		if c.redial == nil {
			c.connect()
		}
	}
	if m.ReplyTo != nil {
		c.expireAt(a.deadline)
	}
}

// connect dials unless that is under way already, or nothing is left to ask.
func (c *client) connect() {
	if c.dialling || c.link != nil || len(c.queue) == 0 {
		return
	}
	c.dialling = true
	dial(c)
}

func (c *client) opened(m *opened) {
	c.dialling = false
	if m.err != nil {
		c.Env.Log.Debug().Err(m.err).Str("server", c.Addr).Msg("could not connect")
		c.pause = min(max(2*c.pause, c.RetryMin), c.RetryMax)
		c.redial = c.Env.Tell(c.self, c.jitter(c.pause), &redial{})
		failed := c.queue
		c.queue = nil
		for _, a := range failed {
			c.answer(a, nil, fmt.Errorf("rpc: %s: %w", c.Addr, m.err))
		}
		return
	}
	if c.link != nil { // dialled by an incarnation before a restart
		_ = m.link.conn.Close()
		return
	}
	c.link, c.pause = m.link, 0
	c.tellWatcher(&Connected{Client: c.self, Addr: c.Addr})
	queue := c.queue
	c.queue = nil
	for _, a := range queue {
		c.send(a)
	}
}

// jitter shortens d by up to a quarter, so that clients of a server that comes
// back do not all come at once.
func (c *client) jitter(d time.Duration) time.Duration {
	return d - time.Duration(c.Env.Rand.IntN(int(d/4)+1))
}

func (c *client) send(a *asked) {
	c.opaque++
	command := *a.Command
	command.Opaque, command.Version, command.Flag = c.opaque, messages.ProtocolVersion, messages.FlagOneway
	if a.ReplyTo != nil {
		command.Flag = 0
		c.sent[c.opaque] = a
	}
	c.frames = remoting.AppendFrame(c.frames, &command)
}

// outgoing takes answers to the server's requests.
func (c *client) outgoing(m *messages.Outgoing) {
	for _, b := range m.Buffers {
		if c.link != nil {
			c.frames = append(c.frames, b...)
			c.link.peer.Owe(-len(b))
		}
	}
	if m.Done != nil {
		m.Done()
	}
}

// maxFrames bounds the encoding buffer that an idle Client keeps.
const maxFrames = 16 << 10

func (c *client) flush() {
	if c.link != nil && len(c.frames) > 0 {
		if err := c.link.conn.Write([][]byte{c.frames}); err != nil {
			c.close() // Closed follows
		}
	}
	c.frames = c.frames[:0]
	if cap(c.frames) > maxFrames {
		c.frames = nil
	}
}

// answered takes responses. Opaques are not used again: one that comes late, or
// from a connection before this one, finds nobody.
func (c *client) answered(m *responses) {
	for _, command := range m.commands {
		if a, ok := c.sent[command.Opaque]; ok {
			delete(c.sent, command.Opaque)
			c.answer(a, command, nil)
		}
	}
}

func (c *client) answer(a *asked, command *messages.Command, err error) {
	if a.ReplyTo != nil {
		c.Env.Send(a.ReplyTo, &messages.Answer{Token: a.Token, Command: command, Err: err})
	}
}

// lost ends the connection. What was sent over it is not repeated.
func (c *client) lost(m *lost) {
	if m.link != c.link {
		return
	}
	c.link, c.frames = nil, nil
	reason := ErrDisconnected
	if m.err != nil {
		reason = fmt.Errorf("%w: %w", ErrDisconnected, m.err)
	}
	c.failSent(reason, func(*asked) bool { return true })
	c.tellWatcher(&Disconnected{Client: c.self, Addr: c.Addr, Err: reason})
}

// failSent gives up on the sent asks that match, in the order of sending.
func (c *client) failSent(err error, match func(*asked) bool) {
	for _, opaque := range slices.Sorted(maps.Keys(c.sent)) {
		if a := c.sent[opaque]; match(a) {
			delete(c.sent, opaque)
			c.answer(a, nil, err)
		}
	}
}

func (c *client) tellWatcher(m any) {
	if c.Watcher != nil {
		c.Env.Send(c.Watcher, m)
	}
}

// expireAt has expire called at the given time, if not earlier.
func (c *client) expireAt(deadline int64) {
	if c.tick != nil {
		if c.due <= deadline {
			return
		}
		c.tick.Stop()
	}
	c.due = deadline
	wait := time.Duration(max(deadline-c.Env.Millis(), 0)) * time.Millisecond
	c.tick = c.Env.Tell(c.self, wait, &expire{})
}

// expire gives up on the asks whose time is over. It may come early: the clock
// of deadlines can be set back.
func (c *client) expire() {
	c.tick = nil
	now := c.Env.Millis()
	due := func(a *asked) bool { return a.ReplyTo != nil && a.deadline <= now }
	c.queue = slices.DeleteFunc(c.queue, func(a *asked) bool {
		if due(a) {
			c.answer(a, nil, ErrNoAnswer)
		}
		return due(a)
	})
	c.failSent(ErrNoAnswer, due)
	var earliest int64 = math.MaxInt64
	for _, a := range c.queue {
		if a.ReplyTo != nil {
			earliest = min(earliest, a.deadline)
		}
	}
	for _, a := range c.sent {
		earliest = min(earliest, a.deadline)
	}
	if earliest < math.MaxInt64 {
		c.expireAt(earliest)
	}
}

func (c *client) close() {
	if c.link != nil {
		_ = c.link.conn.Close()
	}
}

// stop says good-bye and answers whatever is open.
func (c *client) stop() {
	if c.tick != nil {
		c.tick.Stop()
	}
	if c.redial != nil {
		c.redial.Stop()
	}
	if c.link != nil && c.farewell != nil {
		c.send(&asked{Ask: &messages.Ask{Command: c.farewell}})
	}
	c.flush()
	c.close()
	for _, a := range c.queue {
		c.answer(a, nil, ErrDisconnected)
	}
	c.queue = nil
	c.failSent(ErrDisconnected, func(*asked) bool { return true })
}
