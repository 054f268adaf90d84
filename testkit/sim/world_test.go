package sim_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport"
)

// scramble is a world with all kinds of indeterminacy in it: actors that talk to
// each other, timers due together, random numbers, connections that are cut,
// reset, partitioned, and a crash.
func scramble(seed uint64, out io.Writer) *sim.World {
	w := sim.New(seed, sim.Options{Trace: out, Link: sim.Link{MaxDelay: time.Millisecond, ResetRate: 40}})
	server := w.Host("server")
	serve := func() {
		e := server.Env()
		sink := spawn(e, "sink", func(actor.Context, any) {})
		if _, err := e.Net.Listen(":1", func(c transport.Conn) transport.Receiver {
			return &echo{conn: c, got: func(b []byte) {
				e.Send(sink, string(b))
				c.Write([][]byte{b})
			}}
		}); err != nil {
			panic(err)
		}
	}
	serve()
	for i := range 3 {
		e := w.Host(fmt.Sprintf("client-%d", i)).Env()
		chatter(e, 4)
		caller(e, "server:1")
	}
	w.Advance(20 * time.Millisecond)
	w.Partition(server, w.Host("client-1"))
	w.Advance(20 * time.Millisecond)
	server.Crash(sim.PowerLoss)
	w.Advance(5 * time.Millisecond)
	w.Heal()
	server.Restart()
	serve()
	w.Advance(50 * time.Millisecond)
	return w
}

// chatter spawns n actors that pass numbers around and set timers.
func chatter(e *env.Env, n int) {
	pids := make([]*actor.PID, n)
	for i := range pids {
		pids[i] = spawn(e, fmt.Sprintf("chatter-%d", i), func(ctx actor.Context, m any) {
			left, ok := m.(int)
			if !ok || left == 0 {
				return
			}
			ctx.Send(pids[e.Rand.IntN(n)], left-1)
			if left%8 == 0 {
				e.Tell(ctx.Self(), time.Millisecond, left/2)
			}
		})
	}
	for _, pid := range pids {
		e.Send(pid, 40)
	}
}

// caller keeps a connection to addr and writes to it.
func caller(e *env.Env, addr string) {
	var pid *actor.PID
	connect := func() {
		e.Net.Dial(addr, 10*time.Millisecond, func(c transport.Conn, err error) transport.Receiver {
			if err != nil {
				e.Send(pid, err.Error())
				return nil
			}
			e.Send(pid, c)
			return &echo{conn: c, closed: func(err error) { e.Send(pid, fmt.Sprint(err)) }}
		})
	}
	var conn transport.Conn
	pid = spawn(e, "caller", func(ctx actor.Context, m any) {
		switch m := m.(type) {
		case *actor.Started:
			e.Tell(ctx.Self(), time.Millisecond, 0)
			connect()
		case transport.Conn:
			conn = m
		case string:
			conn = nil
			connect()
		case int:
			if conn != nil {
				conn.Write([][]byte{bytes.Repeat([]byte("x"), 1+e.Rand.IntN(100))})
			}
			e.Tell(ctx.Self(), time.Millisecond, 0)
		}
	})
}

// echo is a Receiver.
type echo struct {
	conn   transport.Conn
	buf    [64]byte
	got    func([]byte)
	closed func(error)
}

func (e *echo) Buffer() []byte { return e.buf[:] }

func (e *echo) Received(n int) error {
	if e.got != nil {
		e.got(bytes.Clone(e.buf[:n]))
	}
	return nil
}

func (e *echo) Closed(err error) {
	if e.closed != nil {
		e.closed(err)
	}
}

func spawn(e *env.Env, name string, receive func(actor.Context, any)) *actor.PID {
	props := e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) { receive(ctx, ctx.Message()) })
	})
	pid, err := e.Actors.Root.SpawnNamed(props, name)
	if err != nil {
		panic(err)
	}
	return pid
}

