package assignment

import (
	"errors"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// Options configures Assignment.
type Options struct {
	Env       *env.Env
	Topics    *topics.View
	Subs      *subscriptions.View
	Groups    *groups.View
	Registrar *actor.PID
	Dir       string // of the JSON files, <storePathRootDir>/config
	Broker    string
	Rules     func() Rules
	Slave     bool
}

// Rules may change while the broker runs.
type Rules struct {
	Balance bool   // serverLoadBalancerEnable: without it everybody gets all queues
	Mode    string // defaultMessageRequestMode
	Share   int32  // defaultPopShareQueueNum
}

// Props returns the props of Assignment. A restart reads the file again; clients whose
// questions it takes along ask again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &assignment{Options: o, routes: make(map[string]*route), asked: make(map[string][]*question)}
	})
}

// Replace gives a slave the modes of its master.
type Replace struct{ Modes *messages.RequestModes }

// routeLife is how long a name server's answer holds (loadBalancePollNameServerInterval).
const routeLife = 30 * time.Second

// askTimeout is how long a name server may take.
const askTimeout = 3 * time.Second

// maxRoutes bounds the topics whose routes are remembered.
const maxRoutes = 1 << 14

type assignment struct {
	Options
	self     *actor.PID
	handlers front.Handlers
	modes    map[string]map[string]*messages.SetMessageRequestMode // by topic and group
	routes   map[string]*route                                     // by topic
	asked    map[string][]*question                                // that wait for a route, by topic
}

// route is the queues of a topic that consumers may read, in their order; nil of a topic
// that no name server knows.
type route struct {
	queues []messages.MessageQueue
	until  int64 // Unix milliseconds
}

// question is a QUERY_ASSIGNMENT that waits for a route.
type question struct {
	*messages.QueryAssignment
	ticket messages.Ticket
}

// Codes lists the request codes that Assignment answers.
func Codes() []messages.RequestCode { return (*assignment)(nil).handles().Codes() }

func (a *assignment) handles() front.Handlers {
	return front.Handlers{
		messages.CodeQueryAssignment:          a.query,
		messages.CodeSetMessageRequestMode:    a.set,
		messages.CodeGetAllMessageRequestMode: a.all,
	}
}

func (a *assignment) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.start(ctx)
	case *messages.Requests:
		a.handlers.Serve(a.Env, m)
	case *messages.Answer:
		a.answered(m)
	case *Replace:
		a.replace(m.Modes)
	}
}

func (a *assignment) start(ctx actor.Context) {
	a.self, a.handlers = ctx.Self(), a.handles()
	var saved messages.RequestModes
	if err := jsonfile.Load(a.Env.FS, a.file(), &saved); err != nil {
		panic(err) // what cannot be read must not be overwritten by nothing
	}
	a.modes = make(map[string]map[string]*messages.SetMessageRequestMode)
	for topic, modes := range saved.Modes {
		for group, mode := range modes {
			if mode != nil {
				a.put(topic, group, mode)
			}
		}
	}
}

func (a *assignment) file() string { return path.Join(a.Dir, "messageRequestMode.json") }

func (a *assignment) put(topic, group string, mode *messages.SetMessageRequestMode) {
	if a.modes[topic] == nil {
		a.modes[topic] = make(map[string]*messages.SetMessageRequestMode)
	}
	a.modes[topic][group] = mode
}

// set says how a group consumes a topic from now on.
func (a *assignment) set(r *front.Request) (*messages.Command, error) {
	m, err := messages.DecodeSetMessageRequestMode(r.Command.Body)
	switch {
	case err != nil:
		return nil, err
	case a.Slave:
		return nil, messages.ErrSlave
	case messages.IsRetryTopic([]byte(m.Topic)):
		return nil, messages.Refuse(messages.NoPermission, "retry topic is not allowed to set mode")
	case m.Mode != messages.ModePull && m.Mode != messages.ModePop:
		return nil, messages.Refuse(messages.InvalidParameter, "the mode is neither PULL nor POP")
	case a.Topics.Load().Find(m.Topic) == nil:
		return nil, messages.Refuse(messages.TopicNotExist, "topic[%s] not exist", m.Topic)
	case a.Subs.Load().Find(m.ConsumerGroup) == nil:
		return nil, messages.Refuse(messages.SubscriptionGroupUnknown, "subscription group does not exist")
	}
	a.put(m.Topic, m.ConsumerGroup, m)
	if err := a.save(); err != nil {
		return nil, err
	}
	return r.Response(messages.Success, ""), nil
}

