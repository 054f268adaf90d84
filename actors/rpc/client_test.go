package rpc_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/rpc"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// The request codes of the server.
const (
	echo   messages.RequestCode = 1 // answers with the request's remark
	silent messages.RequestCode = 2 // is never answered
	push   messages.RequestCode = 3 // makes the server ask the client
)

const addr = "server:1"

// pair is a Client on host "client" and what its asker and watcher were told.
type pair struct {
	t       *testing.T
	world   *sim.World
	client  *sim.Host
	pid     *actor.PID
	asker   *actor.PID
	answers []*messages.Answer
	up      int
	down    []error
	seen    []string // remarks of the requests that the server got
	asked   []*messages.Command
	pushed  []*messages.Answer
}

func newPair(t *testing.T, seed uint64) *pair {
	p := &pair{t: t, world: sim.New(seed, sim.Options{})}
	p.client = p.world.Host("client")
	p.world.Host("server")
	e := p.client.Env()
	p.asker = p.spawn(p.client, "asker", e.Props(func() actor.Actor { return actor.ReceiveFunc(p.told) }))
	p.pid = p.spawn(p.client, "rpc", rpc.Props(rpc.Options{Env: e, Addr: addr, Watcher: p.asker, Owner: p.asker}))
	return p
}

func (p *pair) spawn(h *sim.Host, name string, props *actor.Props) *actor.PID {
	pid, err := h.Env().Actors.Root.SpawnNamed(props, name)
	require.NoError(p.t, err)
	return pid
}

func (p *pair) told(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Answer:
		p.answers = append(p.answers, m)
	case *rpc.Connected:
		p.up++
	case *rpc.Disconnected:
		p.down = append(p.down, m.Err)
	case *messages.Requests:
		front.Handlers{push: func(r *front.Request) (*messages.Command, error) {
			p.asked = append(p.asked, r.Command)
			return r.Response(messages.Success, "from the client"), nil
		}}.Serve(p.client.Env(), m)
	}
}

// serve starts the server's process.
func (p *pair) serve() {
	h := p.world.Host("server")
	e := h.Env()
	var self *actor.PID
	handlers := front.Handlers{
		echo: func(r *front.Request) (*messages.Command, error) {
			p.seen = append(p.seen, r.Command.Remark)
			return r.Response(messages.Success, r.Command.Remark), nil
		},
		silent: func(r *front.Request) (*messages.Command, error) {
			p.seen = append(p.seen, r.Command.Remark)
			return nil, nil
		},
		push: func(r *front.Request) (*messages.Command, error) {
			e.Send(r.Peer.PID, &messages.Ask{Command: command(push, ""), ReplyTo: self, Timeout: 1000})
			return r.Response(messages.Success, ""), nil
		},
	}
	self = p.spawn(h, "owner", e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *messages.Requests:
				handlers.Serve(e, m)
			case *messages.Answer:
				p.pushed = append(p.pushed, m)
			}
		})
	}))
	owners := map[messages.RequestCode]*actor.PID{echo: self, silent: self, push: self}
	listener := p.spawn(h, "listener", front.Props(front.Options{
		Env: e, Addr: ":1", Routes: &front.Routes{Owners: owners}, Credits: front.NewCredits(1 << 20),
		Limits: front.Limits{Frame: 1 << 20, Connection: 1 << 20, Owed: 1 << 20}, Idle: time.Hour,
	}))
	e.Actors.Root.RequestWithCustomSender(listener, &front.Bind{}, self)
	p.world.Settle()
}

func command(code messages.RequestCode, remark string) *messages.Command {
	return &messages.Command{Code: int32(code), Remark: remark}
}

func (p *pair) ask(code messages.RequestCode, remark string, timeout time.Duration) {
	p.client.Env().Send(p.pid, &messages.Ask{
		Command: command(code, remark), ReplyTo: p.asker, Token: remark, Timeout: timeout.Milliseconds(),
	})
}

// wait runs the world until n answers are there.
func (p *pair) wait(n int) {
	p.t.Helper()
	require.NoError(p.t, p.world.Run(func() bool { return len(p.answers) >= n }, time.Minute))
	require.Len(p.t, p.answers, n)
}

func TestAsksAreAnsweredOverOneConnection(t *testing.T) {
	p := newPair(t, 1)
	p.serve()
	for i := range 20 {
		p.ask(echo, fmt.Sprint("ask ", i), time.Second)
	}
	p.wait(20)
	for _, a := range p.answers {
		require.NoError(t, a.Err)
		require.Equal(t, a.Token, a.Command.Remark)
	}
	require.Equal(t, 1, p.up)
	require.Equal(t, 1, p.world.Connections(p.client, p.world.Host("server")))
}

func TestAnAskThatIsNotAnsweredTimesOut(t *testing.T) {
	p := newPair(t, 1)
	p.serve()
	p.ask(silent, "long", 3*time.Second)
	p.ask(silent, "short", time.Second)
	p.wait(1)
	require.Equal(t, "short", p.answers[0].Token)
	require.ErrorIs(t, p.answers[0].Err, rpc.ErrNoAnswer)
	p.wait(2)
	require.ErrorIs(t, p.answers[1].Err, rpc.ErrNoAnswer)
	require.InDelta(t, 3*time.Second, p.world.Elapsed(), float64(100*time.Millisecond))
	p.ask(echo, "the connection still serves", time.Second)
	p.wait(3)
	require.NoError(t, p.answers[2].Err)
	require.Equal(t, 1, p.up)
}

