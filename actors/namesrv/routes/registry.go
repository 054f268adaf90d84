package routes

import (
	"maps"
	"slices"

	"github.com/actormq/actormq/messages"
)

// Registration is what a broker says of itself (RocketMQ: REGISTER_BROKER).
type Registration struct {
	Cluster, Broker string
	Addr            string // what clients reach the broker at
	BrokerID        int64  // 0: master
	HAServer        string
	Zone            string
	Timeout         int64 // heartbeatTimeoutMillis; 0 means the default
	// ActingMaster says whether a slave may stand in for the master
	// (enableActingMaster); brokers before 5.0 do not know of it.
	ActingMaster, KnowsActingMaster bool
	Topics                          *messages.TopicTable
	Peer                            *messages.Peer // the connection, nil in tests
}

// defaultTimeout is how long a broker that says nothing else lives after a sign
// of life, in milliseconds
// (RocketMQ: RouteInfoManager.DEFAULT_BROKER_CHANNEL_EXPIRED_TIME).
const defaultTimeout = 120_000

// endpoint identifies one process of a broker.
type endpoint struct{ cluster, addr string }

// alive is what is known of the process behind an endpoint.
type alive struct {
	name     string
	seen     int64 // Unix milliseconds of the last sign of life
	timeout  int64 // milliseconds
	version  messages.DataVersion
	haServer string
	peer     *messages.Peer
}

// registry is the state that the Registry actor owns, and every rule about it. It
// has no clock: times are arguments, in Unix milliseconds.
//
// topics and byName hold immutable values. topics is shared with the last Table
// while topicsShared is set, so that a change clones it first.
type registry struct {
	topics       map[string]*topic
	topicsShared bool
	byName       map[string]*broker
	live         map[endpoint]*alive

	table          *Table // the last one that was built
	topicsChanged  bool   // since then
	brokersChanged bool
}

func newRegistry() *registry {
	return &registry{
		topics: make(map[string]*topic), byName: make(map[string]*broker), live: make(map[endpoint]*alive),
		table: empty,
	}
}

// build returns the current state as a Table, and whether it differs from the one
// before.
func (r *registry) build() (*Table, bool) {
	if !r.topicsChanged && !r.brokersChanged {
		return r.table, false
	}
	b := r.table.brokers
	if r.brokersChanged {
		b = &brokers{byName: maps.Clone(r.byName), clusters: make(map[string][]string)}
		for _, name := range sortedKeys(r.byName) {
			cluster := r.byName[name].cluster
			b.clusters[cluster] = append(b.clusters[cluster], name)
		}
	}
	r.table = newTable(r.topics, b)
	r.topicsShared, r.topicsChanged, r.brokersChanged = true, false, false
	return r.table, true
}

// setTopic replaces a topic; nil removes it.
func (r *registry) setTopic(name string, t *topic) {
	if r.topics[name] == t {
		return
	}
	if r.topicsShared {
		r.topics, r.topicsShared = maps.Clone(r.topics), false
	}
	r.topicsChanged = true
	if t == nil {
		delete(r.topics, name)
		return
	}
	r.topics[name] = t
}

// setBroker replaces a broker; one without addresses is removed.
func (r *registry) setBroker(b *broker) {
	r.brokersChanged = true
	if len(b.addrs) == 0 {
		delete(r.byName, b.name)
		return
	}
	r.byName[b.name] = b
}

// registered is the answer to a registration.
type registered struct {
	masterAddr, haServer string // of the master, told to slaves
	// lower is set when the registration changed which of the broker's ids is
	// the lowest; the other members want to know.
	lower bool
}

