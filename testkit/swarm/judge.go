package swarm

import (
	"fmt"
	"time"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/history"
)

// consumption is what the groups consumed.
type consumption struct {
	run   *run
	total int
	done  map[string]map[history.ID]bool // by group
	// excused are the messages that a power loss may have taken on their way through
	// the retry topic: a message sent back waits for no flush.
	sentBack map[history.ID]time.Duration
	excused  map[history.ID]bool
	// skipped are the places below which a power loss of an asynchronous broker may
	// have left a group's offset although other messages came there since.
	skipped map[history.Queue]int64
	highest map[history.Queue]int64
}

func newConsumption(r *run) *consumption {
	return &consumption{
		run: r, done: make(map[string]map[history.ID]bool), sentBack: make(map[history.ID]time.Duration),
		excused: make(map[history.ID]bool), skipped: make(map[history.Queue]int64), highest: make(map[history.Queue]int64),
	}
}

// seen says that a broker showed a consumer the message at an offset.
func (c *consumption) seen(q history.Queue, offset int64) { c.highest[q] = max(c.highest[q], offset+1) }

func (c *consumption) consumed(group string, id history.ID) {
	if c.done[group] == nil {
		c.done[group] = make(map[history.ID]bool)
	}
	c.done[group][id] = true
	c.total++
}

func (c *consumption) powerLost(n *node, since time.Duration) {
	for id, at := range c.sentBack {
		if at >= since {
			c.excused[id] = true
		}
	}
	if c.run.plan.SyncFlush {
		return
	}
	for q, end := range c.highest {
		if c.run.nodeOf(q) == n {
			c.skipped[q] = max(c.skipped[q], end)
		}
	}
}

// missing returns an acknowledged message of the topics that a group has not
// consumed, with its place.
func (c *consumption) missing(group string, topics ...string) (first string) {
	of := make(map[string]bool)
	for _, n := range c.run.nodes {
		for _, topic := range topics {
			of[n.queueTopic(topic)] = true
		}
	}
	c.run.history.EachAcknowledged(func(id history.ID, q history.Queue, offset int64) {
		if !of[q.Topic] || c.done[group][id] || c.excused[id] || offset < c.skipped[q] {
			return
		}
		if text := fmt.Sprintf("%v at %v offset %d", id, q, offset); first == "" || text < first {
			first = text
		}
	})
	return first
}

// delays are the messages that were sent for later.
type delays struct {
	run  *run
	sent map[history.ID]*delayed
}

type delayed struct {
	node    *node
	due     int64 // Unix milliseconds by the broker's clock: it must not be there before
	acked   bool
	ackedAt time.Duration
	seen    bool
	excused bool
}

func newDelays(r *run) *delays { return &delays{run: r, sent: make(map[history.ID]*delayed)} }

func (d *delays) begin(id history.ID, n *node, delay time.Duration) *delayed {
	m := &delayed{node: n, due: n.host.Now().Add(delay).UnixMilli()}
	d.sent[id] = m
	return m
}

// visible says that a broker showed a delayed message.
func (d *delays) visible(n *node, r *record.Record) (history.ID, error) {
	id, err := history.Identify(r.Body)
	if err != nil {
		return id, err
	}
	m := d.sent[id]
	switch {
	case m == nil || m.node != n:
		return id, fmt.Errorf("swarm: delayed %v was not sent to %s", id, n.name)
	case r.StoreTimestamp < m.due:
		return id, fmt.Errorf("swarm: delayed %v was there %d ms early", id, m.due-r.StoreTimestamp)
	}
	m.seen = true
	return id, nil
}

// powerLost excuses the messages that may be gone.
func (d *delays) powerLost(n *node, since time.Duration) {
	if d.run.plan.SyncFlush {
		return
	}
	for _, m := range d.sent {
		if m.node == n && m.ackedAt >= since {
			m.excused = true
		}
	}
}

// missing tells of an acknowledged message that was never seen.
func (d *delays) missing() (first string) {
	for id, m := range d.sent {
		if m.acked && !m.seen && !m.excused {
			if text := fmt.Sprintf("delayed %v of %s", id, m.node.name); first == "" || text < first {
				first = text
			}
		}
	}
	return first
}

// exclusive checks that no two orderly members handle messages of one queue at a
// time. Locks do not outlive their broker's process, nor jumps of its clock: until
// those who had one know, there may be two.
func (r *run) exclusive(h *holding, begins bool) {
	if !h.member.orderly {
		return
	}
	s := share{h.node, h.topic, h.queue}
	if !begins {
		if r.handling[s] == h {
			delete(r.handling, s)
		}
		return
	}
	other := r.handling[s]
	if other != nil && other != h && !other.ended() && r.world.Elapsed() > h.node.locksEnd+lockLife {
		r.fail(fmt.Errorf("swarm: clients %d and %d both handle %s", other.actor.index, h.actor.index, h.name()))
	}
	r.handling[s] = h
}
