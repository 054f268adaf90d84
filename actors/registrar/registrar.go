package registrar

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/rpc"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
)

// Options configures a Registrar.
type Options struct {
	Env    *env.Env
	Topics *topics.View
	// NameServers are the addresses, "host:port"; NameServers messages replace
	// them.
	NameServers []string

	Cluster, Broker string
	BrokerID        int64
	// Permission is the brokerPermission: it bounds those of the topics.
	Permission func() int32
	// Period is how often everything is registered (registerNameServerPeriod);
	// it is kept within 10 to 60 s, 0 means 30 s.
	Period time.Duration
	// Timeout is how long a name server may take to answer
	// (registerBrokerTimeoutMills; 0 means 24 s).
	Timeout time.Duration
	// HeartbeatTimeout asks the name server to forget the broker that long after
	// the last registration; 0 leaves that to the name server.
	HeartbeatTimeout time.Duration
	// ActingMaster tells that slaves may stand in for the master
	// (enableSlaveActingMaster).
	ActingMaster bool
	// SingleTopics registers changed topics one by one, for name servers that
	// take what is missing in a registration as deleted
	// (enableSingleTopicRegister).
	SingleTopics bool
	// Listeners get a *Registered after each registration.
	Listeners []*actor.PID
	// TopicsOwner gets the ordered topics that name servers know of; may be nil.
	TopicsOwner *actor.PID
}

// Begin starts the registrations: the broker takes requests now.
type Begin struct {
	Addr   string // what clients reach the broker at
	HAAddr string // what slaves reach it at
}

// ErrNoNameServer answers an Ask of a broker that has no name servers. The Registrar
// takes Asks, and has name servers asked in turn.
var ErrNoNameServer = errors.New("registrar: there is no name server")

// NameServers replaces the list of name servers.
type NameServers struct{ Addrs []string }

// Registered tells that a name server took a registration of all topics, and
// what it answered: the master's addresses to a slave, "" to a master.
type Registered struct {
	NameServer         string
	MasterAddr, HAAddr string
}

const (
	// settle collects changes that come one after the other, as when an operator
	// creates many topics.
	settle = 10 * time.Millisecond
	// retryAfter is the pause after a registration that failed.
	retryAfter = time.Second
)

// Props returns the props of a Registrar. After a restart it waits for Begin; its
// supervisor should stop the broker's registration rather than restart it.
func Props(o Options) *actor.Props {
	o.Period = min(max(cmp.Or(o.Period, 30*time.Second), 10*time.Second), time.Minute)
	o.Timeout = cmp.Or(o.Timeout, 24*time.Second)
	return o.Env.Props(func() actor.Actor {
		return &registrar{Options: o, servers: make(map[string]*server)}
	}, actor.WithSupervisor(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })))
}

// server is one name server and what it was told.
type server struct {
	addr   string
	client *actor.PID
	// acked is the table that it has taken, nil when it may know nothing of this
	// broker. asked is the one on its way, nil when none is; again says that it
	// was out of date before it was answered, whole that all must be told.
	acked, asked *topics.Table
	again, whole bool
	failing      bool // the last registration failed
	retry        env.Timer
}

type registrar struct {
	Options
	self    *actor.PID
	begun   *Begin             // nil until then
	servers map[string]*server // by address
	spawned int                // clients so far; their names
	asked   int                // on others' behalf
	tick    env.Timer
	settled env.Timer // set while changes are collected
	renewed bool      // these are of all topics
	body    encoded   // the last body of all topics
}

type (
	period  struct{}
	changed struct{}
	retry   struct{ server *server }
)

func (r *registrar) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.self = ctx.Self()
	case *Begin:
		r.begin(ctx, m)
	case *NameServers:
		r.NameServers = m.Addrs
		r.connect(ctx)
	case *topics.Changed:
		r.renewed = r.renewed || m.All
		if r.begun != nil && r.settled == nil {
			r.settled = r.Env.Tell(r.self, settle, &changed{})
		}
	case *changed:
		all := r.renewed
		r.settled, r.renewed = nil, false
		r.each(func(s *server) { r.register(s, all) })
	case *period:
		r.tick = r.Env.Tell(r.self, r.Period, &period{})
		r.each(func(s *server) { r.register(s, true) })
	case *messages.Answer:
		r.answered(m)
	case *messages.Ask:
		r.forward(m)
	case *retry:
		m.server.retry = nil
		r.register(m.server, true)
	case *rpc.Disconnected:
		r.disconnected(m)
	case *actor.Stopping, *actor.Restarting:
		r.stop()
	}
}

func (r *registrar) begin(ctx actor.Context, m *Begin) {
	if r.begun != nil {
		return
	}
	r.begun = m
	r.tick = r.Env.Tell(r.self, r.Period, &period{})
	r.connect(ctx)
}

// connect makes the clients follow the list of name servers.
func (r *registrar) connect(ctx actor.Context) {
	if r.begun == nil {
		return
	}
	for _, addr := range slices.Sorted(maps.Keys(r.servers)) {
		if !slices.Contains(r.NameServers, addr) {
			r.drop(ctx, r.servers[addr])
		}
	}
	for _, addr := range r.NameServers {
		if r.servers[addr] != nil {
			continue
		}
		r.spawned++
		props := rpc.Props(rpc.Options{Env: r.Env, Addr: addr, Watcher: r.self})
		client, err := ctx.SpawnNamed(props, "nameserver-"+strconv.Itoa(r.spawned))
		if err != nil {
			r.Env.Log.Error().Err(err).Str("nameserver", addr).Msg("a name server cannot be registered with")
			continue
		}
		ctx.Send(client, &rpc.Farewell{Command: r.farewell()})
		s := &server{addr: addr, client: client}
		r.servers[addr] = s
		r.register(s, true)
	}
}

