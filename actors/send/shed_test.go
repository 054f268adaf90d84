package send

import (
	"net/netip"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// overloaded is a Sender whose CommitLog takes up what it is told to.
type overloaded struct {
	*Sender
	world           *sim.World
	queue           messages.SendQueue
	log, connection []*messages.Append
	peer            *messages.Peer
}

func newOverloaded(t *testing.T, capacity, maxWait, busyAfter int64) *overloaded {
	o := &overloaded{world: sim.New(1, sim.Options{})}
	e := o.world.Host("broker").Env()
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
	o.Sender = New(Options{
		Env: e, CommitLog: spawn("commitlog", &o.log), Topics: new(topics.View), Queue: &o.queue, QueueCapacity: capacity,
		MaxWait: func() int64 { return maxWait }, BusyAfter: func() int64 { return busyAfter },
		StoreHost: netip.MustParseAddrPort("10.0.0.1:10911"),
	})
	o.peer = &messages.Peer{PID: spawn("connection", &o.connection)}
	return o
}

// wait has n sends wait from now on.
func (o *overloaded) wait(n int) *messages.Append {
	a := messages.NewAppend(0)
	a.Sends, a.Arrived = make([]messages.Send, n), o.Env.Millis()
	a.Enqueue(&o.queue)
	return a
}

// Sends are refused while those that wait are not taken up: a full queue alone is a burst,
// which the log takes sooner than clients send it again.
func TestSendsAreRefusedWhileNoneAreTakenUp(t *testing.T) {
	const overload, reject = "[OVERLOAD]system busy, start flow control for a while", "[REJECTREQUEST]system busy, start flow control for a while"
	for name, test := range map[string]struct {
		waiting int
		stalled time.Duration
		maxWait int64
		want    string
	}{
		"none wait":                        {0, time.Hour, 200, ""},
		"a burst":                          {1000, 0, 200, ""},
		"a full queue that moved in time":  {10, 200 * time.Millisecond, 200, ""},
		"a full queue that stands still":   {10, 201 * time.Millisecond, 200, overload},
		"one that is not full":             {9, 1000 * time.Millisecond, 200, ""},
		"nothing moves":                    {1, 1001 * time.Millisecond, 200, reject},
		"no fast failure":                  {1000, 1000 * time.Millisecond, 0, ""},
		"no fast failure, nothing moves":   {1000, 1001 * time.Millisecond, 0, reject},
		"a full queue where nothing moves": {10, 1001 * time.Millisecond, 200, reject},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOverloaded(t, 10, test.maxWait, 1000)
			if test.waiting > 0 {
				o.wait(test.waiting)
			}
			o.world.Advance(test.stalled)
			require.Equal(t, test.want, o.overload(o.Env.Millis()))
			require.Equal(t, test.want != "", o.Refuses(o.Env.Millis()))
			o.queue.Moved(o.Env.Millis())
			require.Empty(t, o.overload(o.Env.Millis()), "the log takes sends up again")
		})
	}
}

// A burst that is refused is refused as it is, and CommitLog hears nothing of it.
func TestRefusedSendsDoNotWait(t *testing.T) {
	o := newOverloaded(t, 3, 200, 1000)
	others := o.wait(3)
	o.world.Advance(201 * time.Millisecond)
	o.Send(o.peer, []*messages.Command{
		{Code: int32(messages.CodeSendMessageV2), Opaque: 1},
		{Code: int32(messages.CodeSendMessageV2), Opaque: 2, Flag: messages.FlagOneway},
	}, o.Env.Millis())
	o.world.Advance(1)
	require.Empty(t, o.log)
	require.Len(t, o.connection, 1)
	require.Len(t, o.connection[0].Sends, 2)
	for i, refused := range o.connection[0].Sends {
		require.Equal(t, messages.SystemBusy, refused.Code)
		require.Equal(t, "[OVERLOAD]system busy, start flow control for a while", refused.Remark)
		require.EqualValues(t, i+1, refused.Opaque)
		require.Equal(t, i == 1, refused.Oneway)
	}
	require.EqualValues(t, 3, o.queue.Len())

	others.Release()
	require.Zero(t, o.queue.Len(), "nobody took it up, and it is gone")
}
