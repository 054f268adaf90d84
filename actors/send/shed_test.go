package send

import (
	"net/netip"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// A burst that comes while as many sends wait as may is refused as it is, and CommitLog
// hears nothing of it; one that comes a moment later is taken whole.
func TestSendsAreRefusedWhileTooManyWait(t *testing.T) {
	w := sim.New(1, sim.Options{})
	e := w.Host("broker").Env()
	var log, connection []*messages.Append
	spawn := func(name string, to *[]*messages.Append) *actor.PID {
		pid, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				if a, ok := ctx.Message().(*messages.Append); ok {
					*to = append(*to, a)
				}
			})
		}), name)
		require.NoError(t, err)
		return pid
	}
	var queue messages.SendQueue
	s := New(Options{
		Env: e, CommitLog: spawn("commitlog", &log), Topics: new(topics.View), Queue: &queue, QueueCapacity: 3,
		StoreHost: netip.MustParseAddrPort("10.0.0.1:10911"),
	})
	peer := &messages.Peer{PID: spawn("connection", &connection)}
	burst := []*messages.Command{
		{Code: int32(messages.CodeSendMessageV2), Opaque: 1},
		{Code: int32(messages.CodeSendMessageV2), Opaque: 2, Flag: messages.FlagOneway},
	}
	others := messages.NewAppend(0)
	others.Sends = make([]messages.Send, 3)
	others.Enqueue(&queue)

	s.Send(peer, burst, e.Millis())
	w.Advance(1)
	require.Empty(t, log)
	require.Len(t, connection, 1)
	require.Len(t, connection[0].Sends, 2)
	for i, refused := range connection[0].Sends {
		require.Equal(t, messages.SystemBusy, refused.Code)
		require.Equal(t, "[OVERLOAD]system busy, start flow control for a while", refused.Remark)
		require.EqualValues(t, i+1, refused.Opaque)
		require.Equal(t, i == 1, refused.Oneway)
	}
	require.EqualValues(t, 3, queue.Len(), "what is refused does not wait")

	others.Release()
	require.Zero(t, queue.Len(), "nobody took it up, and it is gone")
}
