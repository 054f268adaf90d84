package cluster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// Popper is a producer, and the members of a group that pop what it sends. They
// acknowledge some messages, have others come later or forget them, and see to it that
// the broker keeps its promises:
//
//   - what was sent comes,
//   - while a message is with a member, nobody else gets it,
//   - what was acknowledged in time does not come again,
//   - what was not comes again, and soon.
//
// A crash may take offsets that were not saved yet; what was popped shortly before it
// may come again.
type Popper struct {
	// Careful members acknowledge everything at once.
	Careful bool

	broker  *Broker
	random  *rand.Rand
	topic   string
	queues  int
	sender  *sim.Client
	sends   map[string]*sim.Call
	sent    map[string]*popped
	members []*member

	Came, Again, Acked int
	// Latest is how long after its time a message that was not acknowledged came again at
	// the latest, in milliseconds.
	Latest int64
}

// popped is a message, from the side of those who pop it.
type popped struct {
	stored   bool
	doubtful bool // see Crashed
	handles  []*held
}

// held is one delivery of a message.
type held struct {
	id      string
	handle  messages.PopHandle
	until   int64 // when others may get it
	moves   *sim.Call
	ack     *sim.Call
	fresh   bool // nothing was decided yet
	acked   bool
	tried   bool // it may be acknowledged
	unknown bool // an acknowledgement, or a move, got no answer, or came late
}

func (h *held) String() string { return h.handle.String() }

type member struct {
	client *sim.Client
	pop    *sim.Call
	held   []*held
}

// NewPopper returns a producer and so many members, for a topic that exists.
func NewPopper(b *Broker, topic string, queues, members int) *Popper {
	p := &Popper{
		broker: b, topic: topic, queues: queues, random: rand.New(rand.NewPCG(b.world.Seed(), 0x706f70)),
		sent: make(map[string]*popped), sends: make(map[string]*sim.Call), members: make([]*member, members),
	}
	for i := range p.members {
		p.members[i] = &member{}
	}
	return p
}

func (p *Popper) now() int64 { return p.broker.Host.Now().UnixMilli() }

// slowSave is how long a save of offsets may take on a slow disk, in milliseconds.
const slowSave = 5000

// Crashed says that the broker is being stopped, one way or another. What is not known to
// be over, and to be saved, may have another life from now on: a pop whose answer was lost
// is revived though the message was popped again meanwhile, since the group's offset was
// not saved.
func (p *Popper) Crashed() {
	saved := p.now() - p.broker.Config.FlushConsumerOffsetInterval - slowSave
	for _, m := range p.sent {
		over := slices.ContainsFunc(m.handles, func(h *held) bool { return h.acked && h.handle.PopTime < saved })
		m.doubtful = m.doubtful || !over
	}
}

func (p *Popper) connect() {
	if closed, _ := isClosed(p.sender); closed {
		p.sender, p.sends = p.broker.Dial(p.broker.world.Host("producer")), make(map[string]*sim.Call)
	}
	for i, m := range p.members {
		if closed, _ := isClosed(m.client); closed {
			for _, h := range m.held {
				h.unknown = true // nobody will ever know
			}
			p.members[i] = &member{client: p.broker.Dial(p.broker.world.Host(fmt.Sprintf("member-%d", i)))}
		}
	}
}

func isClosed(c *sim.Client) (bool, error) {
	if c == nil {
		return true, nil
	}
	return c.IsClosed()
}

// Load sends and pops for so long.
func (p *Popper) Load(span time.Duration) {
	for end := p.broker.world.Elapsed() + span; p.broker.world.Elapsed() < end; {
		p.connect()
		if p.random.IntN(4) == 0 {
			p.send()
		}
		p.step()
	}
}

// Settle acknowledges all that comes, and sends nothing, until everything is
// acknowledged or the time is up.
func (p *Popper) Settle(limit time.Duration) {
	p.Careful = true
	for end := p.broker.world.Elapsed() + limit; p.broker.world.Elapsed() < end && !p.done(); {
		p.connect()
		p.step()
	}
	p.Careful = false
}

func (p *Popper) step() {
	for _, m := range p.members {
		p.collect(m)
		p.act(m)
	}
	p.collectSends()
	p.broker.world.Advance(time.Duration(1+p.random.IntN(40)) * time.Millisecond)
	require.NoError(p.broker.t, p.broker.world.Err())
}

func (p *Popper) send() {
	id := fmt.Sprintf("message-%d", len(p.sent)+1)
	p.sent[id] = &popped{}
	p.sends[id] = p.sender.Send(script.Send(p.topic, int32(p.random.IntN(p.queues)), []byte(id)))
}

