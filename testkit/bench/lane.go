package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
)

// control is what all lanes and pullers of a run share.
type control struct {
	began    time.Time    // time stamps count from it
	stopping atomic.Bool  // no more messages are sent
	ended    atomic.Bool  // and none are read
	left     atomic.Int64 // messages that may still be sent or read
}

func newControl() *control {
	c := &control{began: time.Now()}
	c.left.Store(math.MaxInt64)
	return c
}

func (c *control) now() time.Duration { return time.Since(c.began) }

// takes reports whether n more messages may be sent.
func (c *control) takes(n int) bool { return !c.stopping.Load() && c.left.Add(-int64(n)) >= 0 }

// drainLimit is the time that answers may take after the last request.
const drainLimit = 10 * time.Second

// lane is one connection that sends.
type lane struct {
	control     *control
	conn        net.Conn
	templates   []*template // of the lane's queues
	perRequest  int
	stats       *stats
	in          *reader
	out         []byte
	count       uint64          // messages so far, for their ids
	sent        []time.Duration // when the request of a slot was due
	outstanding int
}

// dialLane connects to the broker of queues. serial tells the lanes of a run
// apart.
func dialLane(ctx context.Context, addr string, queues []actormq.Queue, serial int, c *control, o *Options) (*lane, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	l := &lane{control: c, conn: conn, perRequest: o.perRequest(), stats: newStats(), in: newReader(conn)}
	key := fmt.Sprintf("%016X%04X", uint64(c.began.UnixNano()), serial&0xFFFF)
	for _, q := range queues {
		t, err := newTemplate(q, key, o, o.Mode == Oneway)
		if err != nil {
			conn.Close()
			return nil, err
		}
		l.templates = append(l.templates, t)
	}
	return l, nil
}

// add appends the request of a slot that is due at due.
func (l *lane) add(slot int, born int64, due time.Duration) {
	l.sent[slot] = due
	t := l.templates[slot%len(l.templates)]
	l.out = t.append(l.out, request{slot: slot, born: born, count: l.count, stamp: int64(due)})
	l.count += uint64(l.perRequest)
}

// flush writes what was added.
func (l *lane) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.conn.Write(l.out)
	l.out = l.out[:0]
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// record counts the response to a slot's request, with stats.mu held.
func (l *lane) record(slot int, code int32, now time.Duration) {
	s := l.stats
	s.requests++
	if messages.ResponseCode(code) == messages.Success || stored(messages.ResponseCode(code)) {
		s.add(int64(l.perRequest))
		s.latency(now - l.sent[slot])
	}
	if messages.ResponseCode(code) != messages.Success {
		s.errors[code] += int64(l.perRequest)
	}
}

// stored reports whether a broker that answers with code has kept the message.
func stored(code messages.ResponseCode) bool {
	return code == messages.FlushDiskTimeout || code == messages.FlushSlaveTimeout || code == messages.SlaveNotAvailable
}

// closed keeps slots requests in flight until the run stops, and then waits for
// the last answers.
func (l *lane) closed(slots int) error {
	l.sent = make([]time.Duration, slots)
	now := l.control.now()
	for slot := range slots {
		l.again(slot, now)
	}
	if err := l.flush(); err != nil {
		return err
	}
	for l.outstanding > 0 {
		locked := false
		err := l.in.read(func(frame []byte) error {
			if !locked {
				l.stats.mu.Lock()
				locked, now = true, l.control.now()
			}
			code, opaque, err := scan(frame)
			slot := int(opaque) - firstOpaque
			if err != nil || slot < 0 || slot >= slots {
				return err
			}
			l.outstanding--
			l.record(slot, code, now)
			l.again(slot, now)
			return nil
		})
		if locked {
			l.stats.mu.Unlock()
		}
		if err != nil {
			return err
		}
		if err := l.flush(); err != nil {
			return err
		}
	}
	return nil
}

// again adds the next request of a slot if the run goes on.
func (l *lane) again(slot int, now time.Duration) {
	if l.control.takes(l.perRequest) {
		l.add(slot, l.control.began.Add(now).UnixMilli(), now)
		l.outstanding++
	}
}

