// Package env is the environment of the actors: the one door to everything
// that is not a pure function of messages. Clock and timers, randomness,
// network, filesystem and the dispatcher of mailbox runs come through it and
// from nowhere else, so that testkit can run the same broker on virtual time,
// one goroutine and a simulated disk and network, as a pure function of a seed.
//
// Production gets its Env from System; the simulator makes its own.
package env

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"

	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/transport"
)

// Clock tells the time and calls back later.
type Clock interface {
	// Now is the wall clock. It is not monotone across adjustments of the host.
	Now() time.Time
	// AfterFunc calls f once after d, on a goroutine of the clock. f must only
	// send a message.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending call of AfterFunc.
type Timer interface {
	// Stop prevents the call and reports whether it did. A call that is already
	// under way may still deliver its message.
	Stop() bool
}

// Rand is a source of random numbers that any goroutine may use.
type Rand interface {
	// IntN returns a number in [0, n). It panics if n <= 0.
	IntN(n int) int
	Uint64() uint64
}

// Env is handed from a root to its actors. It is immutable.
type Env struct {
	Actors     *actor.ActorSystem
	Clock      Clock
	Rand       Rand
	Net        transport.Network
	FS         vfs.FS
	Log        zerolog.Logger
	Dispatcher actor.Dispatcher
	Memory     int64 // of the machine, in bytes; decides what counts as "in memory"
	PID        int   // of the process
	// Options are applied to every actor's props before its own. The simulator
	// traces deliveries through them; production has none.
	Options []actor.PropsOption
}

// Props returns the props of an actor on the environment's dispatcher.
func (e *Env) Props(producer actor.Producer, opts ...actor.PropsOption) *actor.Props {
	return e.props(producer, mailbox.New, opts)
}

// BatchProps is Props for an actor that wants mailbox.Drained after each batch.
func (e *Env) BatchProps(producer actor.Producer, opts ...actor.PropsOption) *actor.Props {
	return e.props(producer, mailbox.NewBatch, opts)
}

func (e *Env) props(producer actor.Producer, box actor.MailboxProducer, opts []actor.PropsOption) *actor.Props {
	all := []actor.PropsOption{actor.WithMailbox(box), actor.WithDispatcher(e.Dispatcher)}
	guarded := func() actor.Actor { return &guard{Actor: producer(), log: &e.Log} }
	return actor.PropsFromProducer(guarded, append(append(all, e.Options...), opts...)...)
}

// guard recovers from a panic in Stopping. The library would hand it to the
// supervisor and leave an actor behind that is neither running nor stopped, for
// which its parent waits for ever.
type guard struct {
	actor.Actor
	log *zerolog.Logger
}

func (g *guard) Receive(ctx actor.Context) {
	if _, stopping := ctx.Message().(*actor.Stopping); stopping {
		defer g.recover(ctx.Self())
	}
	g.Actor.Receive(ctx)
}

func (g *guard) recover(self *actor.PID) {
	if reason := recover(); reason != nil {
		g.log.Error().Interface("reason", reason).Str("actor", self.Id).Bytes("stack", debug.Stack()).
			Msg("an actor panicked when it was stopped")
	}
}

// Send delivers message to pid from outside of any actor.
func (e *Env) Send(pid *actor.PID, message any) { e.Actors.Root.Send(pid, message) }

// Tell sends message to pid after d. The actor that asks for it stops the timer
// in its Stopping.
func (e *Env) Tell(pid *actor.PID, d time.Duration, message any) Timer {
	return e.Clock.AfterFunc(d, func() { e.Send(pid, message) })
}

// Millis is the wall clock in Unix milliseconds, the unit of the protocol.
func (e *Env) Millis() int64 { return e.Clock.Now().UnixMilli() }

// System returns the production environment: the host's clock, the given
// network and filesystem, and actors on dispatcher.
func System(network transport.Network, fs vfs.FS, dispatcher actor.Dispatcher, log zerolog.Logger) *Env {
	return &Env{
		Actors:     NewActorSystem(log),
		Clock:      systemClock{},
		Rand:       systemRand{},
		Net:        network,
		FS:         fs,
		Log:        log,
		Dispatcher: dispatcher,
		Memory:     hostMemory(),
		PID:        os.Getpid(),
	}
}

// NewActorSystem returns an actor system that logs through log and keeps no
// metrics of its own (they cost more than a message).
func NewActorSystem(log zerolog.Logger) *actor.ActorSystem {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(&slogHandler{log: log})
	}))
	ReturnUndelivered(system)
	return system
}

// Returnable is a message that lends memory or is owed an answer, and must not
// vanish with the actor that it was sent to. Undelivered is called once, on any
// goroutine, instead of a delivery.
type Returnable interface {
	Undelivered(system *actor.ActorSystem)
}

// ReturnUndelivered has the dead letters of system returned. It is called once
// for each system; NewActorSystem has done so. Mailboxes see to it that what a
// stopped actor leaves in its queue becomes a dead letter, too.
func ReturnUndelivered(system *actor.ActorSystem) {
	system.EventStream.Subscribe(func(event any) {
		if letter, ok := event.(*actor.DeadLetterEvent); ok {
			if m, ok := letter.Message.(Returnable); ok {
				m.Undelivered(system)
			}
		}
	})
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

type systemRand struct{}

func (systemRand) IntN(n int) int { return rand.IntN(n) }
func (systemRand) Uint64() uint64 { return rand.Uint64() }
