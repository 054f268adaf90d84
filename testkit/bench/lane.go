package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
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

// answerLimit is the time after which a request counts as unanswered, as clients
// have it: a broker that is busy may drop requests without a word.
const answerLimit = 3 * time.Second

// NoAnswer is the code that messages without an answer are counted under.
const NoAnswer = -1

// checkInterval is the time between two looks for unanswered requests.
const checkInterval = time.Second

// lane is one connection that sends. In an open loop sender and receiver are
// goroutines of their own; mu guards what they share, and comes before that of
// the stats.
type lane struct {
	control    *control
	conn       net.Conn
	templates  []*template // of the lane's queues; of the first topic, if there are many
	topics     int
	turn       int // counts requests, which take topics and queues in turn
	perRequest int
	stats      *stats
	in         *reader
	out        []byte
	count      uint64        // messages so far, for their ids
	checked    time.Duration // when unanswered requests were last looked for
	late       time.Duration // as in Options
	commit     *commit       // nil except in mode transaction

	mu    sync.Mutex
	slots []slot
	taken int // slots with a request in flight
	ended bool
}

// slot is a place for a request in flight.
type slot struct {
	taken bool
	turn  int32         // counts its requests that were not answered in time
	due   time.Duration // when its request was due
	sent  time.Duration // and when it was sent
}

// opaque is that of the slot's request. A late answer has one of an earlier turn.
func (l *lane) opaque(i int) int32 {
	return int32(i) | (l.slots[i].turn%maxTurns)<<slotBits
}

// find returns the slot whose request has an opaque, -1 if there is none.
func (l *lane) find(opaque int32) int {
	n := opaque - firstOpaque
	i := int(n & (maxInFlight - 1))
	if n < 0 || i >= len(l.slots) || !l.slots[i].taken || l.opaque(i) != n {
		return -1
	}
	return i
}

// dialLane connects to the broker of queues. serial tells the lanes of a run
// apart, and s counts what it does, perhaps with others.
func dialLane(ctx context.Context, addr string, queues []actormq.Queue, serial int, c *control, o *Options, s *stats) (*lane, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	l := &lane{
		control: c, conn: conn, topics: o.Topics, perRequest: o.perRequest(), stats: s, late: o.Late,
		in: newReader(conn, laneRead(o.inFlight()/o.Connections)),
	}
	key := fmt.Sprintf("%016X%04X", uint64(c.began.UnixNano()), serial&0xFFFF)
	for _, q := range queues {
		t, err := newTemplate(q, key, o, o.Mode == Oneway)
		if err != nil {
			conn.Close()
			return nil, err
		}
		l.templates = append(l.templates, t)
	}
	if o.Mode == Transaction {
		l.commit = newCommit(queues[0], o)
	}
	return l, nil
}

// add appends the request of a slot that is due at due and sent now.
func (l *lane) add(i int, now, due time.Duration) {
	s := &l.slots[i]
	s.taken, s.due, s.sent = true, due, now
	l.taken++
	t, topic := l.templates[l.turn%len(l.templates)], l.turn/len(l.templates)%l.topics
	l.turn++
	born := l.control.began.Add(now).UnixMilli()
	l.out = t.append(l.out, request{opaque: l.opaque(i), born: born, count: l.count, stamp: int64(due), topic: topic})
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

// record counts the response to a slot's request, with both locks held.
func (l *lane) record(i int, code int32, now time.Duration) {
	s := l.stats
	s.requests++
	l.slots[i].taken = false
	l.taken--
	if messages.ResponseCode(code) == messages.Success || stored(messages.ResponseCode(code)) {
		s.add(int64(l.perRequest))
		s.latency(now - l.slots[i].due)
	}
	if messages.ResponseCode(code) != messages.Success {
		s.errors[code] += int64(l.perRequest)
	}
}

// stored reports whether a broker that answers with code has kept the message.
func stored(code messages.ResponseCode) bool {
	return code == messages.FlushDiskTimeout || code == messages.FlushSlaveTimeout || code == messages.SlaveNotAvailable
}

// read waits for responses and calls ended, with both locks held, with the slot
// of each. It gives up on requests that have waited for too long, for which it
// calls ended, too.
func (l *lane) read(ended func(i int, now time.Duration)) error {
	now := l.control.now()
	if now-l.checked > checkInterval {
		if err := l.check(now, ended); err != nil {
			return err
		}
	}
	locked := false
	err := l.in.read(func(frame []byte) error {
		if !locked {
			l.mu.Lock()
			l.stats.mu.Lock()
			locked, now = true, l.control.now()
		}
		code, opaque, err := scan(frame)
		if i := l.find(opaque); err == nil && i >= 0 {
			l.record(i, code, now)
			if l.commit != nil && messages.ResponseCode(code) == messages.Success {
				l.out, err = l.commit.append(l.out, frame)
			}
			ended(i, now)
		}
		return err
	})
	if locked {
		l.stats.mu.Unlock()
		l.mu.Unlock()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.checked = now - 2*checkInterval
		return nil
	}
	return err
}

// check gives up on requests that were not answered in time, and has read return
// when the next check is due.
func (l *lane) check(now time.Duration, ended func(i int, now time.Duration)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.mu.Lock()
	defer l.stats.mu.Unlock()
	l.checked = now
	for i := range l.slots {
		if s := &l.slots[i]; s.taken && now-s.sent > answerLimit {
			l.record(i, NoAnswer, now)
			s.turn++
			ended(i, now)
		}
	}
	wait := answerLimit
	if l.ended && l.taken == 0 {
		wait = 0 // for nothing
	}
	if err := l.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// closed keeps slots requests in flight until the run stops, and then waits for
// the last answers.
func (l *lane) closed(slots int) error {
	l.slots = make([]slot, slots)
	now := l.control.now()
	for i := range slots {
		l.again(i, now)
	}
	for {
		if err := l.flush(); err != nil || l.taken == 0 {
			return err
		}
		if err := l.read(l.again); err != nil {
			return err
		}
	}
}

// again adds the next request of a slot if the run goes on.
func (l *lane) again(i int, now time.Duration) {
	if l.control.takes(l.perRequest) {
		l.add(i, now, now)
	}
}
