package remoting

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
)

// DefaultMaxFrame is the largest frame, with its length field, that a peer takes
// by default, in bytes (RocketMQ: NettyDecoder, com.rocketmq.remoting.frameMaxLength).
const DefaultMaxFrame = 16 << 20

// chunkSize is the size of the pooled read buffers. A larger frame gets a buffer
// of its own, which grows as its bytes really come.
const chunkSize = 64 << 10

// minRead is the least space that is worth a read. With less left, and no frame
// under way, the next chunk begins.
const minRead = 4 << 10

// chunk is a read buffer. It is shared by the Framer that fills it and by the
// bursts cut from it, and goes back to the pool after the last of them.
type chunk struct {
	b    []byte
	refs atomic.Int32
}

var chunks = sync.Pool{New: func() any { return &chunk{b: make([]byte, chunkSize)} }}

func newChunk(size int) *chunk {
	var c *chunk
	if size <= chunkSize {
		c = chunks.Get().(*chunk)
	} else {
		c = &chunk{b: make([]byte, size)}
	}
	c.refs.Store(1)
	return c
}

func (c *chunk) release() {
	switch n := c.refs.Add(-1); {
	case n < 0:
		panic("remoting: a read buffer was released more often than retained")
	case n == 0 && len(c.b) == chunkSize:
		chunks.Put(c)
	}
}

// Burst is the complete frames that one read brought. Its commands alias pooled
// memory that the last Release recycles. A Burst that is never released is
// garbage collected like anything else.
type Burst struct {
	Commands []messages.Command
	chunk    *chunk
	size     int
	refs     atomic.Int32
}

var bursts = sync.Pool{New: func() any { return new(Burst) }}

// Size returns the number of bytes of the burst's frames.
func (b *Burst) Size() int { return b.size }

// Retain adds a reference.
func (b *Burst) Retain() { b.refs.Add(1) }

// Release drops a reference. After the last one nothing of the burst may be used.
// It panics when called more often than that.
func (b *Burst) Release() {
	switch n := b.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("remoting: a burst was released more often than retained")
	}
	for i := range b.Commands {
		b.Commands[i].Reset()
	}
	b.Commands = b.Commands[:0]
	b.chunk.release()
	b.chunk = nil
	if cap(b.Commands) <= 1024 {
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

// FramerOptions configures a Framer.
type FramerOptions struct {
	// MaxFrame bounds a frame with its length field, in bytes; 0 means
	// DefaultMaxFrame.
	MaxFrame int
}

// Framer cuts the bytes of one connection into bursts. It is the buffer side of
// a transport.Receiver: Buffer and Received are called by turns, from one
// goroutine at a time.
type Framer struct {
	maxFrame int
	burst    func(*Burst) error
	chunk    *chunk
	start    int // of the first byte that no burst has taken
	end      int // behind the last byte that was read
}

// NewFramer returns a Framer that hands each burst, with one reference, to burst.
func NewFramer(o FramerOptions, burst func(*Burst) error) *Framer {
	if o.MaxFrame <= 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	return &Framer{maxFrame: o.MaxFrame, burst: burst}
}

// Buffer returns space to read into.
func (f *Framer) Buffer() []byte {
	switch {
	case f.chunk == nil:
		f.chunk = newChunk(chunkSize)
		f.start, f.end = 0, 0
	case f.end == len(f.chunk.b) || f.start == f.end && len(f.chunk.b)-f.end < minRead:
		f.move()
	}
	return f.chunk.b[f.end:]
}

// move goes on in a new chunk and takes the frame under way with it. The chunk of
// a large frame doubles at most: a client that announces 16 MiB and sends ten
// bytes costs no more than they do.
func (f *Framer) move() {
	pending := f.chunk.b[f.start:f.end]
	size := chunkSize
	if len(pending) >= lengthSize {
		frame := lengthSize + int(binary.BigEndian.Uint32(pending))
		if frame > chunkSize {
			size = max(chunkSize, min(frame, 2*len(pending)))
		}
	}
	next := newChunk(size)
	f.end = copy(next.b, pending)
	f.start = 0
	f.chunk.release()
	f.chunk = next
}

// Received takes the n bytes that were read into the last Buffer. It fails with a
// *FrameError, or with the error of the burst function; the connection must then
// be closed. Frames before a malformed one are delivered.
func (f *Framer) Received(n int) error {
	f.end += n
	var b *Burst
	var err error
	for err == nil {
		var frame []byte
		if frame, err = f.frame(); frame == nil {
			break
		}
		if b == nil {
			b = bursts.Get().(*Burst)
			b.refs.Store(1)
			b.size = 0
			b.chunk = f.chunk
			f.chunk.refs.Add(1)
		}
		if err = Decode(frame, b.next()); err != nil {
			b.Commands = b.Commands[:len(b.Commands)-1]
			break
		}
		b.size += lengthSize + len(frame)
		f.start += lengthSize + len(frame)
	}
	if b == nil {
		return err
	}
	if len(b.Commands) == 0 {
		b.Release()
		return err
	}
	if burstErr := f.burst(b); err == nil {
		err = burstErr
	}
	return err
}

// frame returns the next frame without its length field, nil if it is not
// complete. Its length is checked before anything is made of it.
func (f *Framer) frame() ([]byte, error) {
	b := f.chunk.b[f.start:f.end]
	if len(b) > 0 && b[0] == 0x16 && f.maxFrame <= 0x16<<24 {
		return nil, malformed("a TLS handshake where a frame should begin; TLS is not enabled")
	}
	if len(b) < lengthSize {
		return nil, nil
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n < prefix || n+lengthSize > int64(f.maxFrame) {
		return nil, malformed("a frame of %d bytes; %d are allowed", n, f.maxFrame-lengthSize)
	}
	if len(b) >= lengthSize+prefix {
		if header := int64(binary.BigEndian.Uint32(b[lengthSize:]) & 0xFFFFFF); header > n-prefix {
			return nil, malformed("a header of %d bytes in a frame of %d", header, n)
		}
	}
	if int64(len(b)) < lengthSize+n {
		return nil, nil
	}
	return b[lengthSize : lengthSize+n : lengthSize+n], nil
}

// Close gives the read buffer back. The Framer must not be used afterwards.
func (f *Framer) Close() {
	if f.chunk != nil {
		f.chunk.release()
		f.chunk = nil
	}
}
