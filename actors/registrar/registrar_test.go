package registrar_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// broker is a host with Topics and a Registrar, and what the Registrar told.
type broker struct {
	t          *testing.T
	world      *sim.World
	host       *sim.Host
	view       topics.View
	topics     *actor.PID
	registrar  *actor.PID
	registered []*registrar.Registered
}

func newBroker(t *testing.T, w *sim.World, configure func(*registrar.Options)) *broker {
	b := &broker{t: t, world: w, host: w.Host("broker")}
	e := b.host.Env()
	root := e.Actors.Root
	spawn := func(name string, props *actor.Props) *actor.PID {
		pid, err := root.SpawnNamed(props, name)
		require.NoError(t, err)
		return pid
	}
	listener := spawn("listener", e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*registrar.Registered); ok {
				b.registered = append(b.registered, m)
			}
		})
	}))
	b.registrar = actor.NewPID(listener.Address, "registrar")
	b.topics = spawn("topics", topics.Props(topics.Options{
		Env: e, View: &b.view, Dir: "/config", Cluster: "c1", Broker: "broker-a", AutoCreate: func() bool { return true }, Watchers: []*actor.PID{b.registrar},
	}))
	w.Settle()
	o := registrar.Options{
		Env: e, Topics: &b.view, NameServers: []string{"ns1:9876", "ns2:9876"}, Cluster: "c1", Broker: "broker-a",
		Permission: func() int32 { return 6 }, Listeners: []*actor.PID{listener}, TopicsOwner: b.topics,
	}
	if configure != nil {
		configure(&o)
	}
	spawn("registrar", registrar.Props(o))
	return b
}

func (b *broker) begin() {
	b.host.Env().Send(b.registrar, &registrar.Begin{Addr: "10.0.0.1:10911", HAAddr: "10.0.0.1:10912"})
}

func (b *broker) create(names ...string) {
	for _, name := range names {
		b.host.Env().Send(b.topics, &topics.Ensure{Topic: name, Queues: 4, Perm: 6})
	}
}

// nameServer starts a real name server on a host.
func nameServer(t *testing.T, w *sim.World, host string) {
	ready := false
	_, err := namesrv.Begin(w.Host(host).Env(), config.DefaultNameServer(), func(_ netip.AddrPort, err error) {
		require.NoError(t, err)
		ready = true
	})
	require.NoError(t, err)
	require.NoError(t, w.Run(func() bool { return ready }, time.Second))
}

// route asks a name server for a topic's route, nil when it knows none.
func route(t *testing.T, w *sim.World, host, topic string) *messages.TopicRouteData {
	t.Helper()
	c, err := w.Host("client").Dial(host + ":9876")
	require.NoError(t, err)
	defer c.Close()
	request := &messages.Command{Code: int32(messages.CodeGetRouteInfoByTopic)}
	request.Ext.Set("topic", topic)
	response, err := c.Call(request)
	require.NoError(t, err)
	if response.Code == int32(messages.TopicNotExist) {
		return nil
	}
	require.Equal(t, int32(messages.Success), response.Code, response.Remark)
	r, err := messages.DecodeTopicRoute(response.Body)
	require.NoError(t, err)
	return r
}

func TestABrokerIsKnownToAllNameServers(t *testing.T) {
	w := sim.New(1, sim.Options{})
	nameServer(t, w, "ns1")
	nameServer(t, w, "ns2")
	b := newBroker(t, w, nil)
	w.Advance(time.Second)
	require.Nil(t, route(t, w, "ns1", "TBW102"), "nothing is said before Begin")
	b.begin()
	w.Advance(100 * time.Millisecond)
	for _, ns := range []string{"ns1", "ns2"} {
		r := route(t, w, ns, "TBW102")
		require.NotNil(t, r)
		require.Equal(t, map[int64]string{0: "10.0.0.1:10911"}, r.BrokerDatas[0].BrokerAddrs)
	}
	b.create("A", "B", "C")
	w.Advance(100 * time.Millisecond)
	for _, ns := range []string{"ns1", "ns2"} {
		require.NotNil(t, route(t, w, ns, "C"))
	}
}