func (a *assignment) save() error {
	return jsonfile.Save(a.Env.FS, a.file(), &messages.RequestModes{Modes: a.modes})
}

// all hands the modes to a slave (RocketMQ: SlaveSynchronize).
func (a *assignment) all(r *front.Request) (*messages.Command, error) {
	body, err := (&messages.RequestModes{Modes: a.modes}).Encode()
	if err != nil {
		return nil, err
	}
	response := r.Response(messages.Success, "")
	response.Body = body
	return response, nil
}

func (a *assignment) replace(m *messages.RequestModes) {
	same := func(x, y map[string]*messages.SetMessageRequestMode) bool {
		return maps.EqualFunc(x, y, func(p, q *messages.SetMessageRequestMode) bool { return p != nil && q != nil && *p == *q })
	}
	if !a.Slave || maps.EqualFunc(a.modes, m.Modes, same) {
		return
	}
	a.modes = make(map[string]map[string]*messages.SetMessageRequestMode)
	for topic, modes := range m.Modes {
		for group, mode := range modes {
			if mode != nil {
				a.put(topic, group, mode)
			}
		}
	}
	if err := a.save(); err != nil {
		a.Env.Log.Error().Err(err).Msg("the master's message request modes could not be saved; the next change is tried again")
	}
}

// query says which queues are a client's.
func (a *assignment) query(r *front.Request) (*messages.Command, error) {
	m, err := messages.DecodeQueryAssignment(r.Command.Body)
	if err != nil {
		return nil, err
	}
	q := &question{m, r.Ticket}
	if known := a.routes[m.Topic]; known != nil && a.Env.Millis() < known.until {
		a.answer(q, known.queues)
		return nil, nil
	}
	a.asked[m.Topic] = append(a.asked[m.Topic], q)
	if len(a.asked[m.Topic]) > 1 {
		return nil, nil
	}
	ask := &messages.Ask{
		Command: &messages.Command{Code: int32(messages.CodeGetRouteInfoByTopic), Language: messages.Go},
		ReplyTo: a.self, Token: m.Topic, Timeout: askTimeout.Milliseconds(),
	}
	ask.Command.Ext.Set("topic", m.Topic)
	a.Env.Send(a.Registrar, ask)
	return nil, nil
}

// answered takes a name server's answer. If it fails, what was known before still holds.
func (a *assignment) answered(m *messages.Answer) {
	topic := m.Token.(string)
	known, err := a.routeOf(topic, m)
	if err != nil {
		a.Env.Log.Warn().Err(err).Str("topic", topic).Msg("no name server tells the route of a topic")
		if known = a.routes[topic]; known == nil {
			known = new(route)
		}
	} else {
		if len(a.routes) >= maxRoutes {
			clear(a.routes)
		}
		a.routes[topic] = known
	}
	all := a.asked[topic]
	delete(a.asked, topic)
	for _, q := range all {
		a.answer(q, known.queues)
	}
}

func (a *assignment) routeOf(topic string, m *messages.Answer) (*route, error) {
	known := &route{until: a.Env.Millis() + routeLife.Milliseconds()}
	switch {
	case errors.Is(m.Err, registrar.ErrNoNameServer):
		known.queues, known.until = a.own(topic), 0
		return known, nil
	case m.Err != nil:
		return nil, m.Err
	case m.Command.Code == int32(messages.TopicNotExist):
		known.until = 0
		return known, nil
	case m.Command.Code != int32(messages.Success):
		return nil, messages.Refuse(messages.ResponseCode(m.Command.Code), "%s", m.Command.Remark)
	}
	data, err := messages.DecodeTopicRoute(m.Command.Body)
	if err != nil {
		return nil, err
	}
	for _, d := range data.QueueDatas {
		if d.Perm&messages.PermRead != 0 {
			known.queues = queues(known.queues, topic, d.BrokerName, d.ReadQueueNums)
		}
	}
	slices.SortFunc(known.queues, messages.MessageQueue.Compare)
	return known, nil
}

// maxQueues bounds the queues of a route that are believed.
const maxQueues = 1 << 16

func queues(all []messages.MessageQueue, topic, broker string, n int32) []messages.MessageQueue {
	for id := range min(n, maxQueues) {
		all = append(all, messages.MessageQueue{BrokerName: broker, QueueID: id, Topic: topic})
	}
	return all
}

