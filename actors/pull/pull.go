package pull

import (
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/colddata"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/filter"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures a Puller.
type Options struct {
	Env    *env.Env
	Store  *storage.Store
	Topics *topics.View
	Groups *groups.View
	Subs   *subscriptions.View
	// SubsOwner creates groups by use; Offsets takes the commits that pulls carry.
	SubsOwner, Offsets, Hold *actor.PID
	// Resets tells, and consumes, a pending reset offset of a group's queue.
	Resets *offsets.Resets

	BrokerIP string
	// BrokerID, Slave, SlaveRead and Memory decide which broker a consumer is to ask
	// next, see suggest.
	BrokerID  int64
	Slave     bool        // this broker is one
	SlaveRead func() bool // slaveReadEnable
	// Memory is how far behind the end of the log, in bytes, a consumer may be without
	// being sent to a slave (accessMessageInMemoryMaxRatio).
	Memory int64
	// Master tells a slave whether it has its master.
	Master         func() bool
	Permission     func() int32 // brokerPermission
	RejectPull     func() bool  // rejectPullConsumerEnable
	LitePull       func() bool  // litePullMessageEnable
	PropertyFilter bool         // enablePropertyFilter
	FilterRetry    func() bool  // filterSupportRetry
	// LongPolling off answers empty pulls after ShortPoll at the latest.
	LongPolling func() bool
	ShortPoll   func() time.Duration
	// Cold counts and limits what groups read that is not in memory any more.
	Cold      *colddata.Control
	ColdRules func() colddata.Rules
	Counters  *stats.Counters
	Traffic   *stats.Traffic
	// MaxOwed is how many bytes of answers a client may leave untaken before its
	// pulls find nothing.
	MaxOwed int64
}

// Codes lists the request codes that Pullers answer.
func Codes() []messages.RequestCode { return (*puller)(nil).routes().Codes() }

// Props returns the props of a Puller.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &puller{Options: o} })
}

// request is a pull on its way. It is immutable once built.
type request struct {
	ticket         messages.Ticket
	group, topic   string
	queueID        int32
	offset         int64
	maxMessages    int
	suspendedUntil int64 // Unix milliseconds; 0: answer at once
	filter         storage.Filter
	topicSysFlag   int32
	groupSysFlag   int32
	usual, slow    int64 // the brokers that the group reads from, and when it is slow
	// recheck is when a request that was held gives its new offset, in Unix
	// milliseconds; 0 while it is the one that it came with.
	recheck int64
	// patient says that the request has waited for reading cold messages.
	patient bool
}

// byProperties reports whether only reading tells what the request wants.
func (q *request) byProperties() bool {
	_, reads := q.filter.(storage.PropertyFilter)
	return reads
}

type puller struct {
	Options
	self       *actor.PID
	handlers   front.Handlers
	conditions filter.Conditions
	tallies    map[stats.Out]*messages.Tally
}

func (p *puller) routes() front.Handlers {
	return front.Handlers{
		messages.CodePullMessage:     p.pull,
		messages.CodeLitePullMessage: p.pull,
	}
}

func (p *puller) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.self, p.handlers, p.tallies = ctx.Self(), p.routes(), make(map[stats.Out]*messages.Tally)
	case *messages.Requests:
		p.handlers.Serve(p.Env, m)
	case *rerun:
		p.answer(m.request, m.attempt)
	}
}

// Bits of a pull's sysFlag (RocketMQ: PullSysFlag).
const (
	flagCommit       = 1 << 0
	flagSuspend      = 1 << 1
	flagSubscription = 1 << 2
)