func TestANameServerThatIsDownDelaysNoOther(t *testing.T) {
	w := sim.New(1, sim.Options{})
	nameServer(t, w, "ns2")
	w.Partition(w.Host("broker"), w.Host("ns1")) // silent, which is worse than refusing
	b := newBroker(t, w, nil)
	b.begin()
	w.Advance(100 * time.Millisecond)
	require.NotNil(t, route(t, w, "ns2", "TBW102"))
	b.create("A")
	w.Advance(100 * time.Millisecond)
	require.NotNil(t, route(t, w, "ns2", "A"))

	nameServer(t, w, "ns1")
	w.Heal()
	w.Advance(15 * time.Second)
	require.NotNil(t, route(t, w, "ns1", "A"))
}

func TestANameServerThatStartsAnewIsToldEverything(t *testing.T) {
	w := sim.New(1, sim.Options{})
	nameServer(t, w, "ns1")
	b := newBroker(t, w, nil)
	b.begin()
	b.create("A")
	w.Advance(time.Second)
	w.Host("ns1").Crash(sim.ProcessKill)
	w.Advance(20 * time.Second)
	w.Host("ns1").Restart()
	nameServer(t, w, "ns1")
	w.Advance(6 * time.Second) // well before the period of 30 s
	require.NotNil(t, route(t, w, "ns1", "A"))
	require.NotNil(t, route(t, w, "ns1", "TBW102"))
}

func TestWhoStopsSaysGoodBye(t *testing.T) {
	w := sim.New(1, sim.Options{})
	s := newFake(t, w, "ns1")
	b := newBroker(t, w, nil)
	b.begin()
	w.Advance(time.Second)
	b.host.Env().Actors.Root.Stop(b.registrar)
	w.Advance(time.Second)
	last := s.requests[len(s.requests)-1]
	require.Equal(t, int32(messages.CodeUnregisterBroker), last.Code)
	require.Equal(t, "broker-a 10.0.0.1:10911 c1 0", fmt.Sprintf("%s %s %s %s", last.Ext.Text("brokerName"),
		last.Ext.Text("brokerAddr"), last.Ext.Text("clusterName"), last.Ext.Text("brokerId")))
	require.Zero(t, w.Connections(b.host, w.Host("ns1")))
}

func TestTheListOfNameServersChanges(t *testing.T) {
	w := sim.New(1, sim.Options{})
	s1, s2, s3 := newFake(t, w, "ns1"), newFake(t, w, "ns2"), newFake(t, w, "ns3")
	b := newBroker(t, w, nil)
	b.begin()
	w.Advance(time.Second)
	require.Len(t, s2.requests, 1)
	b.host.Env().Send(b.registrar, &registrar.NameServers{Addrs: []string{"ns2:9876", "ns3:9876"}})
	w.Advance(time.Second)
	require.Equal(t, int32(messages.CodeUnregisterBroker), s1.requests[len(s1.requests)-1].Code)
	require.Len(t, s2.requests, 1, "nothing changes for who stays")
	require.Len(t, s3.requests, 1)
}

// fake is a name server that records what it is told, and answers as it is told.
type fake struct {
	requests []*messages.Command
	answer   func(*messages.Command) *messages.Command
}

func newFake(t *testing.T, w *sim.World, host string) *fake {
	f := &fake{answer: func(c *messages.Command) *messages.Command { return c.Respond(messages.Success, "") }}
	e := w.Host(host).Env()
	handle := func(r *front.Request) (*messages.Command, error) {
		f.requests = append(f.requests, r.Command.Clone())
		return f.answer(r.Command), nil
	}
	handlers := front.Handlers{
		messages.CodeRegisterBroker: handle, messages.CodeUnregisterBroker: handle, messages.CodeRegisterTopicInNamesrv: handle,
	}
	owner, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Requests); ok {
				handlers.Serve(e, m)
			}
		})
	}), "owner")
	require.NoError(t, err)
	owners := make(map[messages.RequestCode]*actor.PID)
	for _, code := range handlers.Codes() {
		owners[code] = owner
	}
	listener, err := e.Actors.Root.SpawnNamed(front.Props(front.Options{
		Env: e, Addr: ":9876", Routes: &front.Routes{Owners: owners}, Credits: front.NewCredits(1 << 24),
		Limits: front.Limits{Frame: 1 << 20, Connection: 1 << 22, Owed: 1 << 20}, Idle: time.Hour,
	}), "listener")
	require.NoError(t, err)
	e.Actors.Root.RequestWithCustomSender(listener, &front.Bind{}, owner)
	w.Settle()
	return f
}

