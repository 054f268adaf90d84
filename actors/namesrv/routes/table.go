package routes

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/actormq/actormq/messages"
)

// View publishes the current Table. The zero View is empty.
type View struct{ table atomic.Pointer[Table] }

var empty = newTable(nil, &brokers{clusters: map[string][]string{}})

// Load returns the current table. Any goroutine may call it.
func (v *View) Load() *Table {
	if t := v.table.Load(); t != nil {
		return t
	}
	return empty
}

// Table is the routing state at one moment. It is immutable, but for the
// encoded routes that it keeps.
type Table struct {
	topics  map[string]*topic
	brokers *brokers
}

func newTable(topics map[string]*topic, b *brokers) *Table { return &Table{topics: topics, brokers: b} }

// brokers are all brokers at one moment, immutable. Its identity tells whether
// an encoded route is still right.
type brokers struct {
	byName   map[string]*broker
	clusters map[string][]string // sorted broker names by cluster
}

// broker is a master and its slaves, under one name. It is immutable; in a Table
// it has at least one address.
type broker struct {
	name, cluster string
	zone          string
	actingMaster  bool             // enableActingMaster of the last registration
	addrs         map[int64]string // by broker id; 0 is the master
}

// minID returns the lowest broker id. b must have an address.
func (b *broker) minID() int64 { return slices.Min(slices.Collect(maps.Keys(b.addrs))) }

// topic is where one topic's queues are. Its queues are immutable.
type topic struct {
	queues []messages.QueueData // sorted by broker name, one each
	route  atomic.Pointer[encodedRoute]
}

// encodedRoute is the answer to the question for a topic's route, for as long as
// what it was made from stays the same.
type encodedRoute struct {
	brokers      *brokers
	order        string
	actingMaster bool
	body         []byte
}

func (t *topic) find(broker string) (int, bool) {
	return slices.BinarySearchFunc(t.queues, broker, func(q messages.QueueData, name string) int {
		return strings.Compare(q.BrokerName, name)
	})
}

// with returns a topic that has q for its broker.
func (t *topic) with(q messages.QueueData) *topic {
	if t == nil {
		return &topic{queues: []messages.QueueData{q}}
	}
	queues := slices.Clone(t.queues)
	if i, ok := t.find(q.BrokerName); ok {
		queues[i] = q
	} else {
		queues = slices.Insert(queues, i, q)
	}
	return &topic{queues: queues}
}

// without returns a topic that lacks a broker's queues, nil when none are left.
func (t *topic) without(broker string) *topic {
	if t == nil {
		return nil
	}
	i, ok := t.find(broker)
	if !ok {
		return t
	}
	if len(t.queues) == 1 {
		return nil
	}
	return &topic{queues: slices.Delete(slices.Clone(t.queues), i, i+1)}
}

// Route returns the route of a topic, false when no broker has it. With
// actingMaster the lowest slave of a broker without a master, whose queues are
// not writable, takes the master's place in it (supportActingMaster).
func (t *Table) Route(name string, actingMaster bool) (*messages.TopicRouteData, bool) {
	topic := t.topics[name]
	if topic == nil {
		return nil, false
	}
	return t.route(name, topic, actingMaster)
}

func (t *Table) route(name string, topic *topic, actingMaster bool) (*messages.TopicRouteData, bool) {
	route := &messages.TopicRouteData{QueueDatas: topic.queues, BrokerDatas: make([]messages.BrokerData, 0, len(topic.queues))}
	actingMaster = actingMaster && !strings.HasPrefix(name, messages.TopicSyncMemberPrefix)
	for _, q := range topic.queues {
		if b := t.brokers.byName[q.BrokerName]; b != nil {
			route.BrokerDatas = append(route.BrokerDatas, b.data(actingMaster && q.Perm&messages.PermWrite == 0))
		}
	}
	return route, len(route.BrokerDatas) > 0
}

// data returns b as it is sent to clients; promote puts the lowest slave in the
// place of a missing master.
func (b *broker) data(promote bool) messages.BrokerData {
	d := messages.BrokerData{
		Cluster: b.cluster, BrokerName: b.name, BrokerAddrs: b.addrs, ZoneName: b.zone, EnableActingMaster: b.actingMaster,
	}
	if _, master := b.addrs[0]; promote && b.actingMaster && !master {
		d.BrokerAddrs = maps.Clone(b.addrs)
		lowest := b.minID()
		d.BrokerAddrs[0] = d.BrokerAddrs[lowest]
		delete(d.BrokerAddrs, lowest)
	}
	return d
}

// EncodedRoute returns the JSON of a topic's route, false when no broker has the
// topic. order is its orderTopicConf, "" for none. The result is shared and must
// not be changed. Any goroutine may call it.
func (t *Table) EncodedRoute(name []byte, order string, actingMaster bool) ([]byte, bool, error) {
	topic := t.topics[string(name)]
	if topic == nil {
		return nil, false, nil
	}
	if e := topic.route.Load(); e != nil && e.brokers == t.brokers && e.order == order && e.actingMaster == actingMaster {
		return e.body, true, nil
	}
	route, ok := t.route(string(name), topic, actingMaster)
	if !ok {
		return nil, false, nil
	}
	route.OrderTopicConf = order
	body, err := route.Encode()
	if err != nil {
		return nil, false, err
	}
	topic.route.Store(&encodedRoute{brokers: t.brokers, order: order, actingMaster: actingMaster, body: body})
	return body, true, nil
}

// Clusters returns all brokers and which cluster they are in.
func (t *Table) Clusters() *messages.ClusterInfo {
	info := &messages.ClusterInfo{
		BrokerAddrTable:  make(map[string]messages.BrokerData, len(t.brokers.byName)),
		ClusterAddrTable: t.brokers.clusters,
	}
	for name, b := range t.brokers.byName {
		info.BrokerAddrTable[name] = b.data(false)
	}
	return info
}

// Members returns the addresses of a broker's master and slaves; an unknown
// broker has none.
func (t *Table) Members(cluster, name string) messages.BrokerMemberGroup {
	group := messages.BrokerMemberGroup{Cluster: cluster, BrokerName: name, BrokerAddrs: map[int64]string{}}
	if b := t.brokers.byName[name]; b != nil {
		group.BrokerAddrs = b.addrs
	}
	return group
}

// Topics returns the sorted names of the topics whose queues match.
func (t *Table) Topics(match func(queues []messages.QueueData) bool) []string {
	names := []string{}
	for name, topic := range t.topics {
		if match(topic.queues) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TopicsOfCluster returns the sorted names of the topics with queues in cluster.
func (t *Table) TopicsOfCluster(cluster string) []string {
	names := t.brokers.clusters[cluster]
	return t.Topics(func(queues []messages.QueueData) bool {
		return slices.ContainsFunc(queues, func(q messages.QueueData) bool {
			_, ok := slices.BinarySearch(names, q.BrokerName)
			return ok
		})
	})
}

// SystemTopics returns the topics that clusters and brokers are named after, and
// some broker's address (RocketMQ: RouteInfoManager.getSystemTopicList).
func (t *Table) SystemTopics() *messages.TopicList {
	list := &messages.TopicList{TopicList: []string{}}
	for _, cluster := range sortedKeys(t.brokers.clusters) {
		list.TopicList = append(list.TopicList, cluster)
		list.TopicList = append(list.TopicList, t.brokers.clusters[cluster]...)
	}
	for _, name := range sortedKeys(t.brokers.byName) {
		b := t.brokers.byName[name]
		list.BrokerAddr = b.addrs[b.minID()]
		break
	}
	return list
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
