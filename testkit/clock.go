package testkit

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/actormq/actormq/actors/env"
)

// clock is the system's clock, moved forwards by what was advanced.
type clock struct {
	mu     sync.Mutex
	ahead  time.Duration
	timers map[*timer]struct{}
	made   uint64
}

type timer struct {
	clock  *clock
	due    time.Time
	number uint64
	call   func()
	real   *time.Timer
}

func newClock() *clock { return &clock{timers: make(map[*timer]struct{})} }

// Now implements env.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *clock) now() time.Time { return time.Now().Add(c.ahead) }

// AfterFunc implements env.Clock.
func (c *clock) AfterFunc(d time.Duration, f func()) env.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	t := &timer{clock: c, due: c.now().Add(d), number: c.made, call: f}
	c.timers[t] = struct{}{}
	t.real = time.AfterFunc(d, func() {
		if t.take() {
			f()
		}
	})
	return t
}

// take reports whether the timer was pending, and ends it.
func (t *timer) take() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, pending := t.clock.timers[t]
	delete(t.clock.timers, t)
	return pending
}

// Stop implements env.Timer.
func (t *timer) Stop() bool {
	if !t.take() {
		return false
	}
	t.real.Stop()
	return true
}

// advance moves the clock and calls what has become due, the earliest first.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.ahead += d
	now := c.now()
	var due []*timer
	for t := range c.timers {
		if !t.due.After(now) {
			due = append(due, t)
		} else {
			t.real.Reset(t.due.Sub(now))
		}
	}
	c.mu.Unlock()
	slices.SortFunc(due, func(a, b *timer) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.number, b.number)) })
	for _, t := range due {
		if t.Stop() {
			t.call()
		}
	}
}
