package remoting

import (
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
)

// Burst is the complete frames that one read brought. Its commands alias pooled
// memory that the last Release recycles. A Burst that is never released is
// garbage collected like anything else.
type Burst struct {
	Commands []messages.Command
	chunk    *chunk
	size     int
	refs     atomic.Int32
}

// What a pooled burst may keep: more than ordinary traffic needs, and little
// enough that a flood of tiny frames or fields does not stay in memory.
const (
	maxPooledCommands = 512
	maxPooledFields   = 64
)

var bursts = sync.Pool{New: func() any { return new(Burst) }}

// newBurst returns an empty burst of frames in c, with one reference.
func newBurst(c *chunk) *Burst {
	b := bursts.Get().(*Burst)
	b.refs.Store(1)
	b.size = 0
	b.chunk = c
	c.retain()
	return b
}

// Size returns the number of bytes of the burst's frames.
func (b *Burst) Size() int { return b.size }

// Retain adds a reference. Any goroutine that holds one may call it.
func (b *Burst) Retain() {
	if b.refs.Add(1) <= 1 {
		panic("remoting: a burst was retained after its release")
	}
}

// Release drops a reference. After the last one nothing of the burst may be used.
// It panics when called more often than that.
func (b *Burst) Release() {
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("remoting: a burst was released more often than retained")
	}
	pool := cap(b.Commands) <= maxPooledCommands
	for i := range b.Commands {
		c := &b.Commands[i]
		if cap(c.Ext.Fields()) > maxPooledFields {
			c.Ext = messages.Ext{}
		}
		c.Reset()
	}
	b.Commands = b.Commands[:0]
	b.chunk.release()
	b.chunk = nil
	if pool {
		bursts.Put(b)
	}
}

// next returns a reset command at the end of the burst, reusing the capacity of
// its ext fields.
func (b *Burst) next() *messages.Command {
	if n := len(b.Commands); n < cap(b.Commands) {
		b.Commands = b.Commands[:n+1]
	} else {
		b.Commands = append(b.Commands, messages.Command{})
	}
	return &b.Commands[len(b.Commands)-1]
}

// dropLast takes the command back that next returned.
func (b *Burst) dropLast() {
	last := len(b.Commands) - 1
	b.Commands[last] = messages.Command{}
	b.Commands = b.Commands[:last]
}