func TestEqualSeedsGiveEqualTraces(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for seed := range uint64(3) {
		var first bytes.Buffer
		w := scramble(seed, &first)
		require.NoError(t, w.Err())
		require.Greater(t, bytes.Count(first.Bytes(), []byte("\n")), 1000, "the trace shows what happens")
		for repeat := range 50 {
			runtime.GOMAXPROCS(1 + repeat%2)
			var again bytes.Buffer
			require.Equal(t, w.Digest(), scramble(seed, &again).Digest())
			if !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Fatalf("seed %d, repeat %d: %s", seed, repeat, firstDifference(first.String(), again.String()))
			}
		}
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(as), len(bs))
}

func TestSeedsGiveDifferentSchedules(t *testing.T) {
	seen := make(map[string]uint64)
	for seed := range uint64(50) {
		digest := scramble(seed, nil).Digest()
		require.NotContains(t, seen, digest)
		seen[digest] = seed
	}
}

// The two halves of a world's freedom: any order between actors, one order
// between a sender and its receiver.
func TestMailboxesInterleaveButKeepTheirOrder(t *testing.T) {
	orders := make(map[string]bool)
	for seed := uint64(0); seed < 500 && len(orders) < 20; seed++ {
		w := sim.New(seed, sim.Options{})
		e := w.Host("h").Env()
		var order string
		log := func(_ actor.Context, m any) {
			if text, ok := m.(string); ok {
				order += text
			}
		}
		a, b := spawn(e, "a", log), spawn(e, "b", log)
		for i := range 3 {
			e.Send(a, string(rune('a'+i)))
			e.Send(b, string(rune('1'+i)))
		}
		w.Settle()
		require.Len(t, order, 6)
		require.Equal(t, "abc", strings.Map(keep("abc"), order))
		require.Equal(t, "123", strings.Map(keep("123"), order))
		orders[order] = true
	}
	require.Len(t, orders, 20, "all of the 6!/(3! 3!) interleavings")
}

func keep(set string) func(rune) rune {
	return func(r rune) rune {
		if strings.ContainsRune(set, r) {
			return r
		}
		return -1
	}
}

func TestBatchesEndWithDrainedInSimulation(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		e := w.Host("h").Env()
		var seen []string
		pid, err := e.Actors.Root.SpawnNamed(e.BatchProps(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case string:
					seen = append(seen, m)
				case mailbox.Drained:
					seen = append(seen, ".")
				}
			})
		}), "batch")
		require.NoError(t, err)
		for _, m := range []string{"a", "b", "c"} {
			e.Send(pid, m)
		}
		w.Settle()
		e.Send(pid, "d")
		w.Settle()
		require.Equal(t, "a b c . d .", strings.Join(seen, " "))
	})
}

func TestTimersFireInTheirOrderAtTheirTime(t *testing.T) {
	tied := make(map[string]bool)
	for seed := range uint64(20) {
		w := sim.New(seed, sim.Options{})
		c := w.Host("h").Env().Clock
		begin := c.Now()
		var order strings.Builder
		at := func(name string, d time.Duration) env.Timer {
			return c.AfterFunc(d, func() {
				order.WriteString(name)
				require.Equal(t, d, c.Now().Sub(begin))
			})
		}
		at("c", 3*time.Hour)
		at("a", time.Second)
		stopped := at("never", 2*time.Second)
		at("x", time.Minute)
		at("y", time.Minute)
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())
		w.Advance(time.Hour)
		require.Equal(t, time.Hour, w.Elapsed())
		tied[order.String()] = true
		w.Advance(2 * time.Hour)
		require.True(t, strings.HasSuffix(order.String(), "c"))
	}
	require.Equal(t, map[string]bool{"axy": true, "ayx": true}, tied)
}

