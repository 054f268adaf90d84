// Package admin answers what operators, and clients about to start, ask of a
// broker: offsets and times of queues, statistics, progress of groups, the
// configuration (RocketMQ: AdminBrokerProcessor). It owns no state of the broker;
// what it does not find in a published snapshot or in the store it asks the owner.
package admin

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Admin.
type Options struct {
	Env      *env.Env
	Config   func() *config.Broker // as operators have changed it
	Store    *storage.Store
	Topics   *topics.View
	Subs     *subscriptions.View
	Groups   *groups.View
	Offsets  *actor.PID
	Dispatch *actor.PID
	Cleaner  *actor.PID
	Addr     string // that clients reach the broker at, host:port
	Counters *stats.Counters
	HAStatus func() messages.HAStatus
	Version  string // of this broker, for operators
}

// Props returns the props of Admin. It reads the disk, for which only its own
// askers wait.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &admin{Options: o} })
}

// Codes lists the request codes that Admin answers.
func Codes() []messages.RequestCode { return (*admin)(nil).routes().Codes() }

type admin struct {
	Options
	self     *actor.PID
	handlers front.Handlers
	history  stats.History
	started  int64 // Unix milliseconds
	tick     env.Timer
}

type sample struct{}

func (a *admin) routes() front.Handlers {
	return front.Handlers{
		messages.CodeSearchOffsetByTimestamp:      a.searchOffset,
		messages.CodeGetMaxOffset:                 a.maxOffset,
		messages.CodeGetMinOffset:                 a.minOffset,
		messages.CodeGetEarliestMsgStoreTime:      a.earliest,
		messages.CodeGetBrokerRuntimeInfo:         a.runtime,
		messages.CodeGetBrokerHAStatus:            a.haStatus,
		messages.CodeGetTopicStatsInfo:            a.topicStats,
		messages.CodeGetConsumeStats:              a.consumeStats,
		messages.CodeInvokeBrokerToResetOffset:    a.resetOffset,
		messages.CodeQueryTopicConsumeByWho:       a.consumedBy,
		messages.CodeQueryTopicsByConsumer:        a.topicsOf,
		messages.CodeGetSystemTopicListFromBroker: a.systemTopics,
		messages.CodeViewBrokerStatsData:          a.statsItem,

		messages.CodeGetConsumerRunningInfo:          a.runningInfo,
		messages.CodeConsumeMessageDirectly:          a.consumeDirectly,
		messages.CodeInvokeBrokerToGetConsumerStatus: a.consumerStatus,
		messages.CodeGetBrokerConsumeStats:           a.brokerConsumeStats,
		messages.CodeCloneGroupOffset:                a.cloneOffsets,
		messages.CodeQueryConsumeTimeSpan:            a.consumeTimeSpan,
		messages.CodeQueryConsumeQueue:               a.consumeQueue,
		messages.CodeCleanExpiredConsumeQueue:        a.cleanQueues,
		messages.CodeDeleteExpiredCommitLog:          a.deleteExpired,
		messages.CodeCleanUnusedTopic:                a.cleanTopics,
	}
}

func (a *admin) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		a.self, a.handlers, a.started = ctx.Self(), a.routes(), a.Env.Millis()
		a.sample()
		a.tick = a.Env.Tell(ctx.Self(), period, &sample{})
	case *messages.Requests:
		a.handlers.Serve(a.Env, m)
	case *offsets.Found:
		a.found(m)
	case *messages.Answer:
		a.answered(m)
	case *sample:
		a.sample()
		a.tick = a.Env.Tell(ctx.Self(), period, &sample{})
	case *actor.Stopping, *actor.Restarting:
		a.tick.Stop()
	}
}

func (a *admin) sample() { a.history.Add(a.Counters.Sample(a.Env.Millis())) }

// queueOf parses the topic and queue that most requests name.
func queueOf(ext *messages.Ext) (topic string, queueID int32, err error) {
	if topic, err = ext.RequiredText("topic"); err != nil {
		return "", 0, err
	}
	queueID, err = ext.Int32("queueId")
	return topic, queueID, err
}

