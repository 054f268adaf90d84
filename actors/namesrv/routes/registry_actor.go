package routes

import (
	"hash/crc32"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/messages"
)

// Options configures the Registry and the Reader.
type Options struct {
	Env  *env.Env
	View *View
	KV   *kvconfig.View
	// Config is the name server's configuration, which operators may change.
	Config *atomic.Pointer[config.NameServer]
	// Notifier, if not nil, gets a *LowestChanged for each broker whose lowest id
	// changed and whose slaves may act as master.
	Notifier *actor.PID
}

// LowestChanged tells that another member of a broker has the lowest id now.
type LowestChanged struct {
	Members map[int64]string // addresses by broker id, not empty
	Offline string           // the address that is gone, or ""
	HAAddr  string           // of a new lowest member, or ""
}

// Props returns the props of the Registry actor. A restart forgets all brokers,
// which register again within their period of 30 s; until then clients keep the
// routes that they have.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &registryActor{Options: o, registry: newRegistry()} })
}

type registryActor struct {
	Options
	*registry
	handlers front.Handlers
	tick     env.Timer
}

type scan struct{}

func (r *registryActor) routes() front.Handlers {
	return front.Handlers{
		messages.CodeRegisterBroker:         r.registerBroker,
		messages.CodeUnregisterBroker:       r.unregisterBroker,
		messages.CodeBrokerHeartbeat:        r.brokerHeartbeat,
		messages.CodeQueryDataVersion:       r.queryDataVersion,
		messages.CodeWipeWritePermOfBroker:  r.wipeWritePerm,
		messages.CodeAddWritePermOfBroker:   r.addWritePerm,
		messages.CodeDeleteTopicInNamesrv:   r.deleteTopicRequest,
		messages.CodeRegisterTopicInNamesrv: r.registerTopicRequest,
	}
}

// Codes lists the request codes that the Registry answers.
func Codes() []messages.RequestCode { return (*registryActor)(nil).routes().Codes() }

func (r *registryActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.handlers = r.routes()
		r.publish() // a restart forgets what was there
		r.scanLater(ctx)
	case *messages.Requests:
		r.handlers.Serve(r.Env, m)
	case *messages.ConnectionClosed:
		r.removeAll("its connection closed", func(a *alive) bool { return a.peer == m.Peer })
	case *scan:
		r.scan()
		r.scanLater(ctx)
	case *actor.Stopping, *actor.Restarting:
		if r.tick != nil {
			r.tick.Stop()
		}
	}
}

func (r *registryActor) scanLater(ctx actor.Context) {
	every := time.Duration(r.Config.Load().ScanNotActiveBrokerInterval) * time.Millisecond
	r.tick = r.Env.Tell(ctx.Self(), max(every, time.Millisecond), &scan{})
}

// publish makes the current state visible. Every handler that changes something
// calls it before it answers: who has an answer finds the change.
func (r *registryActor) publish() {
	table, _ := r.build()
	r.View.table.Store(table)
}

// scan closes the connections of brokers that gave no sign of life in time.
func (r *registryActor) scan() {
	now := r.Env.Millis()
	dead := func(a *alive) bool { return a.seen+a.timeout < now }
	for _, e := range r.processes(dead) {
		if peer := r.live[e].peer; peer != nil {
			r.Env.Send(peer.PID, &messages.CloseConnection{Reason: "the broker gave no sign of life"})
		}
	}
	r.removeAll("it gave no sign of life", dead)
}

func (r *registryActor) removeAll(why string, match func(*alive) bool) {
	for _, e := range r.processes(match) {
		r.Env.Log.Warn().Str("broker", r.live[e].name).Str("address", e.addr).Str("why", why).Msg("a broker is gone")
		r.notifyOrphans(r.remove(e))
	}
	r.publish()
}

func (r *registryActor) registerBroker(q *front.Request) (*messages.Command, error) {
	reg, err := parseRegistration(q)
	if err != nil {
		return nil, err
	}
	c := r.Config.Load()
	_, known := r.version(reg.Cluster, reg.Addr)
	answer, err := r.register(reg, c.DeleteTopicWithRegistration, r.Env.Millis())
	r.publish()
	if err != nil {
		return nil, err
	}
	if !known {
		r.Env.Log.Info().Str("broker", reg.Broker).Int64("id", reg.BrokerID).Str("cluster", reg.Cluster).
			Str("address", reg.Addr).Int("topics", len(reg.Topics.TopicConfigTable)).Msg("a broker registered")
	}
	if answer.lower {
		r.notify(&LowestChanged{Members: r.byName[reg.Broker].addrs, HAAddr: reg.HAServer})
	}
	response := q.Response(messages.Success, "")
	if answer.masterAddr != "" {
		response.Ext.Set("masterAddr", answer.masterAddr)
		response.Ext.Set("haServerAddr", answer.haServer)
	}
	if c.ReturnOrderTopicConfigToBroker {
		if order, ok := r.KV.Load()[kvconfig.OrderTopics]; ok {
			response.Body, err = (&messages.KVTable{Table: order}).Encode()
		}
	}
	return response, err
}

