package ha_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/tcp"
)

const segment = 1 << 20

// rig is AcceptSocket in the production environment: real sockets, files and
// goroutines. What the simulator cannot show is whether these get along.
type rig struct {
	t    testing.TB
	env  *env.Env
	log  *commitlog.Log
	view ha.View
	pid  *actor.PID
	addr string
}

func newRig(t testing.TB, options func(*ha.Options)) *rig {
	network, pool := tcp.New(tcp.Options{}), mailbox.NewPool()
	r := &rig{t: t, env: env.System(network, vfs.OS(), pool, zerolog.Nop())}
	var err error
	r.log, err = commitlog.Open(commitlog.Options{FS: r.env.FS, Dir: t.TempDir(), SegmentSize: segment})
	require.NoError(t, err)
	o := ha.Options{
		Env: r.env, Addr: "127.0.0.1:0", Log: r.log, View: &r.view,
		Heartbeat: 50 * time.Millisecond, Silence: time.Minute, FrameBody: 32 << 10, MaxGap: 1 << 30,
	}
	if options != nil {
		options(&o)
	}
	r.pid = r.env.Actors.Root.Spawn(ha.Props(o))
	bound, err := r.env.Actors.Root.RequestFuture(r.pid, &front.Bind{}, patience).Result()
	require.NoError(t, err)
	require.NoError(t, bound.(*front.Bound).Err)
	r.addr = bound.(*front.Bound).Addr.String()
	t.Cleanup(func() {
		require.NoError(t, r.env.Actors.Root.StopFuture(r.pid).Wait())
		require.NoError(t, network.Close())
		pool.Close()
		require.NoError(t, r.log.Close())
	})
	return r
}

// patience bounds every wait; on a busy machine nothing is quick.
const patience = 30 * time.Second

// append appends n bytes that differ from place to place.
func (r *rig) append(n int) {
	phys, err := r.log.Reserve(n)
	require.NoError(r.t, err)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((phys + int64(i)) * 31 >> 3)
	}
	r.log.Put(b)
	require.NoError(r.t, r.log.Commit(1))
	r.view.Wake(r.env)
}

// content is the bytes of the log.
func (r *rig) content() []byte {
	var all []byte
	for at, end := int64(0), r.log.MaxOffset(); at < end; {
		b := make([]byte, min(segment-at%segment, end-at))
		require.NoError(r.t, r.log.ReadAt(b, at))
		all, at = append(all, b...), at+int64(len(b))
	}
	return all
}

// slave acknowledges what it gets.
type slave struct {
	conn   transport.Conn
	keep   bool
	buf    []byte
	header []byte
	body   int // bytes of the frame's body that are to come

	mu     sync.Mutex
	log    []byte // if keep is set
	end    int64
	beats  int
	closed bool
	more   *sync.Cond
}

// slave connects one that has everything up to from.
func (r *rig) slave(from int64, keep bool) *slave {
	s := &slave{buf: make([]byte, 256<<10), end: from, keep: keep}
	s.more = sync.NewCond(&s.mu)
	require.Eventually(r.t, func() bool { // a restart closes the port for a moment
		opened := make(chan error, 1)
		r.env.Net.Dial(r.addr, patience, func(conn transport.Conn, err error) transport.Receiver {
			opened <- err
			if err != nil {
				return nil
			}
			s.conn = conn
			_ = conn.Write([][]byte{messages.AppendHAReport(nil, from)})
			return s
		})
		return <-opened == nil
	}, patience, time.Millisecond)
	return s
}

func (s *slave) Buffer() []byte { return s.buf }

