package send

import (
	"net/netip"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/batchqueue"
)

// Options configures Sender and Admission.
type Options struct {
	Env       *env.Env
	Topics    *topics.View
	CommitLog *actor.PID
	Admission *actor.PID
	StoreHost netip.AddrPort // the address that clients reach this broker at

	BrokerIP          string
	Cluster           string
	Region            string
	TraceOn           bool
	Permission        func() int32 // brokerPermission
	MaxMessageSize    func() int   // bytes of body
	Delays            messages.DelayLevels
	RejectTransaction func() bool // answer half messages with NoPermission
	Slave             bool        // answer everything with ErrSlave
	Traffic           *stats.Traffic
	Timers            messages.TimerRules
	Broker            string // its name
	// Queue are the sends that wait for CommitLog to take them up. Others are refused
	// while they are QueueCapacity (sendThreadPoolQueueCapacity) and none was taken up
	// for MaxWait milliseconds (waitTimeMillsInSendQueue; 0 is for ever), and however few
	// they are if none was for BusyAfter (osPageCacheBusyTimeOutMills).
	Queue              *messages.SendQueue
	QueueCapacity      int64
	MaxWait, BusyAfter func() int64
}

// ErrSlave refuses what is sent to a slave, in the words in which Apache's refuses
// it (SendMessageProcessor.rejectRequest): clients try another broker.
var ErrSlave = messages.Refuse(messages.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while")

// Codes are the requests that Sender takes.
var Codes = []messages.RequestCode{
	messages.CodeSendMessage, messages.CodeSendMessageV2, messages.CodeSendBatchMessage,
}

// Sender encodes sends. Many readers may use one Sender at a time.
type Sender struct {
	Options
	suffix []byte // the properties that every record gets
}

// New returns a Sender.
func New(o Options) *Sender {
	s := &Sender{Options: o}
	s.suffix = messages.AppendProperty(s.suffix, messages.PropertyMsgRegion, o.Region)
	s.suffix = messages.AppendProperty(s.suffix, messages.PropertyTraceSwitch, boolText(o.TraceOn))
	s.suffix = messages.AppendProperty(s.suffix, messages.PropertyCluster, o.Cluster)
	return s
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// draft is a send that passed its checks, on its way to becoming records. Its
// slices alias the request.
type draft struct {
	messages.SendHeader
	ticket  messages.Ticket
	body    []byte
	topic   *messages.TopicConfig
	queueID int32
	props   properties

	half  bool  // of a transaction: it waits in the half topic to be committed
	waits bool  // for its time, in the timer topic
	out   int64 // TIMER_OUT_MS, if it does
	inner int   // messages of a batch that becomes one record; 0 otherwise

	// dlqTopic and dlqQueue redirect a retry that is given up.
	deadLetter bool
}

// scratch is the working memory of one call of Send.
type scratch struct {
	drafts     []draft
	properties []byte
	counted    stats.In // what tally counts; sends of a burst mostly go to one topic
	tally      *messages.Tally
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// overhead is what a record needs, or nearly always, beyond its body and the client's
// properties: the fixed fields with IPv6 hosts, the topic and added properties.
const overhead = 384

// Send implements front.Sender. It retains nothing of the commands.
func (s *Sender) Send(peer *messages.Peer, sends []*messages.Command, arrived int64) {
	if why := s.overload(arrived); why != "" {
		s.shed(peer, sends, why)
		return
	}
	w := scratches.Get().(*scratch)
	w.drafts = w.drafts[:0]
	size := 0
	for _, c := range sends {
		w.drafts = append(w.drafts, draft{ticket: messages.TicketOf(peer, c), body: c.Body})
		d := &w.drafts[len(w.drafts)-1]
		if err := s.check(c, d); err != nil {
			w.drafts = w.drafts[:len(w.drafts)-1]
			s.refuse(peer, c, arrived, err)
			continue
		}
		size += len(c.Body) + len(d.Properties) + overhead
		if d.Batch {
			size += len(c.Body) // each record of a batch has fields of its own
		}
	}
	if len(w.drafts) > 0 {
		s.append(peer, w, size, arrived)
	}
	clear(w.drafts)
	w.tally = nil // the next burst may be another broker's
	scratches.Put(w)
}

// overload returns why sends are to be refused before anything is spent on them: those
// that wait are not taken up, and these would not be in time. It returns "" if they are
// not to be (RocketMQ: NettyRemotingAbstract, SendMessageProcessor.rejectRequest).
func (s *Sender) overload(now int64) string {
	stalled := s.Queue.Stalled(now)
	if stalled == 0 {
		return ""
	}
	if stalled > s.BusyAfter() {
		return "[REJECTREQUEST]system busy, start flow control for a while"
	}
	if limit := s.MaxWait(); limit > 0 && stalled > limit && s.Queue.Len() >= s.QueueCapacity {
		return "[OVERLOAD]system busy, start flow control for a while"
	}
	return ""
}

// Refuses implements front.Refuser.
func (s *Sender) Refuses(now int64) bool { return s.overload(now) != "" }

// shed refuses sends.
func (s *Sender) shed(peer *messages.Peer, sends []*messages.Command, why string) {
	a := messages.NewAppend(0)
	for _, c := range sends {
		a.Sends = append(a.Sends, messages.Send{Ticket: messages.TicketOf(peer, c), Code: messages.SystemBusy, Remark: why})
	}
	s.Env.Send(peer.PID, a)
}

// hesitation is the error of a send that Admission decides on.
type hesitation struct{ missingTopic bool }

func (hesitation) Error() string { return "the send waits for a decision" }

func (s *Sender) refuse(peer *messages.Peer, c *messages.Command, arrived int64, err error) {
	if h, ok := err.(hesitation); ok {
		s.Env.Send(s.Admission, &hesitate{peer: peer, command: c.Clone(), arrived: arrived, missingTopic: h.missingTopic})
		return
	}
	s.Refuse(messages.TicketOf(peer, c), err)
}

// Refuse answers a send with an error; like every answer to a send it carries
// the region and the trace switch.
func (s *Sender) Refuse(t messages.Ticket, err error) {
	response := front.Refusal(t, err)
	response.Ext.Set(messages.PropertyMsgRegion, s.Region)
	response.Ext.Set(messages.PropertyTraceSwitch, boolText(s.TraceOn))
	front.Reply(s.Env, t, response)
}

// check decides on a send in Apache's order.
func (s *Sender) check(c *messages.Command, d *draft) error {
	if s.Slave {
		return ErrSlave
	}
	if err := messages.ParseSend(c, &d.SendHeader); err != nil {
		return err
	}
	if err := messages.CheckTopicBytes(d.Topic); err != nil {
		return messages.Refuse(messages.InvalidParameter, "%s", err)
	}
	if messages.IsForbiddenTopic(d.Topic) {
		return messages.Refuse(messages.NoPermission, "Sending message to topic[%s] is forbidden.", d.Topic)
	}
	d.topic = s.Topics.Load().Lookup(d.Topic)
	if d.topic == nil {
		return hesitation{missingTopic: true}
	}
	if s.Permission()&messages.PermWrite == 0 && d.topic.Order {
		return messages.Refuse(messages.NoPermission, "the broker[%s] sending message is forbidden", s.BrokerIP)
	}
	if messages.IsRetryTopic(d.Topic) {
		return hesitation{}
	}
	return s.complete(d)
}

// complete checks what does not depend on anybody else's state.
func (s *Sender) complete(d *draft) error {
	if limit := max(d.topic.ReadQueueNums, d.topic.WriteQueueNums); d.QueueID >= limit {
		return messages.Refuse(messages.InvalidParameter, "request queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] topicConfig.writeQueueNums:[%d] producer:[%s]",
			d.QueueID, d.topic.TopicName, d.topic.ReadQueueNums, d.topic.WriteQueueNums, d.ticket.Peer.Remote)
	}
	d.queueID = d.QueueID
	if d.queueID < 0 {
		d.queueID = int32(s.Env.Rand.IntN(int(max(d.topic.WriteQueueNums, 1))))
	}
	d.props = scan(d.Properties)
	if len(d.body) == 0 || len(d.body) > s.MaxMessageSize() || len(d.Properties) > s.maxProperties(d) {
		return s.illegal()
	}
	if d.SysFlag&messages.SysFlagInnerBatch != 0 {
		return s.illegal() // only the broker makes inner batches
	}
	if d.Batch {
		return s.checkBatch(d)
	}
	d.half = d.props.prepared && !(d.ReconsumeTimes > 0 && d.props.delay > 0)
	if d.half && s.RejectTransaction() {
		return messages.Refuse(messages.NoPermission, "the broker[%s] sending transaction message is forbidden", s.BrokerIP)
	}
	if d.half || d.props.delay > 0 {
		return nil // a half waits for its commit; a level wins
	}
	var err error
	d.out, d.waits, err = s.Timers.Out(&d.props.timer, s.Env.Millis(), d.props.recalls)
	return err
}

func (s *Sender) checkBatch(d *draft) error {
	switch {
	case messages.IsRetryTopic(d.Topic):
		return messages.Refuse(messages.MessageIllegal, "batch request does not support retry group %s", d.Topic)
	case d.props.delay > 0 || d.props.timer.Asked():
		return messages.Refuse(messages.MessageIllegal, "batch request does not support delay message")
	case d.props.prepared:
		return s.illegal()
	}
	count := 0
	for rest := d.body; len(rest) > 0; count++ {
		var m messages.BatchRecord
		var err error
		if m, rest, err = messages.NextBatchRecord(rest); err != nil {
			return messages.Refuse(messages.MessageIllegal, "the batch cannot be decoded: %s", err)
		}
		if len(m.Body) == 0 || len(m.Properties) > s.maxProperties(d) {
			return s.illegal()
		}
	}
	if d.topic.Batch() && len(d.props.uniqKey) > 0 {
		if count > batchqueue.MaxCount {
			return s.illegal()
		}
		d.inner = count
	}
	return nil
}

// addedProperties is the room for what the broker may add to a property string,
// besides the suffix and the topic: an id, a real queue, a delay, what a timer adds
// each time that it is stored again.
const addedProperties = 256

// addedToHalf is the room for what a half gets besides: the id once more, and, when
// it is checked, the times and the offset that it had before.
const addedToHalf = 128

// maxProperties bounds the client's own property string, so that with what the
// broker adds it still fits into a record.
func (s *Sender) maxProperties(d *draft) int {
	limit := messages.MaxPropertiesSize - len(s.suffix) - len(d.topic.TopicName) - addedProperties
	if d.props.prepared {
		limit -= len(d.props.uniqKey) + addedToHalf
	}
	return limit
}

func (s *Sender) illegal() error {
	return messages.Refuse(messages.MessageIllegal,
		"the message is illegal, maybe msg body or properties length not matched. msg body length limit %dB, msg properties length limit 32KB.", s.MaxMessageSize())
}

// append encodes the drafts into one Append and sends it to CommitLog.
func (s *Sender) append(peer *messages.Peer, w *scratch, size int, arrived int64) {
	a := messages.NewAppend(size)
	a.Peer, a.ReplyTo, a.Arrived = peer, peer.PID, arrived
	for i := range w.drafts {
		d := &w.drafts[i]
		send := messages.Send{Ticket: d.ticket, First: len(a.Records), QueueID: d.queueID, Wait: d.props.wait, Tally: s.tally(w, d)}
		if d.inner > 0 {
			s.encodeInner(a, w, d)
		} else if d.Batch {
			for rest := d.body; len(rest) > 0; {
				var m messages.BatchRecord
				m, rest, _ = messages.NextBatchRecord(rest) // checked before
				one := *d
				one.Flag, one.Properties, one.body = m.Flag, m.Properties, m.Body
				one.props = scan(m.Properties)
				one.props.delay = 0 // a batch is never delayed
				s.encode(a, w, &one, false)
			}
		} else {
			s.encode(a, w, d, true)
		}
		send.Count = len(a.Records) - send.First
		a.Sends = append(a.Sends, send)
	}
	a.Hold()
	a.Enqueue(s.Queue)
	s.Env.Send(s.CommitLog, a)
}

// tally returns what counts the records of d.
func (s *Sender) tally(w *scratch, d *draft) *messages.Tally {
	switch key := (stats.In{Topic: d.topic.TopicName, Type: d.props.kind()}); {
	case s.Traffic == nil:
		return nil
	case d.deadLetter:
		return s.Traffic.Dead(messages.GroupOf(d.topic.TopicName), d.topic.TopicName)
	case w.tally == nil || key != w.counted:
		w.counted, w.tally = key, s.Traffic.In(key.Topic, key.Type)
	}
	return w.tally
}

// encode appends the record of d. Records of a batch keep their own properties
// and nothing else (RocketMQ 5.5: AbstractSendMessageProcessor).
func (s *Sender) encode(a *messages.Append, w *scratch, d *draft, single bool) {
	topic, queueID := d.topic.TopicName, d.queueID
	w.properties = d.props.copy(w.properties[:0], d.Properties)
	if single {
		if len(d.props.uniqKey) == 0 {
			w.properties = messages.AppendProperty(w.properties, messages.PropertyUniqKey, messages.NewUniqKey(s.Env.Millis(), s.StoreHost.Addr(), s.Env.Rand.Uint64()))
		}
		w.properties = append(w.properties, s.suffix...)
	}
	if d.deadLetter {
		w.properties = messages.AppendProperty(w.properties, messages.PropertyDelay, "-1")
	}
	var delay int64
	sysFlag := d.SysFlag &^ (messages.SysFlagBornHostV6 | messages.SysFlagStoreHostV6)
	if d.half {
		w.properties = appendHalf(w.properties, topic, queueID)
		topic, queueID = messages.TopicTransHalf, 0
		sysFlag &^= messages.SysFlagTransactionMask
	} else if d.waits && single && !d.deadLetter {
		w.properties = messages.AppendTimer(w.properties, topic, queueID, d.out)
		topic, queueID = messages.TopicTimer, 0
	} else if level := s.Delays.Clamp(d.props.delay); level > 0 && !d.deadLetter {
		if d.props.timer.Asked() { // the level wins (RocketMQ: HookUtils.checkIfTimerMessage)
			w.properties = messages.RemoveProperties(nil, w.properties,
				messages.PropertyTimerDeliverMs, messages.PropertyTimerDelayMs, messages.PropertyTimerDelaySec)
		}
		if d.props.delay > level {
			w.properties = messages.AppendPropertyInt(w.properties, messages.PropertyDelay, int64(level))
		}
		w.properties = messages.AppendProperty(w.properties, messages.PropertyRealTopic, topic)
		w.properties = messages.AppendPropertyInt(w.properties, messages.PropertyRealQueueID, int64(queueID))
		topic, queueID, delay = messages.TopicSchedule, int32(level-1), s.Delays.Millis(level)
	}
	r := record.Record{
		QueueID: queueID, Flag: d.Flag, SysFlag: sysFlag,
		BornTimestamp: d.BornTimestamp, BornHost: d.ticket.Peer.Remote, StoreHost: s.StoreHost,
		ReconsumeTimes: d.ReconsumeTimes, Body: d.body, Properties: w.properties,
	}
	commitlog.Add(a, &r, topic, delay)
}

// encodeInner appends a batch as one record, whose body is the request's
// (RocketMQ: SendMessageProcessor.sendBatchMessage).
func (s *Sender) encodeInner(a *messages.Append, w *scratch, d *draft) {
	w.properties = d.props.copy(w.properties[:0], d.Properties)
	w.properties = messages.AppendProperty(w.properties, messages.PropertyCluster, s.Cluster)
	w.properties = record.AppendInner(w.properties, d.inner)
	sysFlag := d.SysFlag &^ (messages.SysFlagBornHostV6 | messages.SysFlagStoreHostV6)
	r := record.Record{
		QueueID: d.queueID, Flag: d.Flag, SysFlag: sysFlag | messages.SysFlagInnerBatch | messages.SysFlagNeedUnwrap,
		BornTimestamp: d.BornTimestamp, BornHost: d.ticket.Peer.Remote, StoreHost: s.StoreHost,
		ReconsumeTimes: d.ReconsumeTimes, Body: d.body, Properties: w.properties,
	}
	commitlog.Add(a, &r, d.topic.TopicName, 0)
	a.Records[len(a.Records)-1].Inner = int32(d.inner)
}

// appendHalf appends what a half remembers until it is committed: its id, for the
// producer, and where it goes. A delay is left for then
// (RocketMQ: TransactionalMessageBridge.parseHalfMessageInner).
func appendHalf(properties []byte, topic string, queueID int32) []byte {
	id := string(messages.FindProperty(properties, messages.PropertyUniqKey))
	properties = messages.AppendProperty(properties, messages.PropertyTransactionID, id)
	properties = messages.AppendProperty(properties, messages.PropertyRealTopic, topic)
	return messages.AppendPropertyInt(properties, messages.PropertyRealQueueID, int64(queueID))
}
