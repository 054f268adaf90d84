package namesrv_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport/tcp"
)

// On real sockets and threads: a port in use is an error that says so, and a
// stopped name server gives its port back.
func TestStartAndStop(t *testing.T) {
	network, pool := tcp.New(tcp.Options{}), mailbox.NewPool()
	newEnv := func() *env.Env {
		return env.System(network, vfs.NewMem(time.Now), pool, zerolog.Nop())
	}
	c := config.DefaultNameServer()
	c.BindAddress, c.ListenPort = "127.0.0.1", 0
	one, err := namesrv.Start(newEnv(), c)
	require.NoError(t, err)
	require.NotZero(t, one.Addr().Port())

	c.ListenPort = int(one.Addr().Port())
	_, err = namesrv.Start(newEnv(), c)
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	require.NoError(t, one.Stop())
	require.NoError(t, one.Stop(), "once more changes nothing")
	two, err := namesrv.Start(newEnv(), c)
	require.NoError(t, err)
	require.NoError(t, two.Stop())
	require.NoError(t, two.Err())
	require.NoError(t, network.Close())
	pool.Close()
}

func TestWhatKeepsANameServerFromStarting(t *testing.T) {
	e := sim.New(1, sim.Options{}).Host("ns").Env()
	c := config.DefaultNameServer()
	c.ListenPort = -1
	_, err := namesrv.Begin(e, c, nil)
	require.ErrorContains(t, err, "listenPort")

	c = config.DefaultNameServer()
	c.KVConfigPath = "/kvConfig.json"
	f, err := e.FS.Create(c.KVConfigPath)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(`{"configTable":[1,`), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = namesrv.Begin(e, c, nil)
	require.ErrorContains(t, err, "kvConfig.json", "settings that cannot be read are not replaced by none")
}

// The members of a broker hear from the name server when another of them has the
// lowest id, if they may act as master.
func TestTheLowestIDOfABrokerIsTold(t *testing.T) {
	s := &story{t: t, world: sim.New(1, sim.Options{}), clients: make(map[string]*sim.Client)}
	s.start([]string{"notifyMinBrokerIdChanged=true"})
	notices := make(map[string][]string)
	for _, host := range []string{"b0", "b1", "b2"} {
		s.listen(host, func(c *messages.Command) {
			notices[host] = append(notices[host], c.Ext.Text("minBrokerId")+" "+c.Ext.Text("minBrokerAddr")+
				" offline="+c.Ext.Text("offlineBrokerAddr")+" ha="+c.Ext.Text("haBrokerAddr"))
		})
		c, err := s.world.Host(host).Dial("ns:9876")
		require.NoError(t, err)
		s.clients[host] = c
	}
	register := func(host, id string) {
		s.show(host, s.register([]string{"broker=broker-a", "addr=" + host + ":1", "id=" + id, "enableActingMaster=true"}, "T\nU"))
		s.world.Advance(time.Second)
	}
	register("b2", "2")
	register("b1", "1")
	require.Equal(t, map[string][]string{"b2": {"1 b1:1 offline= ha=b1:1-ha"}}, notices, "a newcomer is told to those who were there")
	register("b0", "0")
	clear(notices)
	s.clients["b0"].Close()
	s.world.Advance(time.Second)
	const gone = "1 b1:1 offline=b0:1 ha="
	require.Equal(t, map[string][]string{"b1": {gone}, "b2": {gone}}, notices)
	clear(notices)
	s.clients["b2"].Close()
	s.world.Advance(time.Second)
	require.Empty(t, notices, "the lowest is still there")
	s.world.Advance(3 * time.Minute)
	require.Zero(t, s.world.Connections(s.world.Host("ns"), s.world.Host("b1")), "no connection is kept for the next time")
	require.NoError(t, s.world.Err())
}

