package front

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
)

// pausable is a connection that only knows whether it may be read.
type pausable struct {
	transport.Conn
	paused atomic.Bool
}

func (p *pausable) Pause()                     { runtime.Gosched(); p.paused.Store(true); runtime.Gosched() }
func (p *pausable) Resume()                    { p.paused.Store(false) }
func (p *pausable) LocalAddr() netip.AddrPort  { return netip.AddrPort{} }
func (p *pausable) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }

// A reader that stopped for want of credit goes on when the credit is back,
// however the two threads interleave. This needs real threads: the simulator runs
// a read as a whole.
func TestPauseNeverOutlivesItsReason(t *testing.T) {
	pool := mailbox.NewPool()
	defer pool.Close()
	e := env.System(nil, nil, pool, zerolog.Nop())
	owner, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Requests); ok {
				m.Release()
			}
		})
	}), "owner")
	require.NoError(t, err)

	conn := &pausable{}
	r := newReader(&Options{
		Env:     e,
		Routes:  &Routes{Owners: map[messages.RequestCode]*actor.PID{1: owner}},
		Limits:  Limits{Frame: 1 << 20, Connection: 100, Owed: 1},
		Credits: NewCredits(1 << 20),
	}, conn)
	frame := remoting.AppendFrame(nil, &messages.Command{Code: 1, Body: make([]byte, 200)})
	for range 20_000 {
		n := copy(r.Buffer(), frame)
		require.NoError(t, r.Received(n))
		for spins := 0; conn.paused.Load(); spins++ {
			idle := r.inUse.Load() == 0
			runtime.Gosched()
			require.False(t, idle && spins > 1_000_000, "paused with nothing in use")
		}
	}
	require.NoError(t, e.Actors.Root.StopFuture(owner).Wait())
}
