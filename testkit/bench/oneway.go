package bench

import (
	"fmt"
	"time"
)

// onewayBurst is the number of messages that one write sends without a rate.
const onewayBurst = 64

// oneway writes messages and asks for no answers. With an interval it keeps to
// it.
func (l *lane) oneway(due, interval time.Duration) error {
	l.slots = make([]slot, len(l.templates))
	pace, err := newPacer()
	if err != nil {
		return err
	}
	defer pace.close()
	for next, more := 0, true; more; {
		now := l.control.now()
		if interval > 0 && due > now {
			if err := pace.wait(due - now); err != nil {
				return err
			}
			now = l.control.now()
		}
		n := int64(0)
		for ; n < onewayBurst && (interval == 0 || due <= now); n++ {
			if more = l.control.takes(1); !more {
				break
			}
			l.add(next%len(l.templates), now, now)
			next++
			due += interval
		}
		if err := l.flush(); err != nil {
			return fmt.Errorf("after %d messages: %w", next, err)
		}
		l.stats.mu.Lock()
		l.stats.add(n)
		l.stats.requests += n
		l.stats.mu.Unlock()
	}
	return nil
}
