package routes

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/messages"
)

// Reader answers all that only reads. It is a front.Sender: its requests are
// answered on the goroutine that read them, many connections at a time, from the
// current Tables, and wait for nobody.
type Reader struct {
	Options
	started  int64 // Unix milliseconds
	handlers front.Handlers
}

// NewReader returns a Reader.
func NewReader(o Options) *Reader {
	r := &Reader{Options: o, started: o.Env.Millis()}
	r.handlers = r.routes()
	return r
}

func (r *Reader) routes() front.Handlers {
	unit := func(q messages.QueueData) bool { return q.TopicSysFlag&flagUnit != 0 }
	unitSub := func(q messages.QueueData) bool { return q.TopicSysFlag&flagUnitSub != 0 }
	return front.Handlers{
		messages.CodeGetRouteInfoByTopic:           r.route,
		messages.CodeGetBrokerClusterInfo:          r.clusters,
		messages.CodeGetBrokerMemberGroup:          r.members,
		messages.CodeGetAllTopicListFromNameServer: r.allTopics,
		messages.CodeGetTopicsByCluster:            r.topicsOfCluster,
		messages.CodeGetSystemTopicListFromNS:      r.systemTopics,
		messages.CodeGetUnitTopicList:              r.topicsWhere(unit),
		messages.CodeGetHasUnitSubTopicList:        r.topicsWhere(unitSub),
		messages.CodeGetHasUnitSubUnunitTopicList: r.topicsWhere(func(q messages.QueueData) bool {
			return !unit(q) && unitSub(q)
		}),
		messages.CodeGetKVConfig:          r.kvConfig,
		messages.CodeGetKVListByNamespace: r.kvList,
	}
}

// Bits of a topic's sysFlag (RocketMQ: TopicSysFlag).
const (
	flagUnit    = 1 << 0
	flagUnitSub = 1 << 1
)

// ReaderCodes lists the request codes that the Reader answers.
func ReaderCodes() []messages.RequestCode { return (*Reader)(nil).routes().Codes() }

// Send implements front.Sender.
func (r *Reader) Send(peer *messages.Peer, requests []*messages.Command, arrived int64) {
	r.handlers.Serve(r.Env, &messages.Requests{Peer: peer, Commands: requests, Arrived: arrived})
}

// route answers where a topic's queues are. It is the one question that every
// client asks all the time.
func (r *Reader) route(q *front.Request) (*messages.Command, error) {
	c, ext := r.Config.Load(), &q.Command.Ext
	wait := time.Duration(c.WaitSecondsForService) * time.Second
	if c.NeedWaitForService && r.Env.Millis()-r.started < wait.Milliseconds() {
		return nil, messages.Refuse(messages.SystemError, "name server not ready")
	}
	name, ok := ext.Get("topic")
	if !ok {
		return nil, &messages.FieldError{Field: "topic"}
	}
	order := ""
	if c.OrderMessageEnable {
		order = r.KV.Load()[kvconfig.OrderTopics][string(name)]
	}
	var body []byte
	var err error
	if zone := ext.Text("__ZONE_NAME"); ext.Bool("__ZONE_MODE") && strings.TrimSpace(zone) != "" {
		body, ok, err = r.zoneRoute(string(name), order, zone, c.SupportActingMaster)
	} else {
		body, ok, err = r.View.Load().EncodedRoute(name, order, c.SupportActingMaster)
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, messages.Refuse(messages.TopicNotExist, "No topic route info in name server for the topic: %s", name)
	}
	front.ReplyBody(r.Env, q.Ticket, q.Response(messages.Success, ""), body, nil)
	return nil, nil
}

// zoneRoute returns a topic's route for the clients of a zone.
func (r *Reader) zoneRoute(name, order, zone string, actingMaster bool) ([]byte, bool, error) {
	route, ok := r.View.Load().Route(name, actingMaster)
	if !ok {
		return nil, false, nil
	}
	route = inZone(route, zone)
	route.OrderTopicConf = order
	body, err := route.Encode()
	return body, true, err
}

