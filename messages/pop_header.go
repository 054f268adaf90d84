package messages

// Where a group begins that has no offset yet (RocketMQ: ConsumeInitMode).
const (
	PopFromMin = 0 // at the queue's first message
	PopFromMax = 1 // at its last message
)

// PopHeader is the header of POP_MESSAGE (RocketMQ: PopMessageRequestHeader).
type PopHeader struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32 // -1: every queue
	MaxMsgNums    int32 // at most MaxPopped
	Invisible     int64 // how long the messages are this client's, in milliseconds
	PollTime      int64 // how long to wait for one, in milliseconds from BornTime on
	BornTime      int64 // Unix milliseconds of the client's clock; 0: not given
	InitMode      int32 // PopFromMin or PopFromMax
	ExpType       string
	Exp           string // "": every message
	Order         bool   // in the order of the queue: nothing while earlier ones are out
	AttemptID     string // of a pop that is repeated; "" for none
}

// ParsePop parses the header of POP_MESSAGE. It fails with a *FieldError.
func ParsePop(ext *Ext) (h PopHeader, err error) {
	p := fields{ext: ext}
	h = PopHeader{
		ConsumerGroup: p.text("consumerGroup"), Topic: p.text("topic"),
		QueueID: p.int32("queueId"), MaxMsgNums: p.int32("maxMsgNums"),
		Invisible: p.int64("invisibleTime"), PollTime: p.int64("pollTime"),
		BornTime: p.int64("bornTime"), InitMode: p.int32("initMode"),
		ExpType: ext.Text("expType"), Exp: ext.Text("exp"),
		Order: ext.Bool("order"), AttemptID: ext.Text("attemptId"),
	}
	return h, p.err
}

// Set puts the header's fields into ext.
func (h *PopHeader) Set(ext *Ext) {
	ext.Set("consumerGroup", h.ConsumerGroup)
	ext.Set("topic", h.Topic)
	ext.SetInt("queueId", int64(h.QueueID))
	ext.SetInt("maxMsgNums", int64(h.MaxMsgNums))
	ext.SetInt("invisibleTime", h.Invisible)
	ext.SetInt("pollTime", h.PollTime)
	ext.SetInt("bornTime", h.BornTime)
	ext.SetInt("initMode", int64(h.InitMode))
	setText(ext, "expType", h.ExpType)
	setText(ext, "exp", h.Exp)
	ext.SetBool("order", h.Order)
	setText(ext, "attemptId", h.AttemptID)
}

// PopResponse is the header of the answer to POP_MESSAGE
// (RocketMQ: PopMessageResponseHeader). A queue of a topic is written with the
// topic's mark, see PopHandle.
type PopResponse struct {
	PopTime     int64
	Invisible   int64
	ReviveQueue int32 // or ReviveQueueOrderly
	RestNum     int64 // messages that are left, by and large
	// StartOffsets is "mark queue offset" for each queue, with semicolons between: the
	// offset that the queue's checkpoint begins at.
	StartOffsets string
	// MsgOffsets is "mark queue offset,offset,…" likewise.
	MsgOffsets string
	// OrderCounts is, for messages in order, how often they were consumed before:
	// "mark qo<queue>%<offset> times" for each that was, and "mark queue times" with the
	// least of each queue.
	OrderCounts string
}

// Set puts the header's fields into ext.
func (h *PopResponse) Set(ext *Ext) {
	ext.SetInt("popTime", h.PopTime)
	ext.SetInt("invisibleTime", h.Invisible)
	ext.SetInt("reviveQid", int64(h.ReviveQueue))
	ext.SetInt("restNum", h.RestNum)
	ext.Set("startOffsetInfo", h.StartOffsets)
	ext.Set("msgOffsetInfo", h.MsgOffsets)
	setText(ext, "orderCountInfo", h.OrderCounts)
}

// ParsePopResponse parses the header of an answer to POP_MESSAGE. It fails with a
// *FieldError.
func ParsePopResponse(ext *Ext) (h PopResponse, err error) {
	p := fields{ext: ext}
	h = PopResponse{
		PopTime: p.int64("popTime"), Invisible: p.int64("invisibleTime"), ReviveQueue: p.int32("reviveQid"),
		RestNum: p.int64("restNum"), StartOffsets: ext.Text("startOffsetInfo"), MsgOffsets: ext.Text("msgOffsetInfo"),
		OrderCounts: ext.Text("orderCountInfo"),
	}
	return h, p.err
}

// AckHeader is the header of ACK_MESSAGE (RocketMQ: AckMessageRequestHeader).
type AckHeader struct {
	ConsumerGroup string
	Topic         string // that the message is in, which may be a retry topic
	QueueID       int32
	Handle        string // see PopHandle
	Offset        int64  // of the message in its queue
	LiteTopic     string
}

