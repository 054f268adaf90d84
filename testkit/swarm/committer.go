package swarm

import (
	"fmt"
	"time"

	"github.com/actormq/actormq/messages"
)

// committer is the only member of a group of its own. It commits rising offsets,
// asks for them, and must be told the last one that was acknowledged, or a later
// one whose fate it does not know. A process that dies may take what was not saved
// yet (flushConsumerOffsetInterval).
type committer struct {
	actor
	next  int64
	marks []mark // of one broker, ascending
}

// mark is an offset that was committed.
type mark struct {
	offset int64
	acked  time.Duration // 0: not yet, or never
}

func (c *committer) node() *node   { return c.run.nodes[c.index%len(c.run.nodes)] }
func (c *committer) group() string { return groupCommitter(c.index) }

func (c *committer) start() {
	c.begin()
	c.again(c.plan.Pause, c.tick)
}

func (c *committer) busy() string { return "" }

func (c *committer) fields() []any {
	return []any{"consumerGroup", c.group(), "topic", topicPlain, "queueId", 0}
}

func (c *committer) tick() {
	if c.run.ending && c.run.rand.IntN(2) == 0 {
		c.query()
		return
	}
	if c.run.rand.IntN(3) == 0 && len(c.marks) > 0 {
		c.query()
		return
	}
	c.next++
	i := len(c.marks)
	c.marks = append(c.marks, mark{offset: c.next})
	life := c.life
	c.peers[c.node().index].call(request(messages.CodeUpdateConsumerOffset, append(c.fields(), "commitOffset", c.next)...), callLimit,
		func(response *messages.Command, err error) {
			// An answer from a process that is dead since may have become untrue.
			current := c.peers[c.node().index].life == c.node().life
			if current && err == nil && response.Code == int32(messages.Success) {
				c.marks[i].acked = max(c.run.world.Elapsed(), 1)
			}
			if life == c.life {
				c.again(c.plan.Pause, c.tick)
			}
		})
}

// saveInterval is flushConsumerOffsetInterval, and some time to write.
const saveInterval = 6 * time.Second

func (c *committer) query() {
	life, asked := c.life, len(c.marks)
	c.peers[c.node().index].call(request(messages.CodeQueryConsumerOffset, c.fields()...), callLimit,
		func(response *messages.Command, err error) {
			if life != c.life {
				return
			}
			c.again(c.plan.Pause, c.tick)
			if err != nil || c.node().ailing() || c.peers[c.node().index].life != c.node().life {
				return
			}
			got := int64(-1)
			if response.Code == int32(messages.Success) {
				got, err = response.Ext.Int64("offset")
				c.run.fail(err)
			}
			c.judge(asked, got)
		})
}

// judge compares an answer with what was committed before the question. Then what
// came before it is settled.
func (c *committer) judge(asked int, got int64) {
	least := int64(-1) // no offset
	for _, m := range c.marks[:asked] {
		if m.acked > 0 && !c.node().diedWithin(m.acked, saveInterval) {
			least = m.offset
		}
	}
	if got < least || got > c.next {
		c.run.fail(fmt.Errorf("swarm: %s committed %d and is told %d", c.group(), least, got))
	}
}
