package torture

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a slave and its master. It can cut, hold back and slow down
// what goes over it.
type proxy struct {
	addr   string
	target string

	mu    sync.Mutex
	gate  *sync.Cond
	held  bool          // nothing passes
	delay time.Duration // of each piece
	conns map[net.Conn]struct{}
	over  bool
}

func newProxy(t *testing.T, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: l.Addr().String(), target: target, conns: make(map[net.Conn]struct{})}
	p.gate = sync.NewCond(&p.mu)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", p.target)
			if err != nil {
				from.Close()
				continue
			}
			p.add(from, to)
			running.Go(func() { p.carry(from, to) })
			running.Go(func() { p.carry(to, from) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.set(func() { p.over, p.held = true, false })
		p.cut()
		running.Wait()
	})
	return p
}

func (p *proxy) add(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
		if p.over {
			c.Close()
		}
	}
}

// carry copies until either side ends.
func (p *proxy) carry(from, to net.Conn) {
	defer func() {
		from.Close()
		to.Close()
		p.mu.Lock()
		delete(p.conns, from)
		p.mu.Unlock()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.held {
			p.gate.Wait()
		}
		delay := p.delay
		p.mu.Unlock()
		if delay > 0 {
			time.Sleep(delay)
		}
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.gate.Broadcast()
}

// hold has nothing pass until heal, as a partition does.
func (p *proxy) hold() { p.set(func() { p.held = true }) }

// slow delays each piece until heal.
func (p *proxy) slow(d time.Duration) { p.set(func() { p.delay = d }) }

func (p *proxy) heal() { p.set(func() { p.held, p.delay = false, 0 }) }

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}
