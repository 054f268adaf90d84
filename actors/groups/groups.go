// Package groups owns who is connected: the members and subscriptions of each
// consumer group and the members of each producer group
// (RocketMQ: ConsumerManager, ProducerManager, ClientManageProcessor).
//
// A heartbeat makes a connection a member. Membership ends with an unregister,
// with the connection, or when heartbeats stay away for two minutes. Each change
// of a consumer group is told to its members, which then share the queues anew.
// Pulls read a group's subscriptions from View without asking; those by SQL92 are
// there compiled, once for each version.
package groups

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

const sweepEvery = 10 * time.Second

// Options configures Groups.
type Options struct {
	Env    *env.Env
	View   *View
	Subs   *subscriptions.View
	Topics *topics.View
	// TopicsOwner creates retry topics, SubsOwner unknown groups.
	TopicsOwner, SubsOwner *actor.PID
	// PropertyFilter says whether SQL92 subscriptions are supported (enablePropertyFilter).
	PropertyFilter bool
	// Expiry is how long a member may go without a heartbeat (channelExpiredTimeout).
	Expiry func() time.Duration
	// RejectPull ignores consumers that pull actively (rejectPullConsumerEnable).
	RejectPull func() bool
}

// View is what others may know of the groups. Groups alone writes it; any
// goroutine may read.
type View struct {
	consumers sync.Map // group name to *Consumers
	producers sync.Map // client id to *messages.Peer
	groups    sync.Map // producer group name to []*messages.Peer
}

// Consumers is one consumer group at one moment. It is immutable.
type Consumers struct {
	Type          string // CONSUME_PASSIVELY, CONSUME_ACTIVELY, CONSUME_POP
	Model         string // CLUSTERING, BROADCASTING
	From          string
	Subscriptions map[string]*messages.SubscriptionData // by topic
	// Conditions are the subscriptions by SQL92 that compile, by topic
	// (RocketMQ: ConsumerFilterManager).
	Conditions map[string]*sql92.Expression
	Members    []Member // in the order of arrival
}

// Member is a connection of a group.
type Member struct {
	Peer     *messages.Peer
	ClientID string
	Language messages.Language
	Version  int32
}

// Consumers returns the group of that name, or nil when it has no member.
func (v *View) Consumers(group string) *Consumers {
	c, _ := v.consumers.Load(group)
	g, _ := c.(*Consumers)
	return g
}

// Producer returns the connection of the client of that id which is in a producer
// group, the latest if there are several, or nil.
func (v *View) Producer(clientID string) *messages.Peer {
	p, _ := v.producers.Load(clientID)
	peer, _ := p.(*messages.Peer)
	return peer
}

// Producers returns the connections of a producer group in the order of arrival. The
// slice is not to be changed.
func (v *View) Producers(group string) []*messages.Peer {
	p, _ := v.groups.Load(group)
	peers, _ := p.([]*messages.Peer)
	return peers
}

// Groups returns the names of the consumer groups that have members, sorted.
func (v *View) Groups() []string {
	var names []string
	v.consumers.Range(func(name, _ any) bool {
		names = append(names, name.(string))
		return true
	})
	slices.Sort(names)
	return names
}

// Props returns the props of Groups. A restart forgets all members; their next
// heartbeats, within 30 s, bring them back.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &groups{Options: o, consumers: make(map[string]*group), producers: make(map[string]*group)}
	})
}

// group is a consumer or producer group. Producers have no subscriptions.
type group struct {
	name          string
	consumeType   string
	model         string
	from          string
	subscriptions map[string]*messages.SubscriptionData
	conditions    map[string]*sql92.Expression // of subscriptions
	members       []*member                    // in the order of arrival
	fingerprint   int32                        // of the last heartbeat V2; 0 after a plain one
	known         bool                         // a heartbeat set the fingerprint
}

type member struct {
	Member
	seen int64 // Unix milliseconds of the last heartbeat
}

func (g *group) find(peer *messages.Peer) int {
	return slices.IndexFunc(g.members, func(m *member) bool { return m.Peer == peer })
}

type groups struct {
	Options
	handlers  front.Handlers
	consumers map[string]*group
	producers map[string]*group
	tick      env.Timer
}

type sweep struct{}

