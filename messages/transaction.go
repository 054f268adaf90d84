package messages

import (
	"bytes"
	"strconv"
)

// GroupTransactions is the consumer group whose offsets say how far the broker has
// checked the halves of transactions (RocketMQ: MixAll.CID_SYS_RMQ_TRANS).
const GroupTransactions = "CID_RMQ_SYS_TRANS"

// EndTransaction is the header of CodeEndTransaction: what became of the
// transaction whose half message is at LogOffset
// (RocketMQ: EndTransactionRequestHeader).
type EndTransaction struct {
	Topic         string // of the message; clients before 5.0 do not send it
	ProducerGroup string
	TableOffset   int64 // of the half in its queue
	LogOffset     int64 // of the half in the CommitLog
	// Outcome is SysFlagCommit, SysFlagRollback, or 0 if it is not known.
	Outcome       int32
	FromCheck     bool // the answer to a CheckTransaction
	MsgID         string
	TransactionID string
}

// ParseEndTransaction parses the header of code 37. It fails with a *FieldError or,
// for an outcome that does not exist, with a *Refusal.
func ParseEndTransaction(ext *Ext) (h EndTransaction, err error) {
	if h.ProducerGroup, err = ext.RequiredText("producerGroup"); err != nil {
		return h, err
	}
	if h.TableOffset, err = ext.Int64("tranStateTableOffset"); err != nil {
		return h, err
	}
	if h.LogOffset, err = ext.Int64("commitLogOffset"); err != nil {
		return h, err
	}
	if h.Outcome, err = ext.Int32("commitOrRollback"); err != nil {
		return h, err
	}
	if h.MsgID, err = ext.RequiredText("msgId"); err != nil {
		return h, err
	}
	switch h.Outcome {
	case 0, SysFlagCommit, SysFlagRollback:
	default:
		return h, Refuse(SystemError, "commitOrRollback field wrong")
	}
	h.Topic, h.TransactionID, h.FromCheck = ext.Text("topic"), ext.Text("transactionId"), ext.Bool("fromTransactionCheck")
	return h, nil
}

// Set puts the header's fields into ext.
func (h *EndTransaction) Set(ext *Ext) {
	if h.Topic != "" {
		ext.Set("topic", h.Topic)
	}
	ext.Set("producerGroup", h.ProducerGroup)
	ext.SetInt("tranStateTableOffset", h.TableOffset)
	ext.SetInt("commitLogOffset", h.LogOffset)
	ext.SetInt("commitOrRollback", int64(h.Outcome))
	ext.SetBool("fromTransactionCheck", h.FromCheck)
	ext.Set("msgId", h.MsgID)
	if h.TransactionID != "" {
		ext.Set("transactionId", h.TransactionID)
	}
}

// CheckTransaction is the header of CodeCheckTransactionState, by which a broker
// asks a producer what became of a transaction. The body is the half as a record,
// under its real topic and queue (RocketMQ: CheckTransactionStateRequestHeader).
type CheckTransaction struct {
	Topic         string // that the half is in
	TableOffset   int64  // see EndTransaction, which repeats the offsets
	LogOffset     int64
	MsgID         string // the client's id of the message
	TransactionID string
	OffsetMsgID   string
	Broker        string
}

// ParseCheckTransaction parses the header of code 39. It fails with a *FieldError.
func ParseCheckTransaction(ext *Ext) (h CheckTransaction, err error) {
	if h.TableOffset, err = ext.Int64("tranStateTableOffset"); err != nil {
		return h, err
	}
	if h.LogOffset, err = ext.Int64("commitLogOffset"); err != nil {
		return h, err
	}
	h.Topic, h.MsgID, h.TransactionID = ext.Text("topic"), ext.Text("msgId"), ext.Text("transactionId")
	h.OffsetMsgID, h.Broker = ext.Text("offsetMsgId"), ext.Text("bname")
	return h, nil
}

// Set puts the header's fields into ext.
func (h *CheckTransaction) Set(ext *Ext) {
	ext.Set("topic", h.Topic)
	ext.SetInt("tranStateTableOffset", h.TableOffset)
	ext.SetInt("commitLogOffset", h.LogOffset)
	if h.MsgID != "" {
		ext.Set("msgId", h.MsgID)
		ext.Set("transactionId", h.TransactionID)
	}
	ext.Set("offsetMsgId", h.OffsetMsgID)
	ext.Set("bname", h.Broker)
}

// TagEnded is the tag of op messages, whose body lists halves that are decided:
// their queue offsets as decimal text, each followed by a comma
// (RocketMQ: TransactionalMessageUtil.REMOVE_TAG).
const TagEnded = "d"

// AppendEnded appends one half to the body of an op message.
func AppendEnded(body []byte, offset int64) []byte {
	return append(strconv.AppendInt(body, offset, 10), ',')
}

// EachEnded calls visit for each half that an op message's body lists. What is not
// a queue offset is passed over, as Apache's broker passes it over.
func EachEnded(body []byte, visit func(offset int64)) {
	for len(body) > 0 {
		text, rest, _ := bytes.Cut(body, []byte{','})
		body = rest
		if offset, err := strconv.ParseInt(string(text), 10, 64); err == nil && offset >= 0 {
			visit(offset)
		}
	}
}
