package front

import (
	"sync"
	"sync/atomic"
)

// Credits counts the bytes of requests that were read and not yet released,
// over all connections of a process. Its Listeners share one, which also numbers
// the connections.
type Credits struct {
	limit int64
	inUse atomic.Int64
	// starved is set while a connection waits for the total to fall.
	starved atomic.Bool
	watched atomic.Bool   // Listeners know that connections wait
	serial  atomic.Uint64 // of the last accepted connection

	mu      sync.Mutex
	freed   []func()
	waiting []func()
}

// NewCredits returns credits for limit bytes.
func NewCredits(limit int64) *Credits { return &Credits{limit: limit} }

// take adds n and reports whether the total is still below the limit.
func (c *Credits) take(n int) bool { return c.inUse.Add(int64(n)) < c.limit }

// exhausted reports whether connections must pause, and remembers that one did.
func (c *Credits) exhausted() bool {
	if c.inUse.Load() < c.limit {
		return false
	}
	c.starved.Store(true)
	// The last burst may have been released in between; nobody else would wake
	// the connection then.
	if c.inUse.Load() < c.limit {
		c.starved.Store(false)
		return false
	}
	return true
}

// give takes n back. Half of the limit must be free before starved connections
// go on, so that they do not stop and go for every burst.
func (c *Credits) give(n int) {
	if c.inUse.Add(-int64(n)) < c.limit/2 && c.starved.Load() && c.starved.CompareAndSwap(true, false) {
		c.tell(&c.freed)
	}
}

func (c *Credits) tell(whom *[]func()) {
	c.mu.Lock()
	list := *whom
	c.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// watch has the Listeners look after those who wait, until they do.
func (c *Credits) watch() {
	if !c.watched.Load() && !c.watched.Swap(true) {
		c.tell(&c.waiting)
	}
}

// onWait has f called, on any goroutine, when a connection waits, for the first time since
// watched was reset. f must only send a message.
func (c *Credits) onWait(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting[:len(c.waiting):len(c.waiting)], f)
}

// onFree has f called, on any goroutine, each time that the total fell after a
// starvation. f must only send a message.
func (c *Credits) onFree(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freed = append(c.freed[:len(c.freed):len(c.freed)], f)
}
