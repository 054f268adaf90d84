package bench

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// openLoop sends at a pace of its own, whatever the answers do.
type openLoop struct {
	*lane
	pace *pacer
	more *sync.Cond // of lane.mu: told of free slots and of the end
	// free are the slots without a request. The last one that was given back is the
	// next one taken, to stay in the cache.
	free []int
}

// open sends requests at an interval, the first one at first, whether or not the
// earlier ones are answered, but at most slots at a time.
func (l *lane) open(slots int, first, interval time.Duration) error {
	o := &openLoop{lane: l, free: make([]int, slots)}
	o.more = sync.NewCond(&l.mu)
	l.slots = make([]slot, slots)
	for i := range o.free {
		o.free[i] = slots - 1 - i
	}
	var err error
	if o.pace, err = newPacer(); err != nil {
		return err
	}
	defer o.pace.close()
	received := make(chan error, 1)
	go func() { received <- o.receive() }()
	err = o.send(first, interval)
	return errors.Join(err, o.end(), <-received)
}

// maxBurst bounds what one write of an open loop sends, in bytes.
const maxBurst = 256 << 10

// send sends until the run stops.
func (o *openLoop) send(due, interval time.Duration) error {
	for more := true; more; {
		now := o.control.now()
		if due > now {
			if err := o.pace.wait(due - now); err != nil {
				return err
			}
			now = o.control.now()
		}
		due, more = o.fill(now, due, interval)
		if err := o.flush(); err != nil {
			return err
		}
	}
	return nil
}

// fill adds requests that are due, as long as there are slots; for the first one
// it waits. It returns when the next one is due, and whether there is one.
func (o *openLoop) fill(now, due, interval time.Duration) (next time.Duration, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.free) == 0 && !o.ended {
		o.more.Wait()
	}
	if o.late > 0 {
		due = o.drop(due, interval)
	}
	for ; due <= now && len(o.out) < maxBurst && len(o.free) > 0; due += interval {
		if o.ended || !o.control.takes(o.perRequest) {
			return due, false
		}
		i := o.free[len(o.free)-1]
		o.free = o.free[:len(o.free)-1]
		o.add(i, now, due)
	}
	return due, !o.ended && !o.control.stopping.Load()
}

// drop skips what is too late, with o.mu held, and returns what is due then. The
// time is that at which there is a free place.
func (o *openLoop) drop(due, interval time.Duration) time.Duration {
	behind := o.control.now() - o.late - due
	if behind <= 0 {
		return due
	}
	n := int64(behind/interval) + 1
	o.stats.mu.Lock()
	o.stats.dropped += n * int64(o.perRequest)
	o.stats.mu.Unlock()
	return due + time.Duration(n)*interval
}

// end says that nothing is sent any more.
func (o *openLoop) end() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.taken > 0 {
		return nil
	}
	if err := o.conn.SetReadDeadline(time.Now()); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// receive records answers until the sender has ended and all have come.
func (o *openLoop) receive() error {
	for !o.idle() {
		err := o.read(func(i int, _ time.Duration) { o.free = append(o.free, i) })
		if err != nil {
			o.mu.Lock()
			o.ended = true
			o.mu.Unlock()
		}
		o.more.Signal()
		if err != nil {
			return err
		}
	}
	return nil
}

// idle reports whether the sender has ended and nothing is in flight.
func (o *openLoop) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended && o.taken == 0
}