// own are the queues of this broker.
func (a *assignment) own(topic string) []messages.MessageQueue {
	config := a.Topics.Load().Find(topic)
	if config == nil || config.Perm&messages.PermRead == 0 {
		return nil
	}
	return queues(nil, topic, a.Broker, config.ReadQueueNums)
}

// answer divides queues, which are sorted, among the members of a group.
func (a *assignment) answer(q *question, all []messages.MessageQueue) {
	mode := a.mode(q.Topic, q.ConsumerGroup)
	result := messages.Assignment{}
	if mine, known := a.share(q, mode, all); known {
		result.MessageQueueAssignments = make([]messages.MessageQueueAssignment, 0, len(mine))
		for _, queue := range mine {
			one := messages.MessageQueueAssignment{MessageQueue: queue, Mode: mode.Mode}
			if !slices.ContainsFunc(result.MessageQueueAssignments, func(o messages.MessageQueueAssignment) bool { return o.MessageQueue == queue }) {
				result.MessageQueueAssignments = append(result.MessageQueueAssignments, one)
			}
		}
	}
	body, err := result.Encode()
	if err != nil {
		front.Reply(a.Env, q.ticket, front.Refusal(q.ticket, err))
		return
	}
	response := q.ticket.Response(messages.Success, "")
	response.Body = body
	front.Reply(a.Env, q.ticket, response)
}

// mode is how a group consumes a topic. Its retry topic is always pulled.
func (a *assignment) mode(topic, group string) *messages.SetMessageRequestMode {
	if mode := a.modes[topic][group]; mode != nil {
		return mode
	}
	rules := a.Rules()
	mode := &messages.SetMessageRequestMode{Topic: topic, ConsumerGroup: group, Mode: rules.Mode}
	if messages.IsRetryTopic([]byte(topic)) {
		mode.Mode = messages.ModePull
	}
	if mode.Mode == messages.ModePop {
		mode.PopShareQueueNum = rules.Share
	}
	return mode
}

// share is what a member gets. It reports false if that is not known, and the client is
// to keep what it has.
func (a *assignment) share(q *question, mode *messages.SetMessageRequestMode, all []messages.MessageQueue) ([]messages.MessageQueue, bool) {
	if all == nil {
		return nil, false
	}
	if q.MessageModel == "BROADCASTING" || !a.Rules().Balance {
		return all, true
	}
	consumers := a.Groups.Consumers(q.ConsumerGroup)
	if consumers == nil || q.MessageModel != "CLUSTERING" {
		return nil, false
	}
	members := make([]string, 0, len(consumers.Members))
	for _, m := range consumers.Members {
		members = append(members, m.ClientID)
	}
	slices.Sort(members)
	allocate := map[string]func(string, []messages.MessageQueue, []string) []messages.MessageQueue{
		"AVG": Averagely[messages.MessageQueue], "AVG_BY_CIRCLE": Circle[messages.MessageQueue],
	}[q.StrategyName]
	switch {
	case allocate == nil:
		a.Env.Log.Warn().Str("group", q.ConsumerGroup).Str("strategy", q.StrategyName).Msg("a client asks for queues by a strategy that is not known")
		return nil, false
	case mode.Mode == messages.ModePop:
		return forPops(q.ClientID, all, members, int(mode.PopShareQueueNum), allocate), true
	}
	return allocate(q.ClientID, all, members), true
}

// forPops divides queues among members that pop: everyone gets all queues of each
// broker, as queue -1, or its own and those of the share members behind it (RocketMQ:
// QueryAssignmentProcessor.allocate4Pop).
func forPops(id string, all []messages.MessageQueue, members []string, share int,
	allocate func(string, []messages.MessageQueue, []string) []messages.MessageQueue,
) (mine []messages.MessageQueue) {
	at := slices.Index(members, id)
	switch {
	case share <= 0 || share >= len(members)-1:
		for _, queue := range all {
			queue.QueueID = -1
			mine = append(mine, queue)
		}
	case at < 0:
	case len(members) <= len(all):
		for i := range share + 1 {
			mine = append(mine, allocate(members[(at+i)%len(members)], all, members)...)
		}
	default: // a queue for everyone
		mine = append(mine, all[at%len(all)])
	}
	return mine
}