// register takes a registration. deleteMissing has the broker's topics that are
// not in it removed (deleteTopicWithBrokerRegistration).
func (r *registry) register(reg *Registration, deleteMissing bool, now int64) (registered, error) {
	old := r.byName[reg.Broker]
	next := &broker{name: reg.Broker, cluster: reg.Cluster, zone: reg.Zone, actingMaster: reg.ActingMaster}
	if old != nil {
		next.cluster = old.cluster
		next.addrs = maps.Clone(old.addrs)
	} else {
		next.addrs = make(map[int64]string)
	}
	// A process has one id: a slave that became master leaves its old one.
	maps.DeleteFunc(next.addrs, func(id int64, addr string) bool { return addr == reg.Addr && id != reg.BrokerID })
	holder, held := next.addrs[reg.BrokerID]
	if held && holder != reg.Addr && r.outdated(reg, holder) {
		delete(r.live, endpoint{reg.Cluster, reg.Addr})
		r.setBrokerIfChanged(old, next)
		return registered{}, nil
	}
	if !held && len(reg.Topics.TopicConfigTable) == 1 {
		// A single topic is an update of what must be here already.
		return registered{}, messages.Refuse(messages.SystemError, "register broker failed")
	}
	next.addrs[reg.BrokerID] = reg.Addr
	lowest := next.minID()
	isMaster := reg.BrokerID == 0
	isPrimeSlave := reg.KnowsActingMaster && !isMaster && reg.BrokerID == lowest
	if isMaster || isPrimeSlave {
		r.registerTopics(reg, !held, isPrimeSlave && reg.ActingMaster, deleteMissing)
	}
	var answer registered
	answer.lower = old != nil && len(old.addrs) > 0 && reg.BrokerID < old.minID()
	r.setBrokerIfChanged(old, next)
	r.live[endpoint{reg.Cluster, reg.Addr}] = r.aliveOf(reg, now)
	if !isMaster {
		if master, ok := next.addrs[0]; ok {
			if m := r.live[endpoint{reg.Cluster, master}]; m != nil {
				answer.masterAddr, answer.haServer = master, m.haServer
			}
		}
	}
	return answer, nil
}

func (r *registry) aliveOf(reg *Registration, now int64) *alive {
	timeout := reg.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &alive{
		name: reg.Broker, seen: now, timeout: timeout,
		version: reg.Topics.DataVersion, haServer: reg.HAServer, peer: reg.Peer,
	}
}

// outdated reports whether the process that holds a registration's broker id was
// elected later than the one that claims it.
func (r *registry) outdated(reg *Registration, holder string) bool {
	held := r.live[endpoint{reg.Cluster, holder}]
	return held != nil && held.version.StateVersion > reg.Topics.DataVersion.StateVersion
}

func (r *registry) setBrokerIfChanged(old, next *broker) {
	if old != nil && old.cluster == next.cluster && old.zone == next.zone &&
		old.actingMaster == next.actingMaster && maps.Equal(old.addrs, next.addrs) {
		return
	}
	if old == nil && len(next.addrs) == 0 {
		return
	}
	r.setBroker(next)
}

// registerTopics takes the queues of a registration. Unless the process is new,
// only what may have changed is looked at: all topics when the version differs,
// else those that the broker was not known to have. readOnly takes the write
// permission off them, since their broker is a slave.
func (r *registry) registerTopics(reg *Registration, isNew, readOnly, deleteMissing bool) {
	known := r.live[endpoint{reg.Cluster, reg.Addr}]
	differs := isNew || known == nil || known.version != reg.Topics.DataVersion
	if deleteMissing && len(reg.Topics.TopicQueueMappingInfoMap) == 0 {
		names := make(map[string]bool, len(reg.Topics.TopicConfigTable))
		for _, config := range reg.Topics.TopicConfigTable {
			if config != nil {
				names[config.TopicName] = true
			}
		}
		for name, t := range r.topics {
			if !names[name] {
				r.setTopic(name, t.without(reg.Broker))
			}
		}
	}
	for _, config := range reg.Topics.TopicConfigTable {
		if config == nil || config.TopicName == "" {
			continue
		}
		t := r.topics[config.TopicName]
		if !differs && t != nil {
			if _, has := t.find(reg.Broker); has {
				continue
			}
		}
		q := messages.QueueData{
			BrokerName: reg.Broker, ReadQueueNums: config.ReadQueueNums, WriteQueueNums: config.WriteQueueNums,
			Perm: config.Perm, TopicSysFlag: config.TopicSysFlag,
		}
		if readOnly {
			q.Perm &^= messages.PermWrite
		}
		r.putQueues(config.TopicName, q)
	}
}

