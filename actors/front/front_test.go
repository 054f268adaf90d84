package front_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport/remoting"
)

// uncut has every write arrive as one.
var uncut = sim.Options{Link: sim.Link{MaxDelay: time.Millisecond, CutRate: -1}}

func TestABurstReachesEachOwnerAsOneMessage(t *testing.T) {
	s := newServer(t, sim.New(1, uncut), nil)
	c := s.dial("client")
	var frames []byte
	for i := range 6 {
		code := echo
		if i%2 == 1 {
			code = slow
		}
		r := request(code, strconv.Itoa(i))
		r.Opaque = int32(1000 + i)
		frames = remoting.AppendFrame(frames, r)
	}
	c.Write(frames)
	s.world.Advance(time.Second)
	require.ElementsMatch(t, []burst{{"quick", []string{"0", "2", "4"}}, {"slow", []string{"1", "3", "5"}}}, s.bursts)
	s.release()
	s.world.Advance(time.Second)
	require.Len(t, c.Stray(), 6, "each is answered under its own opaque")
}

func TestRequestsKeepTheirOrderHoweverTheyArrive(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{Link: sim.Link{MaxDelay: time.Millisecond, CutRate: 2}}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		c := s.dial("client")
		var calls []*sim.Call
		want := ""
		for i := range 100 {
			body := fmt.Sprintf("%d;%s;", i, strings.Repeat("x", w.Host("client").Env().Rand.IntN(300)))
			want += body
			r := request(echo, body)
			r.Encoding = messages.HeaderEncoding(i % 2)
			calls = append(calls, c.Send(r))
		}
		for _, call := range calls {
			response, err := call.Wait(time.Minute)
			require.NoError(t, err)
			require.Equal(t, string(call.Request.Body), string(response.Body))
			require.Equal(t, call.Request.Encoding, response.Encoding, "the answer mirrors the header's encoding")
			require.True(t, response.IsResponse())
		}
		got := ""
		for _, b := range s.bursts {
			got += strings.Join(b.bodies, "")
		}
		require.Equal(t, want, got)
	})
}

func TestOutcomesOfRequests(t *testing.T) {
	s := newServer(t, sim.New(1, sim.Options{AllowPanics: true}), nil)
	c := s.dial("client")
	tests := []struct {
		code   messages.RequestCode
		want   messages.ResponseCode
		remark string
	}{
		{echo, messages.Success, ""},
		{refuse, messages.NoPermission, "no 1"},
		{unknown, messages.RequestCodeNotSupported, " request type 999 not supported"},
		{broken, messages.SystemError, "internal error: out of order"},
		{echo, messages.Success, ""},
	}
	for _, test := range tests {
		response := s.call(c, request(test.code, "x"))
		require.Equal(t, int32(test.want), response.Code)
		require.Equal(t, test.remark, response.Remark)
	}
}

func TestOnewayRequestsAreNotAnswered(t *testing.T) {
	s := newServer(t, sim.New(1, sim.Options{AllowPanics: true}), nil)
	c := s.dial("client")
	for _, code := range []messages.RequestCode{echo, refuse, unknown, broken, large} {
		r := request(code, "x")
		r.Flag = messages.FlagOneway
		c.Send(r)
	}
	s.serves(c)
	require.Empty(t, c.Stray())
	require.Equal(t, s.lent, s.returned)
}

func TestPortInUse(t *testing.T) {
	w := sim.New(1, sim.Options{})
	s := newServer(t, w, nil)
	require.NoError(t, s.bound.Err)
	require.EqualValues(t, 1, s.bound.Addr.Port())
	second := s.spawn("second", front.Props(front.Options{Env: s.env, Addr: ":1", Idle: time.Minute}))
	s.bound = nil
	s.env.Actors.Root.RequestWithCustomSender(second, &front.Bind{}, s.watcher)
	w.Settle()
	require.ErrorContains(t, s.bound.Err, "address already in use")
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	w := sim.New(1, sim.Options{})
	s := newServer(t, w, nil)
	silent, lively := s.dial("silent"), s.dial("lively")
	for range 4 {
		w.Advance(30 * time.Second)
		s.serves(lively)
	}
	isClosed, _ := silent.IsClosed()
	require.False(t, isClosed, "two minutes are not over yet")
	w.Advance(16 * time.Second)
	isClosed, _ = silent.IsClosed()
	require.True(t, isClosed)
	s.serves(lively)
	require.Len(t, s.closed, 1)
	require.Equal(t, silent.Addr(), s.closed[0].Remote)
}

func TestStoppingTheListenerClosesItsConnections(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		served := s.dial("served")
		s.serves(served)
		fresh := s.dial("fresh") // may not have an actor yet
		s.env.Actors.Root.Stop(s.listener)
		w.Advance(time.Second)
		for _, c := range []*sim.Client{served, fresh} {
			isClosed, _ := c.IsClosed()
			require.True(t, isClosed)
		}
		_, err := w.Host("late").Dial("server:1")
		require.ErrorContains(t, err, "refused")
	})
}

func TestWatchersHearOfEachClosedConnectionOnceAfterItsRequests(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		var clients []*sim.Client
		for i := range 5 {
			c := s.dial(fmt.Sprintf("client-%d", i))
			s.serves(c)
			clients = append(clients, c)
		}
		clients[0].Close()
		w.Reset(s.host, w.Host("client-1"))
		w.Host("client-2").Crash(sim.ProcessKill)
		s.env.Send(s.peer(clients[3]).PID, &messages.CloseConnection{Reason: "test"})
		w.Advance(time.Second)
		var gone []uint64
		for _, p := range s.closed {
			gone = append(gone, p.Serial)
		}
		require.ElementsMatch(t, []uint64{1, 2, 3, 4}, gone)
		s.serves(clients[4])
	})
}

// The read path recycles memory by pools, which depend on the garbage collector:
// none of that may show.
func TestARunIsAFunctionOfItsSeed(t *testing.T) {
	run := func(seed uint64) string {
		w := sim.New(seed, sim.Options{Link: sim.Link{MaxDelay: time.Millisecond, ResetRate: 100}})
		s := newServer(t, w, func(o *front.Options) { o.Limits.Connection = 50_000 })
		for i := range 4 {
			c := s.dial(fmt.Sprintf("client-%d", i))
			for j := range 20 {
				c.Send(request([]messages.RequestCode{echo, slow, large}[j%3], strings.Repeat("x", 100*j)))
			}
		}
		w.Advance(5 * time.Millisecond)
		runtime.GC()
		s.release()
		w.Advance(time.Second)
		require.NoError(t, w.Err())
		return w.Digest()
	}
	for seed := range uint64(10) {
		require.Equal(t, run(seed), run(seed), "seed %d", seed)
	}
}
