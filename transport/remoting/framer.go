package remoting

import "encoding/binary"

// DefaultMaxFrame is the largest frame, with its length field, that a peer takes
// by default, in bytes (RocketMQ: NettyDecoder, com.rocketmq.remoting.frameMaxLength).
const DefaultMaxFrame = 16 << 20

// maxRead bounds what one read may bring beyond the frame under way, in bytes,
// and with it the number of commands of a burst. It is also the largest chunk for
// frames that fit into it.
const maxRead = 64 << 10

// tlsHandshake is the first byte of a TLS connection. As the first byte of a
// frame it would mean more than 352 MiB.
const tlsHandshake = 0x16

// FramerOptions configures a Framer.
type FramerOptions struct {
	// MaxFrame bounds a frame with its length field, in bytes; 0 means
	// DefaultMaxFrame.
	MaxFrame int
}

// Framer cuts the bytes of one connection into bursts. It is the buffer side of
// a transport.Receiver: Buffer and Received are called by turns, from one
// goroutine at a time.
//
// Its memory follows what comes: chunks grow with the reads that fill them, up
// to maxRead, and beyond that only as the bytes of a large frame really arrive;
// an idle connection has none (see Idle).
type Framer struct {
	maxFrame int
	burst    func(*Burst) error
	chunk    *chunk
	start    int // of the first byte that no burst has taken
	end      int // behind the last byte that was read
	size     int // of the next chunk, in [minChunk, maxRead]
	got      int // bytes since the connection was idle
}

// NewFramer returns a Framer that hands each burst, with one reference, to burst.
// An error of burst is returned by Received.
func NewFramer(o FramerOptions, burst func(*Burst) error) *Framer {
	if o.MaxFrame <= 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	return &Framer{maxFrame: o.MaxFrame, burst: burst, size: minChunk}
}

// Buffer returns space to read into.
func (f *Framer) Buffer() []byte {
	switch {
	case f.chunk == nil:
		f.chunk = newChunk(f.size)
		f.start, f.end = 0, 0
	case f.start == f.end && len(f.chunk.b) >= f.size && !f.chunk.shared():
		f.start, f.end = 0, 0 // while it is in the processor's cache
	case f.crowded():
		f.move()
	}
	limit := f.end + maxRead
	if frame := f.underWay(); f.start+frame > limit {
		limit = f.start + frame
	}
	return f.chunk.b[f.end:min(limit, len(f.chunk.b))]
}

// underWay returns the size of the frame that has begun, with its length field,
// or 0 if that is not known yet. Received has checked it.
func (f *Framer) underWay() int {
	if f.end-f.start < lengthSize {
		return 0
	}
	return lengthSize + int(binary.BigEndian.Uint32(f.chunk.b[f.start:]))
}

// crowded reports whether it is better to go on in another chunk: the frame under
// way does not fit into this one, or the rest is too small to be worth a read.
func (f *Framer) crowded() bool {
	size := len(f.chunk.b)
	if size-f.end >= size/8 {
		return false
	}
	return f.end-f.start < size/8 || f.start+f.underWay() > size
}

// move goes on in a new chunk and takes the frame under way with it. A chunk for
// a large frame has at most four times the bytes that came: a client that
// announces 16 MiB and sends ten bytes costs no more than any other.
func (f *Framer) move() {
	pending := f.chunk.b[f.start:f.end]
	next := newChunk(max(f.size, min(f.underWay(), 4*len(pending))))
	f.end = copy(next.b, pending)
	f.start = 0
	f.chunk.release()
	f.chunk = next
}

// Received takes the n bytes that were read into the last Buffer. It fails with a
// *FrameError, or with the error of the burst function; the connection must then
// be closed. Frames before a malformed one are delivered.
func (f *Framer) Received(n int) error {
	if f.end += n; f.end == len(f.chunk.b) {
		f.size = min(4*f.size, maxRead)
	}
	f.got += n
	var b *Burst
	var err error
	for err == nil {
		var frame []byte
		if frame, err = f.frame(); frame == nil {
			break
		}
		if b == nil {
			b = newBurst(f.chunk)
		}
		if err = Decode(frame, b.next()); err != nil {
			b.dropLast()
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
	if len(b) > 0 && b[0] == tlsHandshake && f.maxFrame <= tlsHandshake<<24 {
		return nil, ErrTLS
	}
	if len(b) < lengthSize {
		return nil, nil
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n < prefix || n+lengthSize > int64(f.maxFrame) {
		return nil, malformed("a frame of %d bytes; %d are allowed", n, f.maxFrame-lengthSize)
	}
	if len(b) >= lengthSize+prefix {
		if header := int64(binary.BigEndian.Uint32(b[lengthSize:]) & maxHeader); header > n-prefix {
			return nil, malformed("a header of %d bytes in a frame of %d", header, n)
		}
	}
	if int64(len(b)) < lengthSize+n {
		return nil, nil
	}
	return b[lengthSize : lengthSize+n : lengthSize+n], nil
}

// Idle implements transport.Idler: an idle connection without a frame under way
// gives its chunk back.
func (f *Framer) Idle() {
	if f.chunk == nil || f.start < f.end {
		return
	}
	if f.got < f.size/4 {
		f.size = max(f.size/2, minChunk)
	}
	f.got = 0
	f.Close()
}

// Close gives the read buffer back. It is called when the connection has ended.
func (f *Framer) Close() {
	if f.chunk != nil {
		f.chunk.release()
		f.chunk = nil
	}
}
