package env_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/sim"
)

func TestAnActorThatPanicsInItsEndEnds(t *testing.T) {
	w := sim.New(1, sim.Options{AllowPanics: true})
	e := w.Host("h").Env()
	var stages []string
	child := e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				stages = append(stages, "child started")
			case *actor.Stopping:
				panic("no end")
			}
		})
	})
	parent, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *actor.Started:
				_, err := ctx.SpawnNamed(child, "child")
				require.NoError(t, err)
			case *actor.Stopped:
				stages = append(stages, "parent stopped")
			}
		})
	}), "parent")
	require.NoError(t, err)
	w.Settle()
	e.Actors.Root.Stop(parent)
	w.Settle()
	require.Equal(t, []string{"child started", "parent stopped"}, stages)
	require.Contains(t, w.Trace(), "panic: an actor panicked when it was stopped: no end")
}
