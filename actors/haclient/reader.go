package haclient

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/transport"
)

// chunkSize is how much one read takes, in bytes, and maxChunks how many may wait
// for HAClient, which writes them to disk: beyond that the master has to wait.
const (
	chunkSize = 256 << 10
	maxChunks = 8
)

// chunk is what one read brought.
type chunk struct {
	reader *reader
	buf    *[]byte // n bytes of it
	n      int
}

var chunks = sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }}

func (c *chunk) bytes() []byte { return (*c.buf)[:c.n] }

// release gives the buffer back, and has the reader go on if it was too far ahead.
func (c *chunk) release() {
	chunks.Put(c.buf)
	c.buf = nil
	c.reader.taken()
}

// reader is the Receiver of a connection to a master. It only carries: what the
// bytes mean is HAClient's.
type reader struct {
	env    *env.Env
	conn   transport.Conn
	client *actor.PID

	mu      sync.Mutex
	waiting int  // chunks that HAClient has not taken
	paused  bool // for their number

	buf *[]byte // of the read under way
}

// What a reader, or the dial for it, tells HAClient.
type (
	opened struct {
		reader *reader
		err    error
	}
	closed struct {
		reader *reader
		err    error
	}
)

// Undelivered closes a connection that came when HAClient was gone.
func (m *opened) Undelivered(*actor.ActorSystem) {
	if m.reader != nil {
		_ = m.reader.conn.Close()
	}
}

// Buffer implements transport.Receiver.
func (r *reader) Buffer() []byte {
	if r.buf == nil {
		r.buf = chunks.Get().(*[]byte)
	}
	return *r.buf
}

// Received implements transport.Receiver.
func (r *reader) Received(n int) error {
	c := &chunk{reader: r, buf: r.buf, n: n}
	r.buf = nil
	r.mu.Lock()
	if r.waiting++; r.waiting >= maxChunks {
		r.paused = true
		r.conn.Pause()
	}
	r.mu.Unlock()
	r.env.Send(r.client, c)
	return nil
}

// Idle implements transport.Idler.
func (r *reader) Idle() {
	if r.buf != nil {
		chunks.Put(r.buf)
		r.buf = nil
	}
}

// Closed implements transport.Receiver.
func (r *reader) Closed(err error) {
	r.Idle()
	r.env.Send(r.client, &closed{reader: r, err: err})
}

func (r *reader) taken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting--; r.paused && r.waiting < maxChunks/2 {
		r.paused = false
		r.conn.Resume()
	}
}
