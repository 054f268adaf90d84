package sim_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/sim"
)

// An actor that waits for the disk does so alone, and what it says afterwards comes
// in the order in which it said it.
func TestADiskTakesTime(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		h := w.Host("h")
		h.SetDisk(sim.Disk{Sync: sim.Latency{Min: time.Second, Max: 2 * time.Second}})
		e := h.Env()
		file, err := e.FS.Create("/f")
		require.NoError(t, err)
		type heard struct {
			what string
			at   time.Duration
		}
		var all []heard
		listener := e.Actors.Root.Spawn(e.Props(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if text, ok := ctx.Message().(string); ok {
					all = append(all, heard{text, w.Elapsed()})
				}
			})
		}))
		syncer := e.Actors.Root.Spawn(e.Props(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if text, ok := ctx.Message().(string); ok {
					ctx.Send(listener, text+" begins")
					if text == "sync" {
						before := e.Clock.Now()
						require.NoError(t, file.Sync())
						require.GreaterOrEqual(t, e.Clock.Now().Sub(before), time.Second)
					}
					e.Send(listener, text+" half")
					ctx.Send(listener, text+" ends")
				}
			})
		}))
		e.Send(syncer, "sync")
		e.Send(listener, "hello")
		w.Advance(100 * time.Millisecond)
		e.Send(syncer, "more")
		w.Advance(5 * time.Second)
		var of []string
		for _, h := range all {
			if h.what == "hello" {
				require.Less(t, h.at, 100*time.Millisecond, "others go on")
				continue
			}
			of = append(of, h.what)
			if h.what != "sync begins" {
				require.GreaterOrEqual(t, h.at, time.Second)
				require.Less(t, h.at, 2100*time.Millisecond)
			}
		}
		require.Equal(t, []string{"sync begins", "sync half", "sync ends", "more begins", "more half", "more ends"}, of)
	})
}
