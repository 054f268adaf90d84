package mailbox_test

import (
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/sim"
)

// What is sent to an actor is either received by it or becomes a dead letter,
// wherever the end of the actor falls.
func TestNothingSentToAStoppedActorVanishes(t *testing.T) {
	sim.Seeds(t, 100, sim.Options{}, func(t *testing.T, w *sim.World) {
		e := w.Host("h").Env()
		var received, dead []int
		e.Actors.EventStream.Subscribe(func(event any) {
			if letter, ok := event.(*actor.DeadLetterEvent); ok {
				if n, ok := letter.Message.(int); ok {
					dead = append(dead, n)
				}
			}
		})
		child := e.Props(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) })
		pid, err := e.Actors.Root.SpawnNamed(e.BatchProps(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *actor.Started:
					if w.Seed()%2 == 0 { // it then ends with its last child
						_, err := ctx.SpawnNamed(child, "child")
						require.NoError(t, err)
					}
				case int:
					received = append(received, m)
				}
			})
		}), "a")
		require.NoError(t, err)
		sent := 0
		for ; sent < 10; sent++ {
			e.Send(pid, sent)
		}
		for range w.Seed() % 7 {
			w.Step()
		}
		e.Actors.Root.Stop(pid)
		for ; sent < 30; sent++ {
			e.Send(pid, sent)
			w.Step()
		}
		w.Settle()
		require.NotEmpty(t, dead)
		for i, n := range received {
			require.Equal(t, i, n)
		}
		slices.Sort(dead) // late ones may overtake those that were queued
		require.Len(t, dead, sent-len(received))
		for i, n := range dead {
			require.Equal(t, len(received)+i, n)
		}
	})
}

func TestARestartedActorIsNotStopped(t *testing.T) {
	w := sim.New(1, sim.Options{AllowPanics: true})
	e := w.Host("h").Env()
	var received []int
	pid, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if n, ok := ctx.Message().(int); ok {
				if received = append(received, n); n == 1 {
					panic("once")
				}
			}
		})
	}), "a")
	require.NoError(t, err)
	for n := range 4 {
		e.Send(pid, n)
	}
	w.Settle()
	require.Equal(t, []int{0, 1, 2, 3}, received)
}