// names returns the topics of each registration, with their permissions.
func (f *fake) names(t *testing.T) []map[string]int32 {
	var all []map[string]int32
	for _, c := range f.requests {
		table, err := messages.DecodeRegisterBroker(c.Body, false, c.Version)
		require.NoError(t, err)
		names := make(map[string]int32)
		for name, config := range table.TopicConfigTable {
			names[name] = config.Perm
		}
		all = append(all, names)
	}
	return all
}

func one(t *testing.T, configure func(*registrar.Options)) (*sim.World, *fake, *broker) {
	w := sim.New(1, sim.Options{})
	s := newFake(t, w, "ns1")
	b := newBroker(t, w, func(o *registrar.Options) {
		o.NameServers = []string{"ns1:9876"}
		if configure != nil {
			configure(o)
		}
	})
	return w, s, b
}

func TestWhatARegistrationSays(t *testing.T) {
	w, s, b := one(t, func(o *registrar.Options) { o.BrokerID, o.HeartbeatTimeout, o.ActingMaster = 3, 10*time.Second, true })
	b.begin()
	w.Advance(time.Second)
	require.Len(t, s.requests, 1)
	fields := map[string]string{}
	for _, f := range s.requests[0].Ext.Fields() {
		fields[string(f.Key)] = string(f.Value)
	}
	require.NotEqual(t, "0", fields["bodyCrc32"])
	delete(fields, "bodyCrc32")
	require.Equal(t, map[string]string{
		"brokerName": "broker-a", "brokerAddr": "10.0.0.1:10911", "clusterName": "c1", "brokerId": "3",
		"haServerAddr": "10.0.0.1:10912", "enableActingMaster": "true", "compressed": "false", "heartbeatTimeoutMillis": "10000",
	}, fields)
	require.Len(t, s.names(t)[0], b.view.Load().Len(), "all topics")
}

func TestOnlyWhatChangedIsToldUntilThePeriodEnds(t *testing.T) {
	w, s, b := one(t, nil)
	b.begin()
	w.Advance(time.Second)
	b.create("A", "B")
	w.Advance(time.Second)
	b.create("C")
	w.Advance(time.Second)
	names := s.names(t)
	require.Equal(t, []map[string]int32{{"A": 6, "B": 6}, {"C": 6}}, names[1:])
	w.Advance(30 * time.Second)
	require.Len(t, s.requests, 4)
	require.Len(t, s.names(t)[3], b.view.Load().Len())
}

func TestSingleTopicsGoOneByOne(t *testing.T) {
	w, s, b := one(t, func(o *registrar.Options) { o.SingleTopics = true })
	b.begin()
	w.Advance(time.Second)
	b.create("A", "B")
	w.Advance(time.Second)
	require.Len(t, s.requests, 3)
	for i, name := range []string{"A", "B"} {
		c := s.requests[i+1]
		require.Equal(t, int32(messages.CodeRegisterTopicInNamesrv), c.Code)
		require.Equal(t, name, c.Ext.Text("topic"))
		r, err := messages.DecodeTopicRoute(c.Body)
		require.NoError(t, err)
		require.Equal(t, []messages.QueueData{{BrokerName: "broker-a", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6}}, r.QueueDatas)
	}
}

func TestTheBrokersPermissionBoundsItsTopics(t *testing.T) {
	w, s, b := one(t, func(o *registrar.Options) { o.Permission = func() int32 { return messages.PermRead } })
	b.begin()
	w.Advance(time.Second)
	require.Equal(t, int32(4), s.names(t)[0]["SELF_TEST_TOPIC"])
	require.Equal(t, int32(6), b.view.Load().Find("SELF_TEST_TOPIC").Perm)
}