// ParseAck parses the header of ACK_MESSAGE. It fails with a *FieldError.
func ParseAck(ext *Ext) (h AckHeader, err error) {
	p := fields{ext: ext}
	h = AckHeader{
		ConsumerGroup: p.text("consumerGroup"), Topic: p.text("topic"), QueueID: p.int32("queueId"),
		Handle: p.text("extraInfo"), Offset: p.int64("offset"), LiteTopic: ext.Text("liteTopic"),
	}
	return h, p.err
}

// Set puts the header's fields into ext.
func (h *AckHeader) Set(ext *Ext) {
	ext.Set("consumerGroup", h.ConsumerGroup)
	ext.Set("topic", h.Topic)
	ext.SetInt("queueId", int64(h.QueueID))
	ext.Set("extraInfo", h.Handle)
	ext.SetInt("offset", h.Offset)
	setText(ext, "liteTopic", h.LiteTopic)
}

// ChangeInvisibleHeader is the header of CHANGE_MESSAGE_INVISIBLETIME
// (RocketMQ: ChangeInvisibleTimeRequestHeader).
type ChangeInvisibleHeader struct {
	AckHeader
	Invisible int64 // from now on, in milliseconds
	Suspend   bool  // the redelivery does not count as a consumption
}

// ParseChangeInvisible parses the header of CHANGE_MESSAGE_INVISIBLETIME. It fails with
// a *FieldError.
func ParseChangeInvisible(ext *Ext) (h ChangeInvisibleHeader, err error) {
	if h.AckHeader, err = ParseAck(ext); err != nil {
		return h, err
	}
	h.Suspend = ext.Bool("suspend")
	h.Invisible, err = ext.Int64("invisibleTime")
	return h, err
}

// Set puts the header's fields into ext.
func (h *ChangeInvisibleHeader) Set(ext *Ext) {
	h.AckHeader.Set(ext)
	ext.SetInt("invisibleTime", h.Invisible)
	ext.SetBool("suspend", h.Suspend)
}

// NotificationHeader is the header of NOTIFICATION, which asks whether there is
// something to pop (RocketMQ: NotificationRequestHeader).
type NotificationHeader struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32 // -1: every queue
	PollTime      int64 // as in PopHeader
	BornTime      int64
	Order         bool
	AttemptID     string
	ExpType       string
	Exp           string
}

// ParseNotification parses the header of NOTIFICATION. It fails with a *FieldError.
func ParseNotification(ext *Ext) (h NotificationHeader, err error) {
	p := fields{ext: ext}
	h = NotificationHeader{
		ConsumerGroup: p.text("consumerGroup"), Topic: p.text("topic"), QueueID: p.int32("queueId"),
		PollTime: p.int64("pollTime"), BornTime: p.int64("bornTime"), Order: ext.Bool("order"),
		AttemptID: ext.Text("attemptId"), ExpType: ext.Text("expType"), Exp: ext.Text("exp"),
	}
	return h, p.err
}

// PeekHeader is the header of PEEK_MESSAGE and, without MaxMsgNums, of POLLING_INFO
// (RocketMQ: PeekMessageRequestHeader, PollingInfoRequestHeader).
type PeekHeader struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32 // -1: every queue
	MaxMsgNums    int32
}

// ParsePeek parses the header of PEEK_MESSAGE. It fails with a *FieldError.
func ParsePeek(ext *Ext) (h PeekHeader, err error) {
	if h, err = ParsePollingInfo(ext); err != nil {
		return h, err
	}
	h.MaxMsgNums, err = ext.Int32("maxMsgNums")
	return h, err
}

// ParsePollingInfo parses the header of POLLING_INFO. It fails with a *FieldError.
func ParsePollingInfo(ext *Ext) (h PeekHeader, err error) {
	p := fields{ext: ext}
	h = PeekHeader{ConsumerGroup: p.text("consumerGroup"), Topic: p.text("topic"), QueueID: p.int32("queueId")}
	return h, p.err
}

// fields reads required fields until the first that fails.
type fields struct {
	ext *Ext
	err error
}

func (f *fields) text(name string) string { return read(f, f.ext.RequiredText, name) }
func (f *fields) int32(name string) int32 { return read(f, f.ext.Int32, name) }
func (f *fields) int64(name string) int64 { return read(f, f.ext.Int64, name) }

func read[T any](f *fields, field func(string) (T, error), name string) (v T) {
	if f.err == nil {
		v, f.err = field(name)
	}
	return v
}

func setText(ext *Ext, name, value string) {
	if value != "" {
		ext.Set(name, value)
	}
}
