package actortest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actormq/actormq/testkit/actortest"
)

type ping struct{ n int }

// echo answers what it is sent.
func echo(ctx actor.Context) {
	if p, ok := ctx.Message().(ping); ok {
		ctx.Respond(p)
	}
}

func TestProbesTalkToActors(t *testing.T) {
	actortest.Seeds(t, 20, func(t *testing.T, w *actortest.World) {
		server := w.Spawn(actor.PropsFromFunc(echo))
		a, b := w.Probe("a"), w.Probe("b")
		for n := range 10 {
			a.Send(server, ping{n})
			b.Send(server, ping{-n})
		}
		for n := range 10 {
			a.Expect(ping{n})
			require.Equal(t, ping{-n}, actortest.ExpectType[ping](b))
		}
		a.ExpectNone(time.Hour)
		require.Equal(t, ping{7}, w.Request(server, ping{7}, time.Second))
	})
}

func TestAProbeAnswers(t *testing.T) {
	w := actortest.New(t, 1)
	server := w.Probe("server")
	client := w.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Request(server.PID(), ping{1})
		case ping:
			if m.n < 3 {
				ctx.Request(ctx.Sender(), ping{m.n + 1})
			}
		}
	}))
	for n := 1; n <= 3; n++ {
		server.Expect(ping{n})
		server.Reply(ping{n})
	}
	server.ExpectNone(time.Second)
	server.Watch(client)
	w.Stop(client)
	server.ExpectTerminated(client)
}

// The orders of two senders differ between seeds, that of one never.
func TestSeedsExploreOrders(t *testing.T) {
	first := map[string]int{}
	for seed := range uint64(50) {
		w := actortest.New(t, seed)
		var got []string
		sink := w.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if text, ok := ctx.Message().(string); ok {
				got = append(got, text)
			}
		}))
		for _, name := range []string{"a", "b"} {
			sender := w.Probe(name)
			sender.Send(sink, name+"1")
			sender.Send(sink, name+"2")
		}
		w.Settle()
		require.Len(t, got, 4)
		at := map[string]int{}
		for i, text := range got {
			at[text] = i
		}
		require.Less(t, at["a1"], at["a2"])
		require.Less(t, at["b1"], at["b2"])
		first[got[0]]++
	}
	require.Len(t, first, 2)
}

func TestReceiveTimeoutsAreVirtual(t *testing.T) {
	w := actortest.New(t, 1)
	probe := w.Probe("probe")
	idle := w.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			ctx.SetReceiveTimeout(time.Hour)
			require.Equal(t, time.Hour, ctx.ReceiveTimeout())
		case *actor.ReceiveTimeout:
			ctx.Send(probe.PID(), "idle")
		}
	}))
	w.Settle()
	w.Advance(50 * time.Minute)
	w.Send(idle, ping{})
	probe.ExpectNone(50 * time.Minute)
	w.Advance(11 * time.Minute)
	probe.Expect("idle")
	probe.ExpectNone(24 * time.Hour)
}

func TestFuturesEndInVirtualTime(t *testing.T) {
	w := actortest.New(t, 1)
	probe, silent := w.Probe("probe"), w.Probe("silent")
	server := w.Spawn(actor.PropsFromFunc(echo))
	w.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); !ok {
			return
		}
		for _, to := range []*actor.PID{server, silent.PID()} {
			ctx.ReenterAfter(ctx.RequestFuture(to, ping{1}, time.Minute), func(result any, err error) {
				if err != nil {
					result = err
				}
				ctx.Send(probe.PID(), result)
			})
		}
	}))
	probe.Expect(ping{1})
	probe.ExpectNone(59 * time.Second)
	w.Advance(time.Second)
	require.ErrorIs(t, actortest.ExpectType[error](probe), actor.ErrDeadLetter)
}

// Children of actors under test are under test, and restart as they do in production.
func TestChildrenAndSupervision(t *testing.T) {
	w := actortest.New(t, 1, actortest.AllowPanics())
	probe := w.Probe("probe")
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			ctx.Send(probe.PID(), "started")
		case string:
			panic("no")
		}
	})
	parent := w.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Spawn(child)
		case string:
			ctx.Send(ctx.Children()[0], m)
		}
	}))
	probe.Expect("started")
	w.Send(parent, "fail")
	probe.Expect("started")
	require.Contains(t, w.Trace(), "panic: no")
}

func TestWorldsStartNoGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := actortest.New(t, 1)
	server := w.Spawn(actor.PropsFromFunc(echo))
	require.Equal(t, ping{1}, w.Request(server, ping{1}, time.Second))
	w.AfterFunc(time.Second, func() { w.Send(server, ping{2}) })
	w.Advance(time.Minute)
	// The library throttles its log of dead letters by a goroutine that ends by itself.
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// recorder is a test that fails for itself alone.
type recorder struct {
	testing.TB
	failures []string
}

var errFatal = errors.New("fatal")

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, _ ...any) {
	r.failures = append(r.failures, format)
	panic(errFatal)
}

func TestFailuresNameTheSeed(t *testing.T) {
	tests := map[string]func(w *actortest.World, p *actortest.Probe){
		"no message":    func(_ *actortest.World, p *actortest.Probe) { p.Expect(ping{}) },
		"another":       func(w *actortest.World, p *actortest.Probe) { w.Send(p.PID(), ping{2}); p.Expect(ping{1}) },
		"another type":  func(w *actortest.World, p *actortest.Probe) { w.Send(p.PID(), 1); actortest.ExpectType[ping](p) },
		"a message":     func(w *actortest.World, p *actortest.Probe) { w.Send(p.PID(), 1); p.ExpectNone(time.Second) },
		"still running": func(_ *actortest.World, p *actortest.Probe) { p.ExpectTerminated(p.PID()) },
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			w := actortest.New(r, 1)
			require.PanicsWithValue(t, errFatal, func() { test(w, w.Probe("probe")) })
			require.Len(t, r.failures, 1)
			require.Contains(t, r.failures[0], "seed %d")
		})
	}
}