// inZone returns the part of a route that is in a zone. A broker without a master
// stays in any case: better a slave far away than none
// (RocketMQ: ZoneRouteRPCHook).
func inZone(route *messages.TopicRouteData, zone string) *messages.TopicRouteData {
	near := &messages.TopicRouteData{BrokerDatas: []messages.BrokerData{}, QueueDatas: []messages.QueueData{}}
	far := make(map[string]bool)
	for _, b := range route.BrokerDatas {
		if _, master := b.BrokerAddrs[0]; !master || strings.EqualFold(b.ZoneName, zone) {
			near.BrokerDatas = append(near.BrokerDatas, b)
		} else {
			far[b.BrokerName] = true
		}
	}
	for _, q := range route.QueueDatas {
		if !far[q.BrokerName] {
			near.QueueDatas = append(near.QueueDatas, q)
		}
	}
	return near
}

// encodable is a body.
type encodable interface{ Encode() ([]byte, error) }

// reply answers q with a body.
func (r *Reader) reply(q *front.Request, b encodable) (*messages.Command, error) {
	body, err := b.Encode()
	if err != nil {
		return nil, err
	}
	front.ReplyBody(r.Env, q.Ticket, q.Response(messages.Success, ""), body, nil)
	return nil, nil
}

func (r *Reader) clusters(q *front.Request) (*messages.Command, error) {
	return r.reply(q, r.View.Load().Clusters())
}

func (r *Reader) members(q *front.Request) (*messages.Command, error) {
	name, err := q.Command.Ext.RequiredText("brokerName")
	if err != nil {
		return nil, err
	}
	return r.reply(q, &memberGroup{r.View.Load().Members(q.Command.Ext.Text("clusterName"), name)})
}

// memberGroup is the body of an answer to GET_BROKER_MEMBER_GROUP.
type memberGroup struct {
	Group messages.BrokerMemberGroup `json:"brokerMemberGroup"`
}

// Encode returns the JSON text.
func (m *memberGroup) Encode() ([]byte, error) { return json.Marshal(m) }

// errDisabled refuses lists that the configuration keeps back.
func errDisabled() error { return messages.Refuse(messages.SystemError, "disable") }

func (r *Reader) allTopics(q *front.Request) (*messages.Command, error) {
	if !r.Config.Load().EnableAllTopicList {
		return nil, errDisabled()
	}
	names := r.View.Load().Topics(func([]messages.QueueData) bool { return true })
	return r.reply(q, &messages.TopicList{TopicList: names})
}

func (r *Reader) topicsOfCluster(q *front.Request) (*messages.Command, error) {
	if !r.Config.Load().EnableTopicList {
		return nil, errDisabled()
	}
	cluster, err := q.Command.Ext.RequiredText("cluster")
	if err != nil {
		return nil, err
	}
	return r.reply(q, &messages.TopicList{TopicList: r.View.Load().TopicsOfCluster(cluster)})
}

func (r *Reader) systemTopics(q *front.Request) (*messages.Command, error) {
	return r.reply(q, r.View.Load().SystemTopics())
}

// topicsWhere returns a handler that lists the topics whose first queues match:
// the flags of a topic are the same on all brokers.
func (r *Reader) topicsWhere(match func(messages.QueueData) bool) front.Handler {
	return func(q *front.Request) (*messages.Command, error) {
		if !r.Config.Load().EnableTopicList {
			return nil, errDisabled()
		}
		names := r.View.Load().Topics(func(queues []messages.QueueData) bool { return match(queues[0]) })
		return r.reply(q, &messages.TopicList{TopicList: names})
	}
}

func (r *Reader) kvConfig(q *front.Request) (*messages.Command, error) {
	namespace, err := q.Command.Ext.RequiredText("namespace")
	if err != nil {
		return nil, err
	}
	key, err := q.Command.Ext.RequiredText("key")
	if err != nil {
		return nil, err
	}
	value, ok := r.KV.Load()[namespace][key]
	if !ok {
		return nil, messages.Refuse(messages.QueryNotFound, "No config item, Namespace: %s Key: %s", namespace, key)
	}
	response := q.Response(messages.Success, "")
	response.Ext.Set("value", value)
	return response, nil
}

func (r *Reader) kvList(q *front.Request) (*messages.Command, error) {
	namespace, err := q.Command.Ext.RequiredText("namespace")
	if err != nil {
		return nil, err
	}
	settings, ok := r.KV.Load()[namespace]
	if !ok {
		return nil, messages.Refuse(messages.QueryNotFound, "No config item, Namespace: %s", namespace)
	}
	return r.reply(q, &messages.KVTable{Table: settings})
}
