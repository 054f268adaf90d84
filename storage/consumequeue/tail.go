package consumequeue

import "sync/atomic"

// tail is the end of a queue in memory: the units from base on. Dispatch writes
// it from left to right; how far it may be read the queue's max says.
type tail struct {
	base  int64 // logical offset of the first unit
	units []byte
	// refs counts the readers that have the tail pinned. While it is not 0, and
	// while the tail is the current one of a queue, the bytes below max and base
	// do not change.
	refs atomic.Int32
}

// capacity is the number of units that fit.
func (t *tail) capacity() int64 { return int64(len(t.units) / UnitSize) }

// tailSizes are the capacities of tails, in units: a queue with a message now and
// then stays small.
var tailSizes = [...]int64{16, 64, 256, 1024}

// maxPooled bounds the tails of one size that wait to be used again, in bytes.
const maxPooled = 1 << 20

// tailPool keeps the tails that are not in use. It belongs to Dispatch.
type tailPool [len(tailSizes)][]*tail

// class returns the index of a tail's size.
func class(capacity int64) int {
	for i, size := range tailSizes {
		if size >= capacity {
			return i
		}
	}
	return len(tailSizes) - 1
}

// get returns a tail of size class c that begins at base.
func (p *tailPool) get(c int, base int64) *tail {
	if n := len(p[c]); n > 0 {
		t := p[c][n-1]
		p[c][n-1] = nil
		p[c] = p[c][:n-1]
		t.base = base
		return t
	}
	return &tail{base: base, units: make([]byte, tailSizes[c]*UnitSize)}
}

// put takes back a tail that is no queue's any more. A reader that still has it
// keeps it, and the collector gets it. One that pins it from now on sees that it
// is not the queue's tail and lets go before looking at it.
func (p *tailPool) put(t *tail) {
	if t == nil || t.refs.Load() != 0 {
		return
	}
	if c := class(t.capacity()); len(p[c]) < maxPooled/len(t.units) {
		p[c] = append(p[c], t)
	}
}

// pin returns the queue's tail, which stays as it is until unpin; nil if there is
// none.
func (q *Queue) pin() *tail {
	for {
		t := q.tail.Load()
		if t == nil {
			return nil
		}
		t.refs.Add(1)
		if q.tail.Load() == t {
			return t
		}
		t.refs.Add(-1)
	}
}

func (t *tail) unpin() { t.refs.Add(-1) }
