package pop

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/filter"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/revive"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Pop.
type Options struct {
	Env       *env.Env
	Store     *storage.Store
	Topics    *topics.View
	Subs      *subscriptions.View
	SubsOwner *actor.PID
	Offsets   *actor.PID
	CommitLog *actor.PID
	Readers   []*actor.PID
	Resets    *offsets.Resets
	Watch     *Watch
	Dir       string // of the JSON files, <storePathRootDir>/config
	SaveEvery time.Duration

	Broker     string
	BrokerIP   string
	Permission func() int32 // brokerPermission
	// Log is the revive log. Its records are timer messages: without those nothing is
	// popped, as at Apache.
	Log          revive.Log
	ReviveQueues int32 // reviveQueueNum

	Rules    func() Rules
	Counters *stats.Counters
	Traffic  *stats.Traffic
	// MaxOwed is how many bytes of answers a client may leave untaken before its pops
	// find nothing.
	MaxOwed int64
	// Slave refuses everything: messages are popped from the master.
	Slave bool
}

// Rules may change while the broker runs.
type Rules struct {
	RetryV2       bool // enableRetryTopicV2: retry topics are named unambiguously
	ReadRetryV1   bool // retrieveMessageFromPopRetryTopicV1: and those of before are read
	RetryFirst    int  // popFromRetryProbability, percent of pops that look at retries first
	ActualRetry   bool // popResponseReturnActualRetryTopic: clients see the retry topic
	FromBegin     bool // initPopOffsetByCheckMsgInMem: a new group begins a young queue at 0
	MaxPolls      int  // popPollingSize, of a queue, that a group may have waiting
	MaxPollsOfAll int  // maxPopPollingSize
	// FilterAsks is the number of messages that are left in a queue, if fewer, of which
	// NOTIFICATION looks for one that it filters for (maxMessageFilterNumForNotification; 0
	// without useMessageFilterForNotification).
	FilterAsks int64
}

// Props returns the props of Pop. A restart forgets who waits, which times out, and
// what was handed out since the last commit, which is handed out again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &pop{
			Options: o, subscriptions: make(map[subscriptionKey]*subscription), open: make(map[*messages.Peer]map[waiter]struct{}),
			watched: make(map[string]map[*subscription]struct{}),
		}
	})
}

// Codes lists the request codes that Pop answers.
func Codes() []messages.RequestCode { return (*pop)(nil).routes().Codes() }

type pop struct {
	Options
	self       *actor.PID // nil once it stops
	handlers   front.Handlers
	conditions filter.Conditions

	subscriptions map[subscriptionKey]*subscription // those that something is under way of
	orders        orders
	acks          *messages.Append // of the burst at hand; nil if there are none
	turn          int              // of the readers, and of those who wait
	log           int              // turn of the queues of the revive log

	open    map[*messages.Peer]map[waiter]struct{} // requests that are not answered
	watched map[string]map[*subscription]struct{}  // by the topics whose arrivals they wait for
	waiting waiting
	wake    env.Timer // of the request that waits least
	wakeAt  int64     // Unix milliseconds
	saving  env.Timer
	retries map[*checkpoints]env.Timer // of checkpoints that the log has refused
}

type save struct{}

func (p *pop) routes() front.Handlers {
	return front.Handlers{
		messages.CodePopMessage:                 p.pop,
		messages.CodeAckMessage:                 p.ack,
		messages.CodeBatchAckMessage:            p.batchAck,
		messages.CodeChangeMessageInvisibleTime: p.changeInvisible,
		messages.CodePeekMessage:                p.peek,
		messages.CodeNotification:               p.notification,
		messages.CodePollingInfo:                p.pollingInfo,
	}
}

func (p *pop) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case *messages.Requests:
		p.handlers.Serve(p.Env, m)
		p.flushAcks()
	case *offsets.Positions:
		p.located(m)
	case *found:
		p.found(m)
	case *messages.Append:
		p.appended(m)
	case *again:
		p.tryAgain(m.checkpoints)
	case *messages.Arrived:
		for i := range m.Arrivals {
			p.arrived(&m.Arrivals[i])
		}
	case *due:
		p.wake = nil
		p.expire()
	case *messages.ConnectionClosed:
		p.drop(m.Peer)
	case *save:
		p.save()
		p.saving = p.Env.Tell(p.self, p.SaveEvery, &save{})
	case *actor.Stopping, *actor.Restarting:
		p.stop()
	}
}

func (p *pop) start(ctx actor.Context) {
	p.self, p.handlers = ctx.Self(), p.routes()
	p.retries = make(map[*checkpoints]env.Timer)
	if p.Slave {
		return
	}
	p.load()
	p.saving = p.Env.Tell(p.self, p.SaveEvery, &save{})
}

// located goes on with what has asked Offsets.
func (p *pop) located(m *offsets.Positions) {
	switch token := m.Token.(type) {
	case turn:
		token.located(p, m.Offsets)
	case *peeking:
		p.peekAt(token, m.Offsets)
	case *notifying:
		p.notify(token, m.Offsets)
	}
}

// appended takes an Append that the log is done with, or has refused.
func (p *pop) appended(a *messages.Append) {
	switch token := a.Token.(type) {
	case *checkpoints:
		p.noted(a, token)
	case answers:
		p.acked(a, token)
	}
	a.Release()
}

func (p *pop) stop() {
	for _, timer := range []env.Timer{p.wake, p.saving} {
		if timer != nil {
			timer.Stop()
		}
	}
	for _, timer := range p.retries {
		timer.Stop()
	}
	p.Watch.polls.Store(0)
	if !p.Slave {
		p.save()
	}
}