// pull checks a request in Apache's order (PullMessageProcessor), since clients
// branch on the first code that applies.
func (p *puller) pull(r *front.Request) (*messages.Command, error) {
	var h messages.PullHeader
	if err := messages.ParsePull(r.Command, &h); err != nil {
		return nil, err
	}
	if p.Slave && !p.SlaveRead() {
		return nil, messages.Refuse(messages.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while")
	}
	if p.Permission()&messages.PermRead == 0 {
		return p.forbid(r, 1, "the broker[%s] pulling message is forbidden", p.BrokerIP)
	}
	if r.Command.Code == int32(messages.CodeLitePullMessage) && !p.LitePull() {
		return p.forbid(r, 1, "the broker[%s] for lite pull consumer is forbidden", p.BrokerIP)
	}
	group := p.Subs.Find(p.Env, p.SubsOwner, h.ConsumerGroup)
	if group == nil {
		return nil, messages.UnknownGroup(h.ConsumerGroup)
	}
	if !group.ConsumeEnable {
		return p.forbid(r, 2, "subscription group no permission, %s", h.ConsumerGroup)
	}
	topic := p.Topics.Load().Find(h.Topic)
	if topic == nil {
		return nil, messages.UnknownTopic(h.Topic)
	}
	if topic.Perm&messages.PermRead == 0 {
		return p.forbid(r, 3, "the topic[%s] pulling message is forbidden", h.Topic)
	}
	if h.QueueID < 0 || h.QueueID >= topic.ReadQueueNums {
		return nil, messages.Refuse(messages.InvalidParameter, "queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]",
			h.QueueID, h.Topic, topic.ReadQueueNums, r.Peer.Remote)
	}
	wanted, refusal, err := p.filter(r, &h, group)
	if refusal != nil || err != nil {
		return refusal, err
	}
	if p.RejectPull() && !p.isMember(r, h.ConsumerGroup) {
		return nil, messages.Refuse(messages.SubscriptionNotExist,
			"the consumer's group info not exist, or the pull consumer is rejected by server.")
	}
	p.begin(r, &h, &request{
		ticket: r.Ticket, group: h.ConsumerGroup, topic: topic.TopicName, queueID: h.QueueID,
		offset: h.QueueOffset, maxMessages: int(h.MaxMsgNums), filter: wanted,
		topicSysFlag: topic.TopicSysFlag, groupSysFlag: group.GroupSysFlag,
		usual: group.BrokerID, slow: group.WhichBrokerWhenConsumeSlowly,
	})
	return nil, nil
}

// isMember reports whether the broker knows a pulling client as a consumer: as one of a
// group of push consumers, or by its own heartbeats, which those of pull consumers are not
// where they are rejected.
func (p *puller) isMember(r *front.Request, group string) bool {
	g := p.Groups.Consumers(group)
	if messages.IsSystemGroup(group) || g != nil && g.Type != messages.ConsumeActively {
		return true
	}
	return g != nil && slices.ContainsFunc(g.Members, func(m groups.Member) bool { return m.Peer == r.Peer })
}

// begin evaluates a checked request for the first time. Only now may it be held,
// and only now does its commit count: a held request's is stale by its re-run.
func (p *puller) begin(r *front.Request, h *messages.PullHeader, q *request) {
	if h.SysFlag&flagSuspend != 0 {
		suspend := h.SuspendTimeoutMillis
		if !p.LongPolling() {
			suspend = p.ShortPoll().Milliseconds()
		}
		q.suspendedUntil = r.Arrived + suspend
	}
	p.Env.Send(p.Offsets, &offsets.Pulled{
		Commit: offsets.Commit{Group: q.group, Topic: q.topic, QueueID: q.queueID, Offset: h.CommitOffset},
		From:   h.QueueOffset, Commits: h.SysFlag&flagCommit != 0,
	})
	if q.suspendedUntil > 0 {
		p.answer(q, firstAttempt)
	} else {
		p.answer(q, lastAttempt)
	}
}

// maxKept bounds the tallies that a Puller keeps at hand.
const maxKept = 1 << 14

// count counts what a group is given.
func (p *puller) count(q *request, got *storage.GetResult) {
	if p.Traffic == nil {
		return
	}
	key := stats.Out{Group: q.group, Topic: q.topic}
	tally := p.tallies[key]
	if tally == nil {
		if len(p.tallies) == maxKept {
			clear(p.tallies)
		}
		tally = p.Traffic.Out(q.group, q.topic)
		p.tallies[key] = tally
	}
	tally.Add(got.Count, len(got.Body))
}

// forbid refuses for want of permission; kind tells the client whose.
func (p *puller) forbid(r *front.Request, kind int64, format string, args ...any) (*messages.Command, error) {
	response := front.Refusal(r.Ticket, messages.Refuse(messages.NoPermission, format, args...))
	response.Ext.SetInt("forbiddenType", kind)
	return response, nil
}

// buffers hold the bodies of pull answers while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// attempt says what becomes of a request that finds nothing.
type attempt int

const (
	firstAttempt attempt = iota // it is held if nothing is there
	nextAttempt                 // it is held also if nothing matches, and goes on behind that
	lastAttempt                 // it is answered
)

// answer reads and answers q, or has it held.
func (p *puller) answer(q *request, a attempt) {
	if next, ok := p.Resets.Take(q.group, q.topic, q.queueID); ok {
		minOffset, maxOffset, _ := p.Store.Bounds(q.topic, q.queueID) // for its information only
		p.reply(q, messages.PullOffsetMoved, storage.GetResult{Next: next, Min: minOffset, Max: maxOffset}, "OFFSET_RESET")
		return
	}
	if q.ticket.Peer.Owed() > p.MaxOwed {
		minOffset, maxOffset, _ := p.Store.Bounds(q.topic, q.queueID) // for its information only
		p.reply(q, messages.PullRetryImmediately, storage.GetResult{Next: q.offset, Min: minOffset, Max: maxOffset}, "the client does not take its messages")
		return
	}
	cold := p.ColdRules()
	if !q.patient && p.isThrottled(q, cold) {
		p.throttle(q)
		return
	}
	buffer := buffers.Get().(*[]byte)
	got := p.Store.Get(q.topic, q.queueID, q.offset, q.maxMessages, q.filter, (*buffer)[:0])
	*buffer = got.Body // it may have grown
	code := codes[got.Status]
	if q.offset != 0 && (got.Status == storage.NoMatchedLogicQueue || got.Status == storage.NoMessageInQueue) {
		code = messages.PullOffsetMoved // the queue lost its data
	}
	if code == messages.Success {
		if cold.Enabled && got.Behind > p.Memory && !messages.IsSystemGroup(q.group) {
			p.Cold.Read(q.group, int64(len(got.Body)), p.Env.Millis())
		}
		p.Counters.Found.Add(1)
		p.Counters.Get.Add(int64(got.Count))
		p.Counters.GetBytes.Add(int64(len(got.Body)))
		p.count(q, &got)
		response := p.response(q, code, got, got.Status.String())
		front.ReplyBody(p.Env, q.ticket, response, got.Body, func() { buffers.Put(buffer) })
		return
	}
	p.Counters.Missed.Add(1)
	buffers.Put(buffer)
	if p.Slave {
		code = p.atSlave(q, code, &got)
	}
	if held := p.toHold(q, a, code, &got); held != nil {
		p.Env.Send(p.Hold, &hold{request: held, puller: p.self})
		return
	}
	if q.recheck > 0 && got.Status == storage.OffsetOverflowOne {
		code, got.Status = messages.PullRetryImmediately, storage.NoMatchedMessage // as seen from the client's offset
	}
	p.reply(q, code, got, got.Status.String())
}

// toHold returns the request that PullHold is to keep, nil if q is to be answered.
func (p *puller) toHold(q *request, a attempt, code messages.ResponseCode, got *storage.GetResult) *request {
	switch {
	case a == firstAttempt && code == messages.PullNotFound:
		return q
	case a == nextAttempt && got.Status == storage.OffsetOverflowOne && code == messages.PullNotFound:
		return q
	case a == nextAttempt && got.Status == storage.NoMatchedMessage && got.Next > q.offset:
		moved := *q
		moved.offset = got.Next
		if moved.recheck == 0 {
			moved.recheck = p.Env.Millis() + recheckAfter.Milliseconds()
		}
		return &moved
	}
	return nil
}

// codes maps the outcome of a read to the response
// (RocketMQ: PullMessageProcessor.composeResponseHeader).
var codes = map[storage.GetStatus]messages.ResponseCode{
	storage.Found:               messages.Success,
	storage.NoMatchedMessage:    messages.PullRetryImmediately,
	storage.MessageWasRemoving:  messages.PullRetryImmediately,
	storage.NoMatchedLogicQueue: messages.PullNotFound,
	storage.NoMessageInQueue:    messages.PullNotFound,
	storage.OffsetFoundNull:     messages.PullNotFound,
	storage.OffsetOverflowOne:   messages.PullNotFound,
	storage.OffsetOverflowBadly: messages.PullOffsetMoved,
	storage.OffsetTooSmall:      messages.PullOffsetMoved,
}

func (p *puller) reply(q *request, code messages.ResponseCode, got storage.GetResult, remark string) {
	front.Reply(p.Env, q.ticket, p.response(q, code, got, remark))
}

// response carries the four offsets that a Java client needs on every outcome.
func (p *puller) response(q *request, code messages.ResponseCode, got storage.GetResult, remark string) *messages.Command {
	response := q.ticket.Response(code, remark)
	response.Ext.SetInt("suggestWhichBrokerId", p.suggest(q, &got))
	response.Ext.SetInt("nextBeginOffset", got.Next)
	response.Ext.SetInt("minOffset", got.Min)
	response.Ext.SetInt("maxOffset", got.Max)
	response.Ext.SetInt("topicSysFlag", int64(q.topicSysFlag))
	response.Ext.SetInt("groupSysFlag", int64(q.groupSysFlag))
	return response
}
