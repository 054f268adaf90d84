package remoting

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Chunks have sizes of powers of two. Those up to maxChunk are pooled, by size.
const (
	minChunkBits = 12
	maxChunkBits = 24
	minChunk     = 1 << minChunkBits // 4 KiB
)

// chunk is a read buffer. It is shared by the Framer that fills it and by the
// bursts cut from it, and goes back to its pool after the last of them.
type chunk struct {
	b    []byte
	refs atomic.Int32
}

var chunks [maxChunkBits - minChunkBits + 1]sync.Pool

// newChunk returns a chunk of at least that many bytes, with one reference. What
// it holds is left over from other connections.
func newChunk(size int) *chunk {
	order := bits.Len(uint(max(size, minChunk) - 1))
	if order > maxChunkBits {
		c := &chunk{b: make([]byte, size)}
		c.refs.Store(1)
		return c
	}
	c, _ := chunks[order-minChunkBits].Get().(*chunk)
	if c == nil {
		c = &chunk{b: make([]byte, 1<<order)}
	}
	c.refs.Store(1)
	return c
}

func (c *chunk) retain() { c.refs.Add(1) }

// shared reports whether any burst still uses c.
func (c *chunk) shared() bool { return c.refs.Load() > 1 }

func (c *chunk) release() {
	switch n := c.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("remoting: a read buffer was released more often than retained")
	}
	if poisoned {
		for i := range c.b {
			c.b[i] = 0xDB
		}
	}
	if order := bits.Len(uint(len(c.b) - 1)); order <= maxChunkBits {
		chunks[order-minChunkBits].Put(c)
	}
}
