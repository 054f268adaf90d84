package broker

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/assignment"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/pop"
	"github.com/actormq/actormq/actors/revive"
	"github.com/actormq/actormq/messages"
)

func namePopReader(i int) string { return "pop-reader-" + strconv.Itoa(i) }

// reviveTopic is the topic of the revive log.
func (w *wiring) reviveTopic() string { return messages.ReviveTopic(w.config.BrokerClusterName) }

// popChildren hand out messages one by one.
func (w *wiring) popChildren() []child {
	c := &w.config
	var all []child
	var readers []*actor.PID
	for i := range pullers {
		all = append(all, child{namePopReader(i), pop.ReaderProps(pop.ReaderOptions{Env: w.env, Store: w.store})})
		readers = append(readers, w.pid(namePopReader(i)))
	}
	log := revive.Log{Topic: w.reviveTopic(), Timers: timerRules(c), StoreHost: w.host}
	return append(all,
		child{namePop, pop.Props(pop.Options{
			Env: w.env, Store: w.store, Topics: w.topics, Subs: &w.subs, SubsOwner: w.pid(nameSubscriptions),
			Offsets: w.pid(nameOffsets), CommitLog: w.pid(nameCommitLog), Readers: readers, Resets: &w.resets, Watch: &w.popped,
			Dir: w.dir(), SaveEvery: config.Millis(c.FlushConsumerOffsetInterval),
			Broker: c.BrokerName, BrokerIP: c.BrokerIP1, Permission: w.permission, Log: log, ReviveQueues: c.ReviveQueueNum,
			Rules: live(w, popRules), Counters: &w.counters, Traffic: w.traffic,
			MaxOwed: maxOwed, Slave: w.isSlave(),
		})},
		child{nameRevive, revive.Props(revive.Options{
			Env: w.env, Store: w.store, Topics: w.topics, Subs: &w.subs, TopicsOwner: w.pid(nameTopics),
			CommitLog: w.pid(nameCommitLog), Offsets: w.pid(nameOffsets), Timer: w.pid(nameTimer), Log: log,
			Queues: c.ReviveQueueNum, Broker: c.BrokerName, RetryV2: live(w, func(c *config.Broker) bool { return c.EnableRetryTopicV2 }),
			Slave: w.isSlave(),
		})},
		child{nameAssignment, assignment.Props(assignment.Options{
			Env: w.env, Topics: w.topics, Subs: &w.subs, Groups: &w.groups, Registrar: w.pid(nameRegistrar), Dir: w.dir(),
			Broker: c.BrokerName, Slave: w.isSlave(),
			Rules: live(w, func(c *config.Broker) assignment.Rules {
				return assignment.Rules{Balance: c.ServerLoadBalancerEnable, Mode: c.DefaultMessageRequestMode, Share: c.DefaultPopShareQueueNum}
			}),
		})},
	)
}

func popRules(c *config.Broker) pop.Rules {
	var filtered int64
	if c.UseMessageFilterForNotification {
		filtered = c.MaxMessageFilterNumForNotification
	}
	return pop.Rules{
		FilterAsks: filtered,
		RetryV2:    c.EnableRetryTopicV2, ReadRetryV1: c.RetrieveMessageFromPopRetryTopicV1, RetryFirst: c.PopFromRetryProbability,
		ActualRetry: c.PopResponseReturnActualRetryTopic, FromBegin: c.InitPopOffsetByCheckMsgInMem,
		MaxPolls: c.PopPollingSize, MaxPollsOfAll: c.MaxPopPollingSize,
	}
}