func (p *Popper) collectSends() {
	for id, call := range p.sends {
		if call.Response != nil {
			p.sent[id].stored = script.Succeeded(call.Response) == nil
			delete(p.sends, id)
		}
	}
}

// collect takes what a member got.
func (p *Popper) collect(m *member) {
	if m.pop != nil && m.pop.Response != nil {
		all, err := script.Popped(m.pop.Response)
		require.NoError(p.broker.t, err)
		m.pop = nil
		for i := range all {
			m.held = append(m.held, p.take(&all[i]))
		}
	}
	now := p.now()
	for _, h := range m.held {
		if h.ack != nil && h.ack.Response != nil {
			if h.acked = script.Succeeded(h.ack.Response) == nil && now < h.until; h.acked {
				p.Acked++
			} else {
				h.unknown = true
			}
			h.ack = nil
		}
		if h.moves != nil && h.moves.Response != nil {
			if script.Succeeded(h.moves.Response) != nil || now >= h.until {
				h.unknown = true
			} else {
				p.moved(h)
			}
			h.moves = nil
		}
	}
	m.held = slices.DeleteFunc(m.held, func(h *held) bool {
		return h.acked || h.unknown || now > h.until && h.ack == nil && h.moves == nil
	})
}

// moved takes the new handle of a message whose time was changed.
func (p *Popper) moved(h *held) {
	ext := &h.moves.Response.Ext
	popTime, err := ext.Int64("popTime")
	require.NoError(p.broker.t, err)
	invisible, err := ext.Int64("invisibleTime")
	require.NoError(p.broker.t, err)
	h.handle.PopTime, h.handle.Invisible, h.handle.StartOffset = popTime, invisible, h.handle.Offset
	h.until = popTime + invisible
}

// take checks one delivery against those before.
func (p *Popper) take(m *script.PoppedMessage) *held {
	id := string(m.Body)
	message := p.sent[id]
	require.NotNil(p.broker.t, message, "%q was never sent", id)
	h := &held{id: id, fresh: true, handle: m.Handle, until: m.Handle.PopTime + m.Handle.Invisible}
	h.handle.Broker = p.broker.Config.BrokerName
	if len(message.handles) == 0 {
		p.Came++
	} else {
		p.Again++
	}
	for i, before := range message.handles {
		if before.unknown || message.doubtful {
			break
		}
		last := i == len(message.handles)-1
		require.False(p.broker.t, before.acked && last, "%s was acknowledged, and came again: %v after %v", id, h.handle, before.handle)
		require.False(p.broker.t, !before.acked && m.Handle.PopTime < before.until, "%s came while it was somebody's: %v after %v", id, h.handle, before.handle)
	}
	if n := len(message.handles); n > 0 && !message.doubtful && !message.handles[n-1].unknown {
		p.Latest = max(p.Latest, m.Handle.PopTime-message.handles[n-1].until)
	}
	message.handles = append(message.handles, h)
	return h
}

// act has a member do something.
func (p *Popper) act(m *member) {
	now := p.now()
	if m.pop == nil && len(m.held) < 40 {
		invisible := int64(1000 + p.random.IntN(8000))
		if p.Careful {
			invisible = 20_000
		}
		m.pop = m.client.Send(script.Pop(p.topic, int32(p.random.IntN(p.queues+1))-1, int32(1+p.random.IntN(8)), invisible, int64(p.random.IntN(500)), now))
	}
	for _, h := range m.held {
		if h.ack != nil || h.moves != nil {
			continue
		}
		n := p.random.IntN(1000)
		if h.fresh {
			h.fresh, n = false, n/10 // some decide at once
		}
		switch {
		case p.Careful, n < 8:
			h.ack, h.tried = m.client.Send(script.Ack(p.topic, h.handle)), true
		case n < 11:
			h.moves = m.client.Send(script.ChangeInvisible(p.topic, h.handle, int64(1000+p.random.IntN(5000))))
		}
	}
}

// done reports whether everything that was stored has been acknowledged.
func (p *Popper) done() bool {
	for _, m := range p.sent {
		if m.stored && !slices.ContainsFunc(m.handles, func(h *held) bool { return h.acked || h.tried && h.unknown }) {
			return false
		}
	}
	return len(p.sends) == 0
}

// Check asserts that everything that was stored came, and was acknowledged.
func (p *Popper) Check() {
	for _, id := range slices.Sorted(maps.Keys(p.sent)) {
		if m := p.sent[id]; m.stored {
			require.True(p.broker.t, slices.ContainsFunc(m.handles, func(h *held) bool { return h.acked || h.tried && h.unknown }),
				"%s was stored, came %d times, and nobody could acknowledge it: %v", id, len(m.handles), m.handles)
		}
	}
}