// open sends requests at an interval, the first one at first, whether or not the
// earlier ones are answered, but at most slots at a time.
func (l *lane) open(slots int, first, interval time.Duration) error {
	l.sent = make([]time.Duration, slots)
	pace, err := newPacer()
	if err != nil {
		return err
	}
	defer pace.close()
	free := newFreeSlots(slots)
	received := make(chan error, 1)
	go func() { received <- l.receive(free) }()
	err = l.send(first, interval, pace, free)
	if free.end() {
		// The receiver waits for nothing, or has seen so already.
		_ = l.conn.SetReadDeadline(time.Now())
	}
	return errors.Join(err, <-received)
}

// send sends until the run stops.
func (l *lane) send(due, interval time.Duration, pace *pacer, free *freeSlots) error {
	for !l.control.stopping.Load() {
		now := l.control.now()
		if due > now {
			if err := pace.wait(due - now); err != nil {
				return err
			}
			now = l.control.now()
		}
		born := l.control.began.Add(now).UnixMilli()
		for ; due <= now && len(l.out) < maxBurst; due += interval {
			slot := free.take(len(l.out) == 0)
			if slot < 0 {
				break
			}
			if !l.control.takes(l.perRequest) {
				free.put(slot)
				return l.flush()
			}
			l.add(slot, born, due)
		}
		if err := l.flush(); err != nil || free.isEnded() {
			return err
		}
	}
	return nil
}

// maxBurst bounds what one write of an open loop sends, in bytes.
const maxBurst = 256 << 10

// receive records answers until the sender has ended and all have come.
func (l *lane) receive(free *freeSlots) error {
	for !free.idle() {
		var now time.Duration
		freed := 0
		err := l.in.read(func(frame []byte) error {
			if freed == 0 {
				l.stats.mu.Lock()
				free.mu.Lock()
				now = l.control.now()
			}
			freed++
			code, opaque, err := scan(frame)
			slot := int(opaque) - firstOpaque
			if err != nil || slot < 0 || slot >= len(l.sent) {
				return err
			}
			l.record(slot, code, now)
			free.slots = append(free.slots, slot)
			return nil
		})
		if freed > 0 {
			free.mu.Unlock()
			l.stats.mu.Unlock()
			free.more.Signal()
		}
		if err != nil && !free.idle() {
			free.end()
			return err
		}
	}
	return nil
}

// freeSlots are the slots of an open loop that no request uses. The last one that
// was given back is the next one taken, to stay in the cache.
type freeSlots struct {
	mu    sync.Mutex
	more  *sync.Cond
	slots []int
	all   int
	ended bool
}

func newFreeSlots(n int) *freeSlots {
	f := &freeSlots{all: n, slots: make([]int, n)}
	f.more = sync.NewCond(&f.mu)
	for i := range f.slots {
		f.slots[i] = n - 1 - i
	}
	return f
}

// take returns a free slot, -1 if there is none and wait is false, or the loop
// has ended.
func (f *freeSlots) take(wait bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.slots) == 0 && wait && !f.ended {
		f.more.Wait()
	}
	if len(f.slots) == 0 || f.ended {
		return -1
	}
	slot := f.slots[len(f.slots)-1]
	f.slots = f.slots[:len(f.slots)-1]
	return slot
}

// put gives a slot back.
func (f *freeSlots) put(slot int) {
	f.mu.Lock()
	f.slots = append(f.slots, slot)
	f.mu.Unlock()
}

// end says that nothing is sent any more, and reports whether nothing is in
// flight.
func (f *freeSlots) end() (idle bool) {
	f.mu.Lock()
	f.ended = true
	idle = len(f.slots) == f.all
	f.mu.Unlock()
	f.more.Broadcast()
	return idle
}

func (f *freeSlots) isEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// idle reports whether the loop has ended and nothing is in flight.
func (f *freeSlots) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended && len(f.slots) == f.all
}