func (r *registry) putQueues(name string, q messages.QueueData) {
	t := r.topics[name]
	if t != nil {
		if i, ok := t.find(q.BrokerName); ok && t.queues[i] == q {
			return
		}
	}
	r.setTopic(name, t.with(q))
}

// version returns the version of the topics that a process registered last.
func (r *registry) version(cluster, addr string) (messages.DataVersion, bool) {
	if a := r.live[endpoint{cluster, addr}]; a != nil {
		return a.version, true
	}
	return messages.DataVersion{}, false
}

// heartbeat takes a sign of life of a registered process.
func (r *registry) heartbeat(cluster, addr string, now int64) {
	if a := r.live[endpoint{cluster, addr}]; a != nil {
		a.seen = now
	}
}

// orphaned tells the members of a broker that is left with other processes that
// its lowest id has gone.
type orphaned struct {
	broker  string
	offline string // the address that is gone
}

// unregister forgets a process. With a broker's last one go its queues; when only
// slaves are left that may act as master, its queues lose the write permission.
func (r *registry) unregister(cluster, addr, name string, id int64) (orphaned, bool) {
	delete(r.live, endpoint{cluster, addr})
	b := r.byName[name]
	if b == nil {
		return orphaned{}, false
	}
	wasLowest := id == b.minID()
	next := *b
	next.addrs = maps.Clone(b.addrs)
	maps.DeleteFunc(next.addrs, func(_ int64, a string) bool { return a == addr })
	if len(next.addrs) == len(b.addrs) {
		return orphaned{}, false
	}
	r.setBroker(&next)
	if len(next.addrs) == 0 {
		r.eachQueue(name, func(t *topic, _ int) *topic { return t.without(name) })
		return orphaned{}, false
	}
	if next.actingMaster && next.minID() > 0 {
		r.setPerm(name, func(perm int32) int32 { return perm &^ messages.PermWrite })
	}
	return orphaned{broker: name, offline: addr}, wasLowest
}

// eachQueue replaces each topic that a broker has queues of, which are at index
// i, by what change returns.
func (r *registry) eachQueue(name string, change func(t *topic, i int) *topic) int {
	count := 0
	for topic, t := range r.topics {
		if i, ok := t.find(name); ok {
			r.setTopic(topic, change(t, i))
			count++
		}
	}
	return count
}

// setPerm changes the permission of a broker's queues and returns the number of
// its topics.
func (r *registry) setPerm(name string, change func(int32) int32) int {
	return r.eachQueue(name, func(t *topic, i int) *topic {
		q := t.queues[i]
		if perm := change(q.Perm); perm != q.Perm {
			q.Perm = perm
			return t.with(q)
		}
		return t
	})
}

// processes returns the endpoints that match, in a fixed order.
func (r *registry) processes(match func(*alive) bool) []endpoint {
	var found []endpoint
	for e, a := range r.live {
		if match(a) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b endpoint) int {
		return slices.Compare([]string{a.cluster, a.addr}, []string{b.cluster, b.addr})
	})
	return found
}

// remove unregisters a process that is dead.
func (r *registry) remove(e endpoint) (orphaned, bool) {
	name := r.live[e].name
	b := r.byName[name]
	if b != nil {
		for id, addr := range b.addrs {
			if addr == e.addr {
				return r.unregister(e.cluster, e.addr, name, id)
			}
		}
	}
	delete(r.live, e)
	return orphaned{}, false
}

// registerTopic adds queues of known brokers to a topic; it does nothing when one
// of the brokers is unknown.
func (r *registry) registerTopic(name string, queues []messages.QueueData) {
	for _, q := range queues {
		if r.byName[q.BrokerName] == nil {
			return
		}
	}
	for _, q := range queues {
		r.putQueues(name, q)
	}
}

// deleteTopic removes a topic from a cluster, or from everywhere.
func (r *registry) deleteTopic(name, cluster string) {
	t := r.topics[name]
	if t == nil {
		return
	}
	if cluster == "" {
		r.setTopic(name, nil)
		return
	}
	for _, q := range t.queues {
		if b := r.byName[q.BrokerName]; b != nil && b.cluster == cluster {
			t = t.without(q.BrokerName)
		}
	}
	r.setTopic(name, t)
}