// parseRegistration reads a registration. The checksum comes first: a body that
// was damaged on the way must not be believed.
func parseRegistration(q *front.Request) (*Registration, error) {
	ext := &q.Command.Ext
	crc, err := ext.Int64Or("bodyCrc32", 0)
	if err != nil {
		return nil, err
	}
	if crc != 0 && int64(crc32.ChecksumIEEE(q.Command.Body)&0x7FFFFFFF) != crc {
		return nil, messages.Refuse(messages.SystemError, "crc32 not match")
	}
	reg := &Registration{Zone: ext.Text("__ZONE_NAME"), ActingMaster: ext.Bool("enableActingMaster"), Peer: q.Peer}
	_, reg.KnowsActingMaster = ext.Get("enableActingMaster")
	if err := parseIdentity(ext, reg); err != nil {
		return nil, err
	}
	if reg.BrokerID, err = ext.Int64("brokerId"); err != nil {
		return nil, err
	}
	if reg.HAServer, err = ext.RequiredText("haServerAddr"); err != nil {
		return nil, err
	}
	if reg.Timeout, err = ext.Int64Or("heartbeatTimeoutMillis", 0); err != nil {
		return nil, err
	}
	reg.Topics, err = messages.DecodeRegisterBroker(q.Command.Body, ext.Bool("compressed"), q.Version)
	return reg, err
}

// parseIdentity reads the fields that say which broker a request is about.
func parseIdentity(ext *messages.Ext, reg *Registration) (err error) {
	if reg.Cluster, err = ext.RequiredText("clusterName"); err != nil {
		return err
	}
	if reg.Broker, err = ext.RequiredText("brokerName"); err != nil {
		return err
	}
	reg.Addr, err = ext.RequiredText("brokerAddr")
	return err
}

func (r *registryActor) unregisterBroker(q *front.Request) (*messages.Command, error) {
	var reg Registration
	if err := parseIdentity(&q.Command.Ext, &reg); err != nil {
		return nil, err
	}
	id, err := q.Command.Ext.Int64("brokerId")
	if err != nil {
		return nil, err
	}
	r.Env.Log.Info().Str("broker", reg.Broker).Int64("id", id).Str("address", reg.Addr).Msg("a broker unregistered")
	r.notifyOrphans(r.unregister(reg.Cluster, reg.Addr, reg.Broker, id))
	r.publish()
	return q.Response(messages.Success, ""), nil
}

func (r *registryActor) brokerHeartbeat(q *front.Request) (*messages.Command, error) {
	var reg Registration
	if err := parseIdentity(&q.Command.Ext, &reg); err != nil {
		return nil, err
	}
	r.heartbeat(reg.Cluster, reg.Addr, r.Env.Millis())
	return q.Response(messages.Success, ""), nil
}

// queryDataVersion tells a broker whether its topics differ from those that it
// registered; the question counts as a sign of life.
func (r *registryActor) queryDataVersion(q *front.Request) (*messages.Command, error) {
	var reg Registration
	if err := parseIdentity(&q.Command.Ext, &reg); err != nil {
		return nil, err
	}
	theirs, err := messages.DecodeDataVersion(q.Command.Body)
	if err != nil {
		return nil, err
	}
	r.heartbeat(reg.Cluster, reg.Addr, r.Env.Millis())
	ours, known := r.version(reg.Cluster, reg.Addr)
	response := q.Response(messages.Success, "")
	response.Ext.SetBool("changed", !known || ours != *theirs)
	if known {
		response.Body, err = ours.Encode()
	}
	return response, err
}

func (r *registryActor) wipeWritePerm(q *front.Request) (*messages.Command, error) {
	return r.changePerm(q, "wipeTopicCount", func(perm int32) int32 { return perm &^ messages.PermWrite })
}

func (r *registryActor) addWritePerm(q *front.Request) (*messages.Command, error) {
	return r.changePerm(q, "addTopicCount", func(int32) int32 { return messages.PermRead | messages.PermWrite })
}

func (r *registryActor) changePerm(q *front.Request, count string, change func(int32) int32) (*messages.Command, error) {
	name, err := q.Command.Ext.RequiredText("brokerName")
	if err != nil {
		return nil, err
	}
	n := r.setPerm(name, change)
	r.publish()
	r.Env.Log.Info().Str("broker", name).Int(count, n).Stringer("client", q.Peer.Remote).Msg("write permissions changed")
	response := q.Response(messages.Success, "")
	response.Ext.SetInt(count, int64(n))
	return response, nil
}

func (r *registryActor) deleteTopicRequest(q *front.Request) (*messages.Command, error) {
	name, err := q.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	r.deleteTopic(name, q.Command.Ext.Text("clusterName"))
	r.publish()
	return q.Response(messages.Success, ""), nil
}

func (r *registryActor) registerTopicRequest(q *front.Request) (*messages.Command, error) {
	name, err := q.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	route, err := messages.DecodeTopicRoute(q.Command.Body)
	if err != nil {
		return nil, err
	}
	r.registerTopic(name, route.QueueDatas)
	r.publish()
	return q.Response(messages.Success, ""), nil
}

func (r *registryActor) notifyOrphans(o orphaned, ok bool) {
	if ok {
		r.notify(&LowestChanged{Members: r.byName[o.broker].addrs, Offline: o.offline})
	}
}

func (r *registryActor) notify(m *LowestChanged) {
	if r.Notifier != nil && r.Config.Load().NotifyMinBrokerIDChanged {
		r.Env.Send(r.Notifier, m)
	}
}