// listen has a host take requests on port 1.
func (s *story) listen(host string, took func(*messages.Command)) {
	e := s.world.Host(host).Env()
	handlers := front.Handlers{messages.CodeNotifyMinBrokerIDChange: func(r *front.Request) (*messages.Command, error) {
		require.True(s.t, r.Oneway)
		took(r.Command)
		return nil, nil
	}}
	owner, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Requests); ok {
				handlers.Serve(e, m)
			}
		})
	}), "owner")
	require.NoError(s.t, err)
	listener, err := e.Actors.Root.SpawnNamed(front.Props(front.Options{
		Env: e, Addr: ":1", Routes: &front.Routes{Owners: map[messages.RequestCode]*actor.PID{messages.CodeNotifyMinBrokerIDChange: owner}},
		Credits: front.NewCredits(1 << 20), Limits: front.Limits{Frame: 1 << 20, Connection: 1 << 20, Owed: 1 << 20}, Idle: time.Hour,
	}), "listener")
	require.NoError(s.t, err)
	e.Actors.Root.RequestWithCustomSender(listener, &front.Bind{}, owner)
	s.world.Settle()
}

// A registry that panics starts anew, and the brokers come back by themselves;
// meanwhile nothing else stops.
func TestARegistryThatPanicsStartsAnew(t *testing.T) {
	w := sim.New(1, sim.Options{AllowPanics: true})
	s := &story{t: t, world: w, clients: make(map[string]*sim.Client)}
	s.start(nil)
	c, err := w.Host("b1").Dial("ns:9876")
	require.NoError(t, err)
	s.clients["b1"] = c
	words := []string{"broker=broker-a", "addr=b1:1"}
	require.Equal(t, "0", s.show("b1", s.register(words, "T\nU")))
	e := w.Host("ns").Env()
	e.Send(actor.NewPID(e.Actors.Address(), "namesrv/registry"), &messages.Requests{Commands: []*messages.Command{nil}})
	w.Advance(time.Second)
	clusters := &messages.Command{Code: int32(messages.CodeGetBrokerClusterInfo)}
	require.Contains(t, s.show("b1", clusters), `"brokerAddrTable":{}`)
	require.Equal(t, "0", s.show("b1", s.register(words, "T\nU")))
	require.Contains(t, s.show("b1", clusters), "broker-a")
}

// Many clients ask for routes while brokers register: no answer is ever older
// than what its client has seen acknowledged.
func TestRoutesAreNeverOlderThanAnAcknowledgedRegistration(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := &story{t: t, world: w, clients: make(map[string]*sim.Client)}
		s.start(nil)
		for _, host := range []string{"b1", "client"} {
			c, err := w.Host(host).Dial("ns:9876")
			require.NoError(t, err)
			s.clients[host] = c
		}
		for i := 1; i <= 10; i++ {
			queues := []string{"1", "2", "3"}[i%3]
			request := s.register([]string{"broker=broker-a", "addr=b1:1", "version=" + string(rune('0'+i%10))}, "T "+queues+"\nU")
			asked := s.clients["client"].Send(&messages.Command{Code: int32(messages.CodeGetBrokerClusterInfo)})
			require.Equal(t, "0", s.show("b1", request))
			route := &messages.Command{Code: int32(messages.CodeGetRouteInfoByTopic)}
			route.Ext.Set("topic", "T")
			require.Contains(t, s.show("client", route), `"writeQueueNums":`+queues)
			_, err := asked.Wait(time.Second)
			require.NoError(t, err)
		}
	})
}

// Each request code has one owner, and what is listed is answered.
func TestCodes(t *testing.T) {
	s := &story{t: t, world: sim.New(1, sim.Options{}), clients: make(map[string]*sim.Client)}
	s.start(nil)
	c, err := s.world.Host("client").Dial("ns:9876")
	require.NoError(t, err)
	codes := namesrv.Codes()
	require.Len(t, codes, 23)
	require.Equal(t, codes, slices.Compact(slices.Clone(codes)))
	for _, code := range codes {
		response, err := c.Call(&messages.Command{Code: int32(code)})
		require.NoError(t, err)
		require.NotEqual(t, int32(messages.RequestCodeNotSupported), response.Code, "%d", code)
	}
}