func TestAServerThatIsDownFailsAsksAtOnceAndIsTriedAgain(t *testing.T) {
	p := newPair(t, 1)
	p.ask(echo, "refused", time.Minute)
	p.wait(1)
	require.Error(t, p.answers[0].Err)
	require.Contains(t, p.answers[0].Err.Error(), addr)
	require.Less(t, p.world.Elapsed(), 50*time.Millisecond)

	p.ask(echo, "waits for the next attempt", time.Minute)
	p.serve()
	p.wait(2)
	require.NoError(t, p.answers[1].Err)
	require.GreaterOrEqual(t, p.world.Elapsed(), 75*time.Millisecond, "attempts keep their distance")
}

func TestTheDistanceOfAttemptsGrows(t *testing.T) {
	p := newPair(t, 1)
	var failedAt []time.Duration
	for i := range 12 {
		p.ask(echo, "anyone?", time.Minute)
		p.wait(i + 1)
		failedAt = append(failedAt, p.world.Elapsed())
	}
	for i := 2; i < len(failedAt); i++ {
		pause, before := failedAt[i]-failedAt[i-1], failedAt[i-1]-failedAt[i-2]
		require.LessOrEqual(t, pause, 5*time.Second+10*time.Millisecond)
		if i < 6 {
			require.Greater(t, pause, before, "after attempt %d", i)
		}
	}
	require.Greater(t, failedAt[11]-failedAt[10], 3*time.Second)
}

func TestAnAskDoesNotWaitForAnAttemptPastItsTimeout(t *testing.T) {
	p := newPair(t, 1)
	server := p.world.Host("server")
	p.world.Partition(p.client, server)
	p.ask(echo, "lost", 500*time.Millisecond)
	p.wait(1)
	require.ErrorIs(t, p.answers[0].Err, rpc.ErrNoAnswer)
	require.InDelta(t, 500*time.Millisecond, p.world.Elapsed(), float64(20*time.Millisecond))
}

func TestABrokenConnectionAnswersWhatWasSentAndIsReplaced(t *testing.T) {
	p := newPair(t, 1)
	p.serve()
	p.ask(silent, "open", time.Minute)
	require.NoError(t, p.world.Run(func() bool { return len(p.seen) == 1 }, time.Second))
	p.world.Reset(p.client, p.world.Host("server"))
	p.wait(1)
	require.ErrorIs(t, p.answers[0].Err, rpc.ErrDisconnected)
	require.NoError(t, p.world.Run(func() bool { return len(p.down) == 1 }, time.Second))

	p.ask(echo, "again", time.Second)
	p.wait(2)
	require.NoError(t, p.answers[1].Err)
	require.Equal(t, 2, p.up)
	require.Equal(t, []string{"open", "again"}, p.seen, "nothing is sent twice")
}

func TestTheServersRequestsReachTheOwner(t *testing.T) {
	p := newPair(t, 1)
	p.serve()
	p.ask(push, "", time.Second)
	require.NoError(t, p.world.Run(func() bool { return len(p.pushed) == 1 }, time.Second))
	require.Len(t, p.asked, 1)
	require.NoError(t, p.pushed[0].Err)
	require.Equal(t, "from the client", p.pushed[0].Command.Remark)
}

func TestWhoStopsSaysFarewellAndAnswersEveryone(t *testing.T) {
	p := newPair(t, 1)
	p.serve()
	p.client.Env().Send(p.pid, &rpc.Farewell{Command: command(echo, "good-bye")})
	p.ask(silent, "open", time.Minute)
	require.NoError(t, p.world.Run(func() bool { return len(p.seen) == 1 }, time.Second))
	p.client.Env().Actors.Root.Stop(p.pid)
	p.wait(1)
	require.ErrorIs(t, p.answers[0].Err, rpc.ErrDisconnected)
	require.NoError(t, p.world.Run(func() bool { return len(p.seen) == 2 }, time.Second))
	require.Equal(t, "good-bye", p.seen[1])
	p.world.Advance(time.Second)
	require.Zero(t, p.world.Connections(p.client, p.world.Host("server")))

	p.ask(echo, "too late", time.Second)
	p.wait(2)
	require.ErrorIs(t, p.answers[1].Err, messages.ErrConnectionClosed)
}

// Whatever the network does, every ask has exactly one answer by its timeout.
func TestEveryAskHasOneAnswer(t *testing.T) {
	for seed := range uint64(30) {
		p := newPair(t, seed)
		server := p.world.Host("server")
		p.world.SetLink(p.client, server, sim.Link{MinDelay: time.Millisecond, MaxDelay: 50 * time.Millisecond, ResetRate: 20})
		p.serve()
		const n = 100
		for i := range n {
			p.ask(echo, fmt.Sprint(i), 2*time.Second)
			p.world.Advance(10 * time.Millisecond)
		}
		p.world.Advance(10 * time.Second)
		require.NoError(t, p.world.Err())
		require.Len(t, p.answers, n, "seed %d", seed)
		tokens := map[any]bool{}
		for _, a := range p.answers {
			require.False(t, tokens[a.Token], "seed %d: ask %v was answered twice", seed, a.Token)
			tokens[a.Token] = true
			if a.Err == nil {
				require.Equal(t, a.Token, a.Command.Remark)
			} else {
				require.True(t, errors.Is(a.Err, rpc.ErrDisconnected) || errors.Is(a.Err, rpc.ErrNoAnswer) || a.Command == nil)
			}
		}
	}
}
