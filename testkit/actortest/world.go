package actortest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/testkit/sim"
)

// World is an actor system in virtual time. It belongs to the test's goroutine.
type World struct {
	t        testing.TB
	sim      *sim.World
	host     *sim.Host
	timeouts map[string]*timeout // of receiving, by actor
	options  []actor.PropsOption
}

// Option changes a World.
type Option func(*sim.Options)

// AllowPanics has panics of actors go to their supervisors, as in production. By
// default they fail the test.
func AllowPanics() Option { return func(o *sim.Options) { o.AllowPanics = true } }

// New returns a world without actors.
func New(t testing.TB, seed uint64, options ...Option) *World {
	o := sim.Options{StallRate: -1}
	for _, option := range options {
		option(&o)
	}
	return newWorld(t, sim.New(seed, o))
}

// Seeds runs a test in n worlds, each of its own seed.
func Seeds(t *testing.T, n int, test func(t *testing.T, w *World), options ...Option) {
	t.Helper()
	o := sim.Options{StallRate: -1}
	for _, option := range options {
		option(&o)
	}
	sim.Seeds(t, n, o, func(t *testing.T, w *sim.World) { test(t, newWorld(t, w)) })
}

func newWorld(t testing.TB, s *sim.World) *World {
	w := &World{t: t, sim: s, host: s.Host("test"), timeouts: make(map[string]*timeout)}
	e := w.host.Env()
	w.options = append([]actor.PropsOption{
		actor.WithDispatcher(e.Dispatcher),
		actor.WithContextDecorator(w.decorate),
		actor.WithReceiverMiddleware(w.received),
		actor.WithSpawnMiddleware(w.spawning),
	}, e.Options...)
	e.Actors.Root.WithSpawnMiddleware(w.spawning)
	return w
}

// spawning has every actor, whoever spawns it, run in this world.
func (w *World) spawning(next actor.SpawnFunc) actor.SpawnFunc {
	return func(system *actor.ActorSystem, id string, props *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
		return next(system, id, props.Clone(w.options...), parent)
	}
}

// System returns the actor system.
func (w *World) System() *actor.ActorSystem { return w.host.Env().Actors }

// Spawn starts an actor.
func (w *World) Spawn(props *actor.Props) *actor.PID { return w.System().Root.Spawn(props) }

// SpawnNamed starts an actor with a name, which must not be taken.
func (w *World) SpawnNamed(props *actor.Props, name string) *actor.PID {
	w.t.Helper()
	pid, err := w.System().Root.SpawnNamed(props, name)
	if err != nil {
		w.t.Fatalf("actortest: %v", err)
	}
	return pid
}

// Send sends a message that has no sender.
func (w *World) Send(to *actor.PID, message any) { w.System().Root.Send(to, message) }

// Request sends a message and returns the response, which must come within some
// virtual time.
func (w *World) Request(to *actor.PID, message any, within time.Duration) any {
	w.t.Helper()
	p := w.Probe("")
	p.Send(to, message)
	return p.Next(within)
}

// Stop stops an actor and has everything happen that follows at once.
func (w *World) Stop(pid *actor.PID) {
	w.t.Helper()
	w.System().Root.Stop(pid)
	w.Settle()
}

// Settle runs actors until all mailboxes are empty. No time passes but that of the
// deliveries, some microseconds.
func (w *World) Settle() {
	w.t.Helper()
	w.sim.Settle()
	w.check()
}

// Advance lets time pass, with everything that happens in it.
func (w *World) Advance(d time.Duration) {
	w.t.Helper()
	w.sim.Advance(d)
	w.check()
}

// Now returns the virtual time.
func (w *World) Now() time.Time { return w.sim.Now() }

// AfterFunc calls f after d of virtual time, unless stop is called before. It has
// the shape of time.AfterFunc, for actors that are given it.
func (w *World) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return w.host.Env().Clock.AfterFunc(d, f).Stop
}

// Seed returns the world's seed.
func (w *World) Seed() uint64 { return w.sim.Seed() }

// IntN returns a number in [0, n) that follows from the seed, for tests that choose.
func (w *World) IntN(n int) int { return w.host.Env().Rand.IntN(n) }

// Trace returns the last of what happened.
func (w *World) Trace() string { return w.sim.Trace() }

// check fails the test if an actor panicked.
func (w *World) check() {
	w.t.Helper()
	if err := w.sim.Err(); err != nil {
		w.t.Fatalf("actortest: %v", err)
	}
}

// run lets the world go on until a condition holds.
func (w *World) run(until func() bool, within time.Duration, what string) {
	w.t.Helper()
	err := w.sim.Run(until, within)
	if errors.Is(err, sim.ErrLimit) {
		w.t.Fatalf("actortest: seed %d: %s in %v\n%s", w.Seed(), what, within, w.Trace())
	}
	if err != nil {
		w.t.Fatalf("actortest: %v", err)
	}
}

func describe(message any) string { return fmt.Sprintf("%T %+v", message, message) }