func (s *slave) Received(n int) error {
	s.mu.Lock()
	before := s.end
	for b := s.buf[:n]; len(b) > 0; {
		if s.body > 0 {
			take := min(s.body, len(b))
			if s.keep {
				s.log = append(s.log, b[:take]...)
			}
			s.end, s.body, b = s.end+int64(take), s.body-take, b[take:]
			continue
		}
		take := min(messages.HAHeaderSize-len(s.header), len(b))
		s.header, b = append(s.header, b[:take]...), b[take:]
		if len(s.header) < messages.HAHeaderSize {
			break
		}
		h, err := messages.ParseHAHeader(s.header)
		if err != nil || h.Offset != s.end {
			s.mu.Unlock()
			return &messages.HAHeaderError{HAHeader: h}
		}
		if s.header, s.body = s.header[:0], h.Size; h.Size == 0 {
			s.beats++
		}
	}
	end := s.end
	s.more.Broadcast()
	s.mu.Unlock()
	if end == before {
		return nil
	}
	return s.conn.Write([][]byte{messages.AppendHAReport(nil, end)})
}

func (s *slave) Closed(error) {
	s.mu.Lock()
	s.closed = true
	s.more.Broadcast()
	s.mu.Unlock()
}

// wait returns when the condition holds, or the connection is closed.
func (s *slave) wait(until func() bool) {
	s.mu.Lock()
	for !s.closed && !until() {
		s.more.Wait()
	}
	s.mu.Unlock()
}

func TestSlavesFollowAGrowingLog(t *testing.T) {
	watched := make(chan struct{}, 1)
	r := newRig(t, func(o *ha.Options) {
		o.Watcher = o.Env.Actors.Root.Spawn(o.Env.Props(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*ha.Progress); ok {
					select {
					case watched <- struct{}{}:
					default:
					}
				}
			})
		}))
	})
	slaves := []*slave{r.slave(0, true), r.slave(0, true)}
	for n := range 3000 {
		r.append(1 + n*7%3000)
	}
	slaves = append(slaves, r.slave(segment/2, true))
	for n := range 1000 {
		r.append(1 + n*13%5000)
	}
	end := r.log.MaxOffset()
	require.Greater(t, end, int64(3*segment))
	for _, s := range slaves {
		s.wait(func() bool { return s.end >= end })
	}
	content := r.content()
	for i, from := range []int{0, 0, segment / 2} {
		require.True(t, bytes.Equal(content[from:], slaves[i].log), "slave %d", i)
	}
	for r.view.AckedByAll(end, 1<<30) < end {
		<-watched
	}
	require.Equal(t, 3, r.view.InSync(end, 1))

	slaves[0].wait(func() bool { return slaves[0].beats > 2 })
	slaves[1].conn.Close()
	for len(r.view.Replicas()) > 2 {
		<-watched
	}
}

// A slave that catches up with a log in the page cache.
func BenchmarkCatchUp(b *testing.B) {
	for _, frame := range []int{32 << 10, 1 << 20} {
		b.Run(map[int]string{32 << 10: "frames of 32 KiB", 1 << 20: "frames of 1 MiB"}[frame], func(b *testing.B) {
			const size = 64 * segment
			r := newRig(b, func(o *ha.Options) { o.FrameBody = frame })
			for r.log.MaxOffset() < size {
				r.append(32 << 10)
			}
			end := r.log.MaxOffset()
			b.SetBytes(end)
			b.ReportAllocs()
			for b.Loop() {
				s := r.slave(1, false) // an empty one would get the last segment only
				s.wait(func() bool { return s.end >= end })
				s.conn.Close()
			}
		})
	}
}

func TestAfterAPanicSlavesComeBack(t *testing.T) {
	r := newRig(t, nil)
	r.append(100)
	s := r.slave(0, true)
	s.wait(func() bool { return s.end == 100 })
	r.env.Send(r.pid, &actor.Terminated{}) // of nobody: a message that cannot come
	s.wait(func() bool { return false })   // until it is closed
	r.append(100)
	again := r.slave(s.end, true)
	again.wait(func() bool { return again.end == 200 })
	require.Len(t, r.view.Replicas(), 1, "the old connection is forgotten")
	require.Equal(t, r.content()[100:], again.log)
}
