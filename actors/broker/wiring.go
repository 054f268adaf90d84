package broker

import (
	"cmp"
	"net"
	"net/netip"
	"path"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/admin"
	"github.com/actormq/actormq/actors/assignment"
	"github.com/actormq/actormq/actors/cleaner"
	"github.com/actormq/actormq/actors/colddata"
	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/delay"
	"github.com/actormq/actormq/actors/dispatch"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/actors/haclient"
	"github.com/actormq/actormq/actors/indexer"
	"github.com/actormq/actormq/actors/locks"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/pop"
	"github.com/actormq/actormq/actors/pull"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/reply"
	"github.com/actormq/actormq/actors/reput"
	"github.com/actormq/actormq/actors/send"
	"github.com/actormq/actormq/actors/sendback"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/timer"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/actors/transaction"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// The names of the root's children.
const (
	nameCommitLog     = "commitlog"
	nameFlush         = "flush"
	nameDispatch      = "dispatch"
	nameIndexer       = "indexer"
	nameCleaner       = "cleaner"
	nameTopics        = "topics"
	nameSubscriptions = "subscriptions"
	nameOffsets       = "offsets"
	nameGroups        = "groups"
	nameLocks         = "locks"
	nameAdmission     = "admission"
	nameSendBack      = "sendback"
	nameDelay         = "delay"
	nameReply         = "reply"
	nameTransaction   = "transaction"
	nameTimer         = "timer"
	namePop           = "pop"
	nameRevive        = "revive"
	nameAssignment    = "assignment"
	namePullHold      = "pullhold"
	nameAdmin         = "admin"
	nameSettings      = "settings"
	nameColdData      = "colddata"
	nameRegistrar     = "registrar"
	nameListener      = "listener"
	nameFastListener  = "fast-listener"
	nameAcceptSocket  = "accept-socket"
	nameGroupTransfer = "group-transfer"
	nameHAClient      = "haclient"
	nameReput         = "reput"
	nameSlaveSync     = "slavesync"
)

// listeners are the broker's two ports: clients may send to either; pulls are
// answered on the first only (RocketMQ: BrokerController.fastRemotingServer).
var listeners = []string{nameListener, nameFastListener}

func namePuller(i int) string { return "puller-" + strconv.Itoa(i) }

// child is an actor under the root.
type child struct {
	name  string
	props *actor.Props
}

// wiring knows every child and who talks to whom. Its views are shared with the
// children, each of which writes its own.
type wiring struct {
	env    *env.Env
	config config.Broker
	store  *storage.Store
	self   *actor.PID
	gone   map[string]bool // children that have ended

	topics   *topics.View
	subs     subscriptions.View
	groups   groups.View
	resets   offsets.Resets
	popped   pop.Watch
	sends    messages.SendQueue
	visible  dispatch.Progress
	cold     colddata.Control
	slaves   ha.View       // of a master
	master   haclient.View // of a slave
	reputted reput.View    // of a slave
	counters stats.Counters
	traffic  *stats.Traffic // nil if nobody looks
	delays   messages.DelayLevels
	live     atomic.Pointer[config.Broker] // the configuration, as operators have changed it
	host     netip.AddrPort                // what clients reach the broker at
}

func (w *wiring) pid(name string) *actor.PID { return actor.NewPID(w.self.Address, w.self.Id+"/"+name) }

func (w *wiring) name(pid *actor.PID) string { return path.Base(pid.Id) }

func (w *wiring) dir() string { return configDir(&w.config) }

func configDir(c *config.Broker) string { return path.Join(c.StorePathRootDir, "config") }

// wire prepares what the children share. The configuration was validated.
func (w *wiring) wire(self *actor.PID, store *storage.Store) {
	w.self, w.store, w.gone = self, store, make(map[string]bool)
	w.live.Store(&w.config)
	w.delays, _ = messages.ParseDelayLevels(w.config.MessageDelayLevel)
	w.host = netip.AddrPortFrom(netip.MustParseAddr(w.config.BrokerIP1), uint16(w.config.ListenPort))
}

// live reads what operators may change from the configuration at the time of use.
func live[V any](w *wiring, get func(c *config.Broker) V) func() V {
	return func() V { return get(w.live.Load()) }
}

func (w *wiring) permission() int32 { return w.live.Load().BrokerPermission }

func (w *wiring) maxMessageSize() int { return w.live.Load().MaxMessageSize }

// children returns the root's children in the order of their start: who answers
// before who asks, the listeners last.
func (w *wiring) children() []child {
	var all []child
	all = append(all, w.stateChildren()...)
	all = append(all, w.storeChildren()...)
	all = append(all, w.replicationChildren()...)
	all = append(all, w.readingChildren()...)
	all = append(all, w.sendingChildren()...)
	return all
}

// stateChildren own the small state.
func (w *wiring) stateChildren() []child {
	c := &w.config
	return []child{
		{nameTopics, topics.Props(topics.Options{
			Env: w.env, View: w.topics, Dir: w.dir(), Cluster: c.BrokerClusterName, Broker: c.BrokerName,
			AutoCreate: live(w, func(c *config.Broker) bool { return c.AutoCreateTopicEnable }), DefaultQueues: c.DefaultTopicQueueNums,
			ClusterTopic: c.ClusterTopicEnable, BrokerTopic: c.BrokerTopicEnable, Trace: c.TraceTopic(),
			DelayLevels: int32(w.delays.Max()), Timer: c.TimerWheelEnable, ReviveQueues: c.ReviveQueueNum, MixedTypes: live(w, func(c *config.Broker) bool { return c.EnableMixedMessageType }),
			Slave:    w.isSlave(),
			Watchers: []*actor.PID{w.pid(nameRegistrar), w.pid(nameOffsets), w.pid(nameCommitLog)},
		})},
		{nameSubscriptions, subscriptions.Props(subscriptions.Options{
			Env: w.env, View: &w.subs, Dir: w.dir(), AutoCreate: live(w, func(c *config.Broker) bool { return c.AutoCreateSubscriptionGroup }), Slave: w.isSlave(),
			Watchers: []*actor.PID{w.pid(nameOffsets)},
		})},
		{nameOffsets, offsets.Props(offsets.Options{
			Env: w.env, Dir: w.dir(), Resets: &w.resets, SaveEvery: config.Millis(c.FlushConsumerOffsetInterval),
			Slave:      w.isSlave(),
			KnownGroup: w.knowsGroup,
			KnownTopic: func(topic string) bool { return w.topics.Load().Find(topic) != nil },
			Young:      func(topic string, queueID int32) (bool, error) { return w.store.InMemory(topic, queueID, 0) },
			Bounds:     w.store.Bounds,
		})},
		{nameGroups, groups.Props(groups.Options{
			Env: w.env, View: &w.groups, Subs: &w.subs, Topics: w.topics,
			TopicsOwner: w.pid(nameTopics), SubsOwner: w.pid(nameSubscriptions), RejectPull: live(w, rejectsPull),
			Expiry: live(w, func(c *config.Broker) time.Duration { return config.Millis(c.ChannelExpiredTimeout) }), PropertyFilter: c.EnablePropertyFilter,
		})},
		{nameLocks, locks.Props(locks.Options{Env: w.env})},
	}
}

// knowsGroup tells whether a group exists. One that has members does, though its
// configuration may still be on its way to the table.
func (w *wiring) knowsGroup(group string) bool {
	return w.subs.Load().Find(group) != nil || w.groups.Consumers(group) != nil
}

// storeChildren write the store.
func (w *wiring) storeChildren() []child {
	c := &w.config
	readOnly := func(err error) {
		w.env.Send(w.pid(nameCommitLog), &commitlog.SetWritable{By: "root", Reason: "The store is read-only after an I/O error: " + err.Error()})
	}
	return []child{
		{nameIndexer, indexer.Props(indexer.Options{
			Env: w.env, Store: w.store, Enabled: c.MessageIndexEnable, FlushEvery: indexFlush, MaxMessages: c.DefaultQueryMaxNum,
		})},
		{nameDispatch, dispatch.Props(dispatch.Options{
			Env: w.env, Store: w.store, Indexer: w.pid(nameIndexer), PullHold: w.pid(namePullHold),
			Followers: w.followers(),
			Pop:       w.pid(namePop), Popped: w.popped.Wanted, Progress: &w.visible,
			WriteEvery: config.Millis(c.FlushIntervalConsumeQueue), Failed: readOnly,
		})},
		{nameFlush, flush.Props(flush.Options{
			Env: w.env, Dispatch: w.pid(nameDispatch), Sync: w.sync, Interval: config.Millis(c.FlushIntervalCommitLog), Failed: readOnly,
			Watcher: w.flushWatcher(),
		})},
		{nameCommitLog, commitlog.Props(commitlog.Options{
			Env: w.env, Log: w.store.Log, NextOffset: w.store.NextOffset, Flush: w.pid(nameFlush), Dispatch: w.pid(nameDispatch),
			SyncFlush: c.FlushDiskType == config.SyncFlush, FlushTimeout: c.SyncFlushTimeout,
			Slaves: &w.slaves, Replication: w.replication(), GroupTransfer: w.pid(nameGroupTransfer), ReplicaTimeout: config.Millis(c.SlaveTimeout),
			Slave:     w.isSlave(),
			BusyAfter: live(w, busyAfter), MaxWait: live(w, maxWait), Queue: &w.sends,
			Counters: &w.counters,
		})},
		{nameCleaner, cleaner.Props(cleaner.Options{
			Env: w.env, Store: w.store, CommitLog: w.pid(nameCommitLog),
			Followers: []*actor.PID{w.pid(nameDispatch), w.pid(nameIndexer), w.pid(nameTimer)},
			Clean:     live(w, cleanOptions), Interval: config.Millis(c.CleanResourceInterval), FirstIn: firstClean,
		})},
	}
}

// followers hear of what arrives in a topic, besides who pulls. A slave delivers no
// delayed messages.
func (w *wiring) followers() map[string]*actor.PID {
	if w.isSlave() {
		return nil
	}
	return map[string]*actor.PID{messages.TopicSchedule: w.pid(nameDelay), messages.TopicTimer: w.pid(nameTimer), w.reviveTopic(): w.pid(nameRevive)}
}

// flushWatcher hears of each flush.
func (w *wiring) flushWatcher() *actor.PID {
	if w.isSlave() {
		return w.pid(nameHAClient)
	}
	return nil
}

// sync makes the log durable, and the next segment ready while it is at it.
func (w *wiring) sync() (int64, error) {
	if err := w.store.Log.Prepare(); err != nil {
		w.env.Log.Warn().Err(err).Msg("the next segment could not be prepared")
	}
	return w.store.Log.Sync()
}

// readingChildren answer from the store and the snapshots.
func (w *wiring) readingChildren() []child {
	c := &w.config
	all := []child{
		{namePullHold, pull.HoldProps(pull.HoldOptions{Env: w.env, MaxOffset: w.store.NextOffset})},
		{nameColdData, colddata.Props(colddata.Options{Env: w.env, Control: &w.cold, Rules: live(w, coldRules)})},
		{nameSettings, w.env.Props(func() actor.Actor {
			return &settings{env: w.env, current: &w.live, topics: w.pid(nameTopics)}
		})},
		{nameAdmin, admin.Props(admin.Options{
			Env: w.env, Config: w.live.Load, Store: w.store, Topics: w.topics, Subs: &w.subs, Groups: &w.groups,
			Offsets: w.pid(nameOffsets), Dispatch: w.pid(nameDispatch), Cleaner: w.pid(nameCleaner), Addr: w.host.String(),
			Counters: &w.counters, HAStatus: w.haStatus, Version: Version,
		})},
	}
	for i := range pullers {
		all = append(all, child{namePuller(i), pull.Props(pull.Options{
			Env: w.env, Store: w.store, Topics: w.topics, Groups: &w.groups, Subs: &w.subs,
			SubsOwner: w.pid(nameSubscriptions), Offsets: w.pid(nameOffsets), Hold: w.pid(namePullHold), Resets: &w.resets,
			BrokerIP: c.BrokerIP1, Permission: w.permission, LitePull: live(w, func(c *config.Broker) bool { return c.LitePullMessageEnable }),
			Cold: &w.cold, ColdRules: live(w, coldRules),
			RejectPull:     live(w, rejectsPull),
			PropertyFilter: c.EnablePropertyFilter, FilterRetry: live(w, func(c *config.Broker) bool { return c.FilterSupportRetry }),
			LongPolling: live(w, func(c *config.Broker) bool { return c.LongPollingEnable }), ShortPoll: live(w, func(c *config.Broker) time.Duration { return config.Millis(c.ShortPollingTimeMills) }),
			BrokerID: c.BrokerID, Slave: w.isSlave(), SlaveRead: live(w, func(c *config.Broker) bool { return c.SlaveReadEnable }), Master: w.master.Connected, Memory: inMemory(w.env, c),
			Counters: &w.counters, Traffic: w.traffic, MaxOwed: maxOwed,
		})})
	}
	return all
}

// sendingChildren take messages in, and bind the ports.
func (w *wiring) sendingChildren() []child {
	c := &w.config
	sender := send.New(send.Options{
		Env: w.env, Topics: w.topics, CommitLog: w.pid(nameCommitLog), Admission: w.pid(nameAdmission),
		StoreHost: w.host, BrokerIP: c.BrokerIP1, Cluster: c.BrokerClusterName, Region: c.RegionID, TraceOn: c.TraceOn,
		Permission: w.permission, MaxMessageSize: w.maxMessageSize, Delays: w.delays, Slave: w.isSlave(),
		RejectTransaction: live(w, func(c *config.Broker) bool { return c.RejectTransactionMessage }), Traffic: w.traffic,
		Timers: timerRules(c), Broker: c.BrokerName, Queue: &w.sends, QueueCapacity: c.SendThreadPoolQueueCapacity,
		BusyAfter: live(w, busyAfter), MaxWait: live(w, maxWait),
	})
	all := []child{
		{nameAdmission, send.AdmissionProps(send.AdmissionOptions{
			Sender: sender, Subs: &w.subs, SubsOwner: w.pid(nameSubscriptions), TopicsOwner: w.pid(nameTopics), Locks: w.pid(nameLocks),
		})},
		{nameSendBack, sendback.Props(sendback.Options{
			Env: w.env, Store: w.store, Subs: &w.subs, SubsOwner: w.pid(nameSubscriptions), TopicsOwner: w.pid(nameTopics),
			CommitLog: w.pid(nameCommitLog), StoreHost: w.host, BrokerIP: c.BrokerIP1, Permission: w.permission, Delays: w.delays,
			Slave: w.isSlave(), Traffic: w.traffic,
		})},
		{nameDelay, delay.Props(delay.Options{
			Env: w.env, Store: w.store, CommitLog: w.pid(nameCommitLog), Levels: w.delays, Dir: w.dir(),
			SaveEvery: config.Millis(c.FlushDelayOffsetInterval), Slave: w.isSlave(),
		})},
	}
	all = append(all, child{nameReply, reply.Props(reply.Options{
		Env: w.env, Topics: w.topics, CommitLog: w.pid(nameCommitLog), StoreHost: w.host, BrokerIP: c.BrokerIP1,
		Region: c.RegionID, TraceOn: c.TraceOn, Permission: w.permission, MaxMessageSize: w.maxMessageSize,
		Store: live(w, func(c *config.Broker) bool { return c.StoreReplyMessageEnable }), Client: w.groups.Producer,
	})})
	all = append(all, w.timerChild())
	all = append(all, w.popChildren()...)
	all = append(all, child{nameTransaction, transaction.Props(transaction.Options{
		Env: w.env, Store: w.store, CommitLog: w.pid(nameCommitLog), Offsets: w.pid(nameOffsets), TopicsOwner: w.pid(nameTopics),
		StoreHost: w.host, Broker: c.BrokerName, Delays: w.delays, Timers: timerRules(c),
		Rules: live(w, func(c *config.Broker) transaction.Rules {
			return transaction.Rules{
				Timeout: config.Millis(c.TransactionTimeOut), MaxChecks: c.TransactionCheckMax,
				Reserved: time.Duration(c.FileReservedTime) * time.Hour,
			}
		}),
		CheckEvery: config.Millis(c.TransactionCheckInterval),
		OpMaxSize:  c.TransactionOpMsgMaxSize, OpEvery: config.Millis(c.TransactionOpBatchInterval),
		Producers: w.groups.Producers, MaxOwed: maxOwed, Slave: w.isSlave(),
	})})
	all = append(all, child{nameRegistrar, registrar.Props(registrar.Options{
		Env: w.env, Topics: w.topics, NameServers: c.NameServers(), Cluster: c.BrokerClusterName, Broker: c.BrokerName,
		BrokerID: c.BrokerID, Permission: w.permission, Period: config.Millis(c.RegisterNameServerPeriod),
		TopicsOwner: w.pid(nameTopics), Listeners: w.masterWatchers(),
	})})
	credits := front.NewCredits(creditBytes)
	replies := send.NewReplies(sender)
	for _, name := range listeners {
		all = append(all, child{name, front.Props(front.Options{
			Env: w.env, Addr: w.bindAddr(name), Routes: w.routes(name, sender),
			Limits:   front.Limits{Frame: c.FrameMaxLength, Connection: max(connectionBytes, c.FrameMaxLength), Owed: maxOwed},
			Credits:  credits,
			Idle:     time.Duration(c.ServerChannelMaxIdleTimeSeconds) * time.Second,
			Watchers: []*actor.PID{w.pid(nameGroups), w.pid(namePullHold), w.pid(namePop)},
			Encode:   replies.Encode,
		})})
	}
	return all
}

// announcement is what the name servers are told once the broker listens.
func (w *wiring) announcement(port uint16) *registrar.Begin {
	ip2 := cmp.Or(w.config.BrokerIP2, w.config.BrokerIP1)
	return &registrar.Begin{
		Addr:   net.JoinHostPort(w.config.BrokerIP1, strconv.Itoa(int(port))),
		HAAddr: net.JoinHostPort(ip2, strconv.Itoa(w.haPort())),
	}
}

// bindAddr returns the address that a listener binds: the second port is the
// first one's less two, as clients compute it.
func (w *wiring) bindAddr(name string) string {
	port := w.config.ListenPort
	if name == nameFastListener && port > 0 {
		port -= 2
	}
	return net.JoinHostPort(w.config.BindAddress, strconv.Itoa(port))
}

// owned lists the codes of each child, apart from pulls.
func owned() map[string][]messages.RequestCode {
	return map[string][]messages.RequestCode{
		nameTopics:        topics.Codes(),
		nameSubscriptions: subscriptions.Codes(),
		nameOffsets:       offsets.Codes(),
		nameGroups:        groups.Codes(),
		nameLocks:         locks.Codes(),
		nameIndexer:       indexer.Codes(),
		nameSendBack:      sendback.Codes(),
		nameDelay:         delay.Codes(),
		nameReply:         reply.Codes(),
		nameTransaction:   transaction.Codes(),
		nameTimer:         timer.Codes(),
		namePop:           pop.Codes(),
		nameAssignment:    assignment.Codes(),
		nameAdmin:         admin.Codes(),
		nameSettings:      settingsCodes(),
		nameColdData:      colddata.Codes(),
	}
}

// Codes returns every request code that a broker answers.
func Codes() []messages.RequestCode {
	all := append([]messages.RequestCode(nil), send.Codes...)
	all = append(all, pull.Codes()...)
	for _, codes := range owned() {
		all = append(all, codes...)
	}
	return all
}

// routes says who owns which code. Pulls may take long, and are answered on the
// main port only.
func (w *wiring) routes(name string, sender *send.Sender) *front.Routes {
	r := &front.Routes{
		Owners:    make(map[messages.RequestCode]*actor.PID),
		Sends:     sender,
		SendCodes: make(map[messages.RequestCode]bool),
	}
	for _, code := range send.Codes {
		r.SendCodes[code] = true
	}
	for child, codes := range owned() {
		for _, code := range codes {
			r.Owners[code] = w.pid(child)
		}
	}
	if name == nameListener {
		r.Pools = make(map[messages.RequestCode][]*actor.PID)
		for _, code := range pull.Codes() {
			r.Pools[code] = w.pullers()
		}
	}
	return r
}

func (w *wiring) pullers() []*actor.PID {
	all := make([]*actor.PID, pullers)
	for i := range all {
		all[i] = w.pid(namePuller(i))
	}
	return all
}

func rejectsPull(c *config.Broker) bool { return c.RejectPullConsumerEnable }

func busyAfter(c *config.Broker) int64 { return c.OSPageCacheBusyTimeOut }

func maxWait(c *config.Broker) int64 {
	if !c.BrokerFastFailureEnable {
		return 0
	}
	return c.WaitTimeMillsInSendQueue
}

func coldRules(c *config.Broker) colddata.Rules {
	return colddata.Rules{Enabled: c.ColdDataFlowControlEnable, Group: c.CGColdReadThreshold, All: c.GlobalColdReadThreshold}
}

func cleanOptions(c *config.Broker) storage.CleanOptions {
	return storage.CleanOptions{
		DeleteWhen: c.DeleteWhen, Reserved: time.Duration(c.FileReservedTime) * time.Hour, BatchMax: c.DeleteFileBatchMax,
		MaxUsed: float64(c.DiskMaxUsedSpaceRatio) / 100, ForceUsed: float64(c.DiskSpaceCleanForciblyRatio) / 100,
		FullUsed: float64(c.DiskSpaceWarningLevelRatio) / 100, ForceEnabled: c.CleanFileForciblyEnable,
	}
}
