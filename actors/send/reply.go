package send

import (
	"strconv"
	"sync"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/transport/remoting"
)

// Names of the response's ext fields (RocketMQ: SendMessageResponseHeader).
var (
	fieldMsgID         = []byte("msgId")
	fieldQueueID       = []byte("queueId")
	fieldQueueOffset   = []byte("queueOffset")
	fieldTransactionID = []byte("transactionId")
	fieldRecallHandle  = []byte("recallHandle")
	fieldBatchUniqID   = []byte("batchUniqId")
	fieldRegion        = []byte(messages.PropertyMsgRegion)
	fieldTrace         = []byte(messages.PropertyTraceSwitch)
)

// Replies encodes the answers to sends. Many Connections may use it at a time.
type Replies struct {
	sender *Sender
	region []byte
	trace  []byte
}

// NewReplies returns the encoder of the answers to what sender appended.
func NewReplies(sender *Sender) *Replies {
	return &Replies{sender: sender, region: []byte(sender.Region), trace: []byte(boolText(sender.TraceOn))}
}

// replyScratch is the working memory of one Encode; an answer's fields point
// into text.
type replyScratch struct {
	command messages.Command
	text    []byte
}

var replyScratches = sync.Pool{New: func() any { return &replyScratch{text: make([]byte, 0, 256)} }}

// Encode appends the response frames of all sends of a to dst.
func (e *Replies) Encode(dst []byte, a *messages.Append) []byte {
	w := replyScratches.Get().(*replyScratch)
	for i := range a.Sends {
		if s := &a.Sends[i]; !s.Oneway {
			dst = e.encode(dst, a, s, w)
		}
	}
	replyScratches.Put(w)
	return dst
}

func (e *Replies) encode(dst []byte, a *messages.Append, s *messages.Send, w *replyScratch) []byte {
	c := &w.command
	c.Reset()
	c.Code, c.Remark = int32(s.Code), s.Remark
	c.Encoding, c.Opaque = s.Encoding, s.Opaque
	c.Version, c.Flag = messages.ProtocolVersion, messages.FlagResponse
	if s.Stored() {
		e.place(c, a, s, w)
	}
	c.Ext.Append(fieldRegion, e.region)
	c.Ext.Append(fieldTrace, e.trace)
	return remoting.AppendFrame(dst, c)
}

// place adds where the message is: of a batch, the ids of all records and the
// offset of the first.
func (e *Replies) place(c *messages.Command, a *messages.Append, s *messages.Send, w *replyScratch) {
	first := &a.Records[s.First]
	// A batch's text may outgrow the scratch; fields added before keep the old
	// memory, which stays valid.
	t := w.text[:0]
	for i, r := range a.Records[s.First : s.First+s.Count] {
		if i > 0 {
			t = append(t, ',')
		}
		t = messages.AppendOffsetMsgID(t, e.sender.StoreHost, r.Phys)
	}
	c.Ext.Append(fieldMsgID, t)
	at := len(t)
	t = strconv.AppendInt(t, int64(s.QueueID), 10)
	c.Ext.Append(fieldQueueID, t[at:])
	at = len(t)
	t = strconv.AppendInt(t, first.QueueOffset, 10)
	c.Ext.Append(fieldQueueOffset, t[at:])
	if len(first.UniqKey) > 0 {
		c.Ext.Append(fieldTransactionID, first.UniqKey)
	}
	if first.Topic == messages.TopicTimer {
		e.recall(c, a, first)
	}
	if first.SysFlag&messages.SysFlagInnerBatch != 0 {
		c.Ext.Append(fieldBatchUniqID, first.UniqKey)
	}
	w.text = t[:0]
}

// recall adds what a message that waits for its time can be recalled by.
func (e *Replies) recall(c *messages.Command, a *messages.Append, r *messages.AppendRecord) {
	var stored record.Record
	if _, err := record.Decode(a.Buf[r.At:r.At+int(r.Size)], &stored); err != nil {
		return
	}
	if handle, ok := messages.RecallOf(stored.Properties, e.sender.Broker); ok {
		c.Ext.Append(fieldRecallHandle, []byte(handle.String()))
	}
}