func TestRunSaysWhatItWaitedFor(t *testing.T) {
	w := sim.New(1, sim.Options{})
	e := w.Host("h").Env()
	done := false
	e.Clock.AfterFunc(time.Second, func() { done = true })
	require.ErrorIs(t, w.Run(func() bool { return done }, 999*time.Millisecond), sim.ErrLimit)
	require.Equal(t, 999*time.Millisecond, w.Elapsed())
	require.NoError(t, w.Run(func() bool { return done }, time.Millisecond))
	require.ErrorIs(t, w.Run(func() bool { return false }, time.Minute), sim.ErrLimit, "nothing is left to happen")
}

func TestAPanicFailsTheWorldWithItsTrace(t *testing.T) {
	w := sim.New(7, sim.Options{})
	e := w.Host("h").Env()
	pid := spawn(e, "fragile", func(_ actor.Context, m any) {
		if m == "break" {
			panic("the reason")
		}
	})
	e.Send(pid, "break")
	err := w.Run(func() bool { return false }, time.Second)
	var failure *sim.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "h fragile", failure.Where)
	require.Equal(t, "the reason", failure.Reason)
	require.Contains(t, failure.Stack, "world_test.go")
	require.Regexp(t, "h +fragile +string", failure.Trace)
	require.False(t, w.Step(), "a failed world stands still")

	log := sim.New(7, sim.Options{})
	e = log.Host("h").Env()
	e.Log.Error().Bytes("stack", []byte("goroutine 1")).Interface("reason", "index").Msg("a request handler panicked")
	require.ErrorContains(t, log.Err(), "a request handler panicked: index")
}

func TestPanicsMayBeAllowed(t *testing.T) {
	w := sim.New(7, sim.Options{AllowPanics: true})
	e := w.Host("h").Env()
	started, got := 0, ""
	pid := spawn(e, "fragile", func(_ actor.Context, m any) {
		switch m := m.(type) {
		case *actor.Started:
			started++
		case string:
			if m == "break" {
				panic("the reason")
			}
			got += m
		}
	})
	e.Send(pid, "break")
	e.Send(pid, "on")
	w.Settle()
	require.NoError(t, w.Err())
	require.Equal(t, 2, started, "its supervisor restarted it")
	require.Equal(t, "on", got)
	require.Contains(t, w.Trace(), "panic: the reason")
}

func TestACrashedProcessDoesNothingMore(t *testing.T) {
	w := sim.New(1, sim.Options{})
	h := w.Host("h")
	old := h.Env()
	count := 0
	pid := spawn(old, "a", func(actor.Context, any) { count++ })
	w.Settle()
	require.Equal(t, 1, count)
	old.Send(pid, "waits")
	old.Tell(pid, time.Second, "later")
	h.Crash(sim.ProcessKill)
	require.False(t, h.Running())
	require.Panics(t, func() { h.Env() })
	w.Advance(time.Minute)
	old.Send(pid, "too late")
	h.Restart()
	w.Advance(time.Minute)
	require.Equal(t, 1, count)
	require.NotSame(t, old, h.Env())
	require.NotContains(t, w.Trace(), "a string")
}

func TestClocksMayDiffer(t *testing.T) {
	w := sim.New(1, sim.Options{})
	a, b := w.Host("a"), w.Host("b")
	b.SetClock(-time.Hour)
	require.Equal(t, time.Hour, a.Env().Clock.Now().Sub(b.Env().Clock.Now()))
}

func BenchmarkWorld(b *testing.B) {
	b.Run("hop", func(b *testing.B) {
		w := sim.New(1, sim.Options{MaxSteps: 1 << 62})
		e := w.Host("h").Env()
		var ping, pong *actor.PID
		ping = spawn(e, "ping", func(ctx actor.Context, m any) {
			if _, ok := m.(int); ok {
				ctx.Send(pong, m)
			}
		})
		pong = spawn(e, "pong", func(ctx actor.Context, m any) {
			if _, ok := m.(int); ok {
				ctx.Send(ping, m)
			}
		})
		e.Send(ping, 1)
		b.ReportAllocs()
		for b.Loop() {
			w.Step()
		}
	})
	b.Run("host", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sim.New(1, sim.Options{}).Host("h").Env()
		}
	})
}