func (g *groups) routes() front.Handlers {
	return front.Handlers{
		messages.CodeHeartBeat:                   g.heartbeat,
		messages.CodeUnregisterClient:            g.unregister,
		messages.CodeCheckClientConfig:           g.checkConfig,
		messages.CodeGetConsumerListByGroup:      g.consumerList,
		messages.CodeGetConsumerConnectionList:   g.consumerConnections,
		messages.CodeGetProducerConnectionList:   g.producerConnections,
		messages.CodeGetAllProducerInfo:          g.producerTable,
		messages.CodeQuerySubscriptionByConsumer: g.subscriptionOf,
	}
}

// Codes lists the request codes that Groups answers.
func Codes() []messages.RequestCode { return (*groups)(nil).routes().Codes() }

func (g *groups) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		g.handlers = g.routes()
		g.tick = g.Env.Tell(ctx.Self(), sweepEvery, &sweep{})
	case *messages.Requests:
		g.handlers.Serve(g.Env, m)
	case *messages.ConnectionClosed:
		g.closed(m.Peer)
	case *sweep:
		g.expire()
		g.tick = g.Env.Tell(ctx.Self(), sweepEvery, &sweep{})
	case *actor.Stopping, *actor.Restarting:
		g.tick.Stop()
	}
}

func (g *groups) heartbeat(r *front.Request) (*messages.Command, error) {
	beat, err := messages.DecodeHeartbeat(r.Command.Body)
	if err != nil {
		return nil, err
	}
	changed := beat.Fingerprint == 0
	for i := range beat.Consumers {
		if g.consumer(r, beat, &beat.Consumers[i]) {
			changed = true
		}
	}
	for _, p := range beat.Producers {
		if p.GroupName == "" {
			continue
		}
		producers := g.producers[p.GroupName]
		if producers == nil {
			producers = &group{name: p.GroupName}
			g.producers[p.GroupName] = producers
		}
		if g.join(producers, r, beat.ClientID) {
			g.publishProducers(producers)
		}
		g.View.producers.Store(beat.ClientID, r.Peer)
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetBool("IS_SUPPORT_HEART_BEAT_V2", true)
	response.Ext.SetBool("IS_SUB_CHANGE", changed)
	return response, nil
}

// consumer takes one consumer group's part of a heartbeat and reports whether
// the fingerprint of a heartbeat V2 differs from the last one.
func (g *groups) consumer(r *front.Request, beat *messages.HeartbeatData, c *messages.ConsumerData) bool {
	if c.GroupName == "" || c.ConsumeType == "CONSUME_ACTIVELY" && g.RejectPull() {
		return false
	}
	config := g.Subs.Find(g.Env, g.SubsOwner, c.GroupName)
	if config == nil {
		return false
	}
	g.ensureRetryTopic(config, c)
	consumers := g.consumers[c.GroupName]
	if consumers == nil {
		consumers = &group{name: c.GroupName, subscriptions: make(map[string]*messages.SubscriptionData)}
		g.consumers[c.GroupName] = consumers
	}
	differs := consumers.known && consumers.fingerprint != beat.Fingerprint
	consumers.fingerprint, consumers.known = beat.Fingerprint, true

	dirty := consumers.consumeType != c.ConsumeType || consumers.model != c.MessageModel || consumers.from != c.ConsumeFromWhere
	consumers.consumeType, consumers.model, consumers.from = c.ConsumeType, c.MessageModel, c.ConsumeFromWhere
	joined := g.join(consumers, r, beat.ClientID)
	topicsChanged, subsChanged := false, false
	if !beat.WithoutSub {
		topicsChanged, subsChanged = g.subscribe(consumers, c.Subscriptions)
	}
	if dirty || joined || topicsChanged || subsChanged {
		g.publish(consumers)
	}
	if joined || topicsChanged {
		g.notify(consumers)
	}
	return differs
}

// ensureRetryTopic has the group's retry topic created, which its members poll
// the name server for.
func (g *groups) ensureRetryTopic(config *messages.SubscriptionGroupConfig, c *messages.ConsumerData) {
	name := messages.RetryTopic(c.GroupName)
	table := g.Topics.Load()
	if table.Find(name) != nil {
		return
	}
	order := slices.ContainsFunc(c.Subscriptions, func(s messages.SubscriptionData) bool {
		t := table.Find(s.Topic)
		return t != nil && t.Order
	})
	g.Env.Send(g.TopicsOwner, &topics.Ensure{
		Topic: name, Queues: config.RetryQueueNums, Perm: messages.PermRead | messages.PermWrite, Order: order,
	})
}

// join adds the request's connection to the group and reports whether it is new.
func (g *groups) join(in *group, r *front.Request, clientID string) bool {
	now := g.Env.Millis()
	if i := in.find(r.Peer); i >= 0 {
		in.members[i].seen = now
		if in.members[i].ClientID != clientID {
			in.members[i].ClientID = clientID
			return true
		}
		return false
	}
	in.members = append(in.members, &member{
		Member: Member{Peer: r.Peer, ClientID: clientID, Language: r.Language, Version: r.Version},
		seen:   now,
	})
	g.Env.Log.Debug().Str("group", in.name).Str("client", clientID).Stringer("address", r.Peer.Remote).Msg("joined a group")
	return true
}

// publish makes the group's state visible, or its end.
func (g *groups) publish(in *group) {
	if len(in.members) == 0 {
		g.View.consumers.Delete(in.name)
		return
	}
	c := &Consumers{
		Type: in.consumeType, Model: in.model, From: in.from,
		Subscriptions: in.subscriptions, Conditions: in.conditions, // replaced whole, never changed
	}
	for _, m := range in.members {
		c.Members = append(c.Members, m.Member)
	}
	g.View.consumers.Store(in.name, c)
}

// publishProducers makes a producer group's connections visible, or its end.
func (g *groups) publishProducers(in *group) {
	if len(in.members) == 0 {
		g.View.groups.Delete(in.name)
		return
	}
	peers := make([]*messages.Peer, len(in.members))
	for i, m := range in.members {
		peers[i] = m.Peer
	}
	g.View.groups.Store(in.name, peers)
}

// notify tells every member that the group changed. Broadcasting groups share
// nothing and need no rebalance.
func (g *groups) notify(in *group) {
	if in.model == "BROADCASTING" {
		return
	}
	if config := g.Subs.Load().Find(in.name); config != nil && !config.NotifyConsumerIDsChangedEnable {
		return
	}
	for _, m := range in.members {
		command := &messages.Command{Code: int32(messages.CodeNotifyConsumerIDsChanged)}
		command.Ext.Set("consumerGroup", in.name)
		g.Env.Send(m.Peer.PID, &messages.Ask{Command: command})
	}
}

func (g *groups) unregister(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	if _, err := ext.RequiredText("clientID"); err != nil {
		return nil, err
	}
	if in := g.producers[ext.Text("producerGroup")]; in != nil {
		g.leave(g.producers, in, r.Peer)
	}
	if in := g.consumers[ext.Text("consumerGroup")]; in != nil {
		g.leave(g.consumers, in, r.Peer)
	}
	return r.Response(messages.Success, ""), nil
}

// leave removes a connection from a group of table; the last one ends the group.
func (g *groups) leave(table map[string]*group, in *group, peer *messages.Peer) {
	i := in.find(peer)
	if i < 0 {
		return
	}
	left := in.members[i]
	in.members = slices.Delete(in.members, i, i+1)
	if len(in.members) == 0 {
		delete(table, in.name)
	}
	if in.subscriptions == nil {
		g.unpublish(left)
		g.publishProducers(in)
		return
	}
	g.publish(in)
	g.notify(in)
}

// unpublish forgets a producer's connection when it is in no group any more.
func (g *groups) unpublish(left *member) {
	for _, in := range g.producers {
		if in.find(left.Peer) >= 0 {
			return
		}
	}
	g.View.producers.CompareAndDelete(left.ClientID, left.Peer)
}

func (g *groups) closed(peer *messages.Peer) {
	for _, table := range []map[string]*group{g.producers, g.consumers} {
		for _, in := range sorted(table) {
			g.leave(table, in, peer)
		}
	}
}

// expire closes the connections whose heartbeats stayed away.
func (g *groups) expire() {
	expiry := g.Expiry()
	oldest := g.Env.Millis() - expiry.Milliseconds()
	for _, table := range []map[string]*group{g.producers, g.consumers} {
		for _, in := range sorted(table) {
			for _, m := range slices.Clone(in.members) {
				if m.seen < oldest {
					g.leave(table, in, m.Peer)
					g.Env.Send(m.Peer.PID, &messages.CloseConnection{Reason: "no heartbeat for " + expiry.String()})
				}
			}
		}
	}
}

func sorted(table map[string]*group) []*group {
	all := make([]*group, 0, len(table))
	for _, in := range table {
		all = append(all, in)
	}
	slices.SortFunc(all, func(a, b *group) int { return cmp.Compare(a.name, b.name) })
	return all
}