func (r *registrar) drop(ctx actor.Context, s *server) {
	if s.retry != nil {
		s.retry.Stop()
	}
	delete(r.servers, s.addr)
	ctx.Stop(s.client)
}

// each visits the name servers in the order of their addresses.
func (r *registrar) each(visit func(*server)) {
	for _, addr := range slices.Sorted(maps.Keys(r.servers)) {
		visit(r.servers[addr])
	}
}

// register tells a name server what it does not know yet, or everything. While a
// registration is on its way, the next one waits.
func (r *registrar) register(s *server, whole bool) {
	if s.asked != nil {
		s.again, s.whole = true, s.whole || whole
		return
	}
	table := r.Topics.Load()
	var commands []*messages.Command
	switch {
	case whole || s.acked == nil:
		commands = []*messages.Command{r.registration(r.all(table))}
	case r.SingleTopics:
		commands = r.singles(s.acked, table)
	default:
		if some := r.since(s.acked, table); len(some) > 0 {
			commands = []*messages.Command{r.registration(r.encode(table, some))}
		}
	}
	if len(commands) == 0 {
		s.acked = table
		return
	}
	s.asked = table
	for i, command := range commands {
		ask := &messages.Ask{Command: command, Timeout: r.Timeout.Milliseconds()}
		if i == len(commands)-1 {
			ask.ReplyTo, ask.Token = r.self, &registration{server: s, whole: whole || s.acked == nil}
		}
		r.Env.Send(s.client, ask)
	}
}

// registration is the token of a registration on its way.
type registration struct {
	server *server
	whole  bool
}

func (r *registrar) answered(m *messages.Answer) {
	token := m.Token.(*registration)
	s := token.server
	if r.servers[s.addr] != s {
		return
	}
	table := s.asked
	s.asked = nil
	err := m.Err
	if err == nil && m.Command.Code != int32(messages.Success) {
		err = messages.Refuse(messages.ResponseCode(m.Command.Code), "%s", m.Command.Remark)
	}
	if err != nil {
		r.failed(s, token, err)
		return
	}
	if s.failing || s.acked == nil {
		r.Env.Log.Info().Str("nameserver", s.addr).Msg("registered with a name server")
	}
	s.acked, s.failing = table, false
	if token.whole {
		r.tell(s, m.Command)
	}
	if s.again {
		whole := s.whole
		s.again, s.whole = false, false
		r.register(s, whole)
	}
}

// failed tries again: at once when a name server has only forgotten the broker,
// or else after a pause.
func (r *registrar) failed(s *server, token *registration, err error) {
	if !s.failing {
		r.Env.Log.Warn().Err(err).Str("nameserver", s.addr).Msg("a registration failed")
	}
	s.acked, s.again, s.whole = nil, false, false
	if !token.whole {
		r.register(s, true)
		return
	}
	s.failing = true
	if s.retry == nil {
		s.retry = r.Env.Tell(r.self, retryAfter, &retry{server: s})
	}
}

// disconnected registers anew: without a connection the name server forgets the
// broker. A registration on its way fails by itself.
func (r *registrar) disconnected(m *rpc.Disconnected) {
	if s := r.servers[m.Addr]; s != nil && s.client.Equal(m.Client) {
		s.acked = nil
		r.register(s, true)
	}
}

// forward has a name server asked on somebody's behalf, another one each time.
func (r *registrar) forward(m *messages.Ask) {
	addrs := slices.Sorted(maps.Keys(r.servers))
	if len(addrs) == 0 {
		r.Env.Send(m.ReplyTo, &messages.Answer{Token: m.Token, Err: ErrNoNameServer})
		return
	}
	r.asked++
	r.Env.Send(r.servers[addrs[r.asked%len(addrs)]].client, m)
}

// tell passes on what a name server answered.
func (r *registrar) tell(s *server, response *messages.Command) {
	registered := &Registered{
		NameServer: s.addr, MasterAddr: response.Ext.Text("masterAddr"), HAAddr: response.Ext.Text("haServerAddr"),
	}
	for _, pid := range r.Listeners {
		r.Env.Send(pid, registered)
	}
	if r.TopicsOwner == nil || len(response.Body) == 0 {
		return
	}
	kv, err := messages.DecodeKVTable(response.Body)
	if err != nil {
		r.Env.Log.Warn().Err(err).Str("nameserver", s.addr).Msg("the ordered topics cannot be read")
		return
	}
	if len(kv.Table) > 0 {
		r.Env.Send(r.TopicsOwner, &topics.OrderTopics{Topics: slices.Sorted(maps.Keys(kv.Table))})
	}
}

func (r *registrar) stop() {
	for _, timer := range []env.Timer{r.tick, r.settled} {
		if timer != nil {
			timer.Stop()
		}
	}
	r.each(func(s *server) {
		if s.retry != nil {
			s.retry.Stop()
		}
	})
}