// one answers with a single number.
func one(r *front.Request, field string, value int64) (*messages.Command, error) {
	response := r.Response(messages.Success, "")
	response.Ext.SetInt(field, value)
	return response, nil
}

func (a *admin) searchOffset(r *front.Request) (*messages.Command, error) {
	topic, queueID, err := queueOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	timestamp, err := r.Command.Ext.Int64("timestamp")
	if err != nil {
		return nil, err
	}
	boundary, _ := r.Command.Ext.Get("boundaryType")
	upper := len(boundary) == 5 && (boundary[0]|0x20) == 'u'
	offset, err := a.Store.OffsetByTime(topic, queueID, timestamp, upper)
	if err != nil {
		return nil, err
	}
	return one(r, "offset", offset)
}

func (a *admin) maxOffset(r *front.Request) (*messages.Command, error) {
	topic, queueID, err := queueOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	_, maxOffset, err := a.Store.Bounds(topic, queueID)
	if err != nil {
		return nil, err
	}
	return one(r, "offset", maxOffset)
}

func (a *admin) minOffset(r *front.Request) (*messages.Command, error) {
	topic, queueID, err := queueOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	minOffset, _, err := a.Store.Bounds(topic, queueID)
	if err != nil {
		return nil, err
	}
	return one(r, "offset", minOffset)
}

func (a *admin) earliest(r *front.Request) (*messages.Command, error) {
	topic, queueID, err := queueOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	return one(r, "timestamp", a.Store.EarliestStoreTime(topic, queueID))
}

// haStatus tells how far the slaves are, or how far a slave is.
func (a *admin) haStatus(r *front.Request) (*messages.Command, error) {
	status := a.HAStatus()
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = status.Encode()
	return response, err
}

func (a *admin) topicStats(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	topic := a.Topics.Load().Find(name)
	if topic == nil {
		return nil, messages.Refuse(messages.TopicNotExist, "topic[%s] not exist", name)
	}
	table := &messages.TopicStatsTable{}
	for id := range max(topic.ReadQueueNums, topic.WriteQueueNums) {
		minOffset, maxOffset, err := a.Store.Bounds(name, id)
		if err != nil {
			return nil, err
		}
		offset := messages.TopicOffset{MinOffset: minOffset, MaxOffset: maxOffset}
		if maxOffset > 0 {
			offset.LastUpdateTimestamp = a.Store.StoreTimeAt(name, id, maxOffset-1)
		}
		table.OffsetTable = append(table.OffsetTable, messages.QueueEntry[messages.TopicOffset]{Queue: a.queue(name, id), Value: offset})
	}
	response := r.Response(messages.Success, "")
	response.Body, err = table.Encode()
	return response, err
}

func (a *admin) queue(topic string, id int32) messages.MessageQueue {
	return messages.MessageQueue{BrokerName: a.Config().BrokerName, QueueID: id, Topic: topic}
}

// systemTopics lists the broker's own topics.
func (a *admin) systemTopics(r *front.Request) (*messages.Command, error) {
	list := &messages.TopicList{TopicList: []string{}}
	for _, name := range a.Topics.Load().Names() {
		if messages.IsSystemTopic(name) || name == a.Config().BrokerName || name == a.Config().BrokerClusterName {
			list.TopicList = append(list.TopicList, name)
		}
	}
	slices.Sort(list.TopicList)
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = list.Encode()
	return response, err
}

// statsItem refuses as Apache's broker does for an item that it has no figures
// of: the per-item statistics of BrokerStatsManager are not kept.
func (a *admin) statsItem(r *front.Request) (*messages.Command, error) {
	return nil, messages.Refuse(messages.SystemError, "The stats <%s> <%s> not exist",
		r.Command.Ext.Text("statsName"), r.Command.Ext.Text("statsKey"))
}