// An operator closes the broker to producers, and opens it again.
func TestAChangedPermissionIsRegisteredAtOnce(t *testing.T) {
	permission := int32(6)
	w, s, b := one(t, func(o *registrar.Options) { o.Permission = func() int32 { return permission } })
	b.begin()
	w.Advance(time.Second)
	for i, want := range []int32{4, 6} {
		permission = want
		b.host.Env().Send(b.topics, &topics.Renew{})
		w.Advance(time.Second)
		names := s.names(t)
		require.Len(t, names, i+2)
		require.Equal(t, want, names[i+1]["SELF_TEST_TOPIC"])
		require.Len(t, names[i+1], b.view.Load().Len())
	}
}

func TestARefusedUpdateIsFollowedByEverything(t *testing.T) {
	w, s, b := one(t, nil)
	b.begin()
	w.Advance(time.Second)
	s.answer = func(c *messages.Command) *messages.Command {
		s.answer = func(c *messages.Command) *messages.Command { return c.Respond(messages.Success, "") }
		return c.Respond(messages.SystemError, "register broker failed")
	}
	b.create("A")
	w.Advance(100 * time.Millisecond)
	names := s.names(t)
	require.Len(t, names, 3)
	require.Len(t, names[1], 1)
	require.Len(t, names[2], b.view.Load().Len())
}

func TestARefusedRegistrationIsRepeated(t *testing.T) {
	w, s, b := one(t, nil)
	s.answer = func(c *messages.Command) *messages.Command { return c.Respond(messages.SystemError, "not now") }
	b.begin()
	w.Advance(3500 * time.Millisecond)
	require.Len(t, s.requests, 4, "once a second")
	require.Empty(t, b.registered)
}

func TestWhatANameServerAnswersIsPassedOn(t *testing.T) {
	w, s, b := one(t, func(o *registrar.Options) { o.BrokerID = 1 })
	b.create("A")
	w.Advance(time.Second)
	s.answer = func(c *messages.Command) *messages.Command {
		response := c.Respond(messages.Success, "")
		response.Ext.Set("masterAddr", "m:1")
		response.Ext.Set("haServerAddr", "m:2")
		response.Body = []byte(`{"table":{"A":"broker-a:4"}}`)
		return response
	}
	b.begin()
	w.Advance(time.Second)
	require.Equal(t, []*registrar.Registered{{NameServer: "ns1:9876", MasterAddr: "m:1", HAAddr: "m:2"}}, b.registered)
	require.True(t, b.view.Load().Find("A").Order)
}

// Whatever happens to the network and to the name servers, each of them knows
// every topic once things are quiet again.
func TestNameServersConverge(t *testing.T) {
	sim.Seeds(t, 40, sim.Options{}, func(t *testing.T, w *sim.World) {
		servers := []string{"ns1", "ns2"}
		for _, ns := range servers {
			nameServer(t, w, ns)
		}
		b := newBroker(t, w, nil)
		b.begin()
		rand := b.host.Env().Rand
		var created []string
		for i := range 30 {
			ns := w.Host(servers[rand.IntN(2)])
			switch rand.IntN(6) {
			case 0:
				w.Partition(b.host, ns)
			case 1:
				w.Heal()
			case 2:
				w.Reset(b.host, ns)
			case 3:
				ns.Crash(sim.ProcessKill)
				w.Advance(time.Duration(rand.IntN(3000)) * time.Millisecond)
				ns.Restart()
				nameServer(t, w, ns.Name())
			default:
				name := fmt.Sprint("T", i)
				created = append(created, name)
				b.create(name)
			}
			w.Advance(time.Duration(rand.IntN(10_000)) * time.Millisecond)
		}
		w.Heal()
		w.Advance(35 * time.Second)
		for _, ns := range servers {
			for _, name := range append(created, "TBW102") {
				require.NotNil(t, route(t, w, ns, name), "%s at %s", name, ns)
			}
		}
	})
}
