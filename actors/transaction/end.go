package transaction

import (
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// ending is a commit under way.
type ending struct {
	ticket messages.Ticket
	half   place
}

// notFound is the answer where the request names no half.
var notFound = messages.Refuse(messages.SystemError, "Find prepared transaction message failed")

// end decides a transaction, in Apache's order of checks. An outcome that is not
// known gets no answer.
func (t *transaction) end(r *front.Request) (*messages.Command, error) {
	h, err := messages.ParseEndTransaction(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if t.Slave {
		return r.Response(messages.SlaveNotAvailable, ""), nil
	}
	if h.Outcome == 0 {
		t.Env.Log.Debug().Str("id", h.MsgID).Str("group", h.ProducerGroup).Bool("asked", h.FromCheck).
			Msg("a producer does not know the outcome of a transaction")
		return nil, nil
	}
	raw, half, err := t.Store.Lookup(h.LogOffset, t.buffer)
	if err != nil {
		return nil, notFound
	}
	t.keep(raw)
	topic, queueID, ok := target(&half)
	if !ok {
		return nil, notFound
	}
	if rules := t.Rules(); !h.FromCheck && rules.late(&half, t.Env.Millis()) {
		return r.Response(messages.IllegalOperation, ""), nil
	}
	if string(messages.FindProperty(half.Properties, messages.PropertyProducerGroup)) != h.ProducerGroup {
		return nil, messages.Refuse(messages.SystemError, "The producer group wrong")
	}
	if half.QueueOffset != h.TableOffset {
		return nil, messages.Refuse(messages.SystemError, "The transaction state table offset wrong")
	}
	at := place{half.QueueID, half.QueueOffset}
	if h.Outcome == messages.SysFlagRollback {
		t.ended(at)
		return r.Response(messages.Success, ""), nil
	}
	return nil, t.commit(ending{ticket: r.Ticket, half: at}, &half, topic, queueID)
}

// maxBuffer bounds the buffer that is kept from one record to the next, in bytes.
const maxBuffer = 64 << 10

func (t *transaction) keep(raw []byte) {
	if cap(raw) <= maxBuffer {
		t.buffer = raw
	}
}

// commit adds the message of a half to what the burst appends.
func (t *transaction) commit(e ending, half *record.Record, topic string, queueID int32) error {
	var time until
	if messages.FindProperty(half.Properties, messages.PropertyDelay) == nil { // a level wins
		wanted := messages.TimerOf(half.Properties)
		var err error
		if time.out, time.waits, err = t.Timers.Out(&wanted, t.Env.Millis(), false); err != nil {
			return err
		}
	}
	if t.commits == nil {
		t.commits = messages.NewAppend(len(half.Body) + len(half.Properties) + overhead)
	}
	a := t.commits
	commit(a, half, topic, queueID, t.Delays, time, messages.Send{Ticket: e.ticket})
	open, _ := a.Token.([]ending)
	a.Token = append(open, e)
	t.of(e.half.queueID).committing[e.half.offset]++
	return nil
}

// flushCommits sends what the requests of a burst commit to the log.
func (t *transaction) flushCommits(peer *messages.Peer, arrived int64) {
	if a := t.commits; a != nil {
		t.commits = nil
		a.Peer, a.Arrived, a.ReplyTo = peer, arrived, t.self
		t.Env.Send(t.CommitLog, a)
	}
}

// committed answers the commits of an Append. One that the log refused has not
// ended.
func (t *transaction) committed(a *messages.Append, all []ending) {
	for i, e := range all {
		q := t.of(e.half.queueID)
		if q.committing[e.half.offset]--; q.committing[e.half.offset] <= 0 {
			delete(q.committing, e.half.offset)
		}
		s := &a.Sends[i]
		if !s.Stored() {
			front.Reply(t.Env, e.ticket, e.ticket.Response(s.Code, s.Remark))
			continue
		}
		t.ended(e.half)
		front.Reply(t.Env, e.ticket, e.ticket.Response(messages.Success, ""))
	}
}

// resume has a half checked again that was put away. The request's only field that
// counts is the broker's id of the message.
func (t *transaction) resume(r *front.Request) (*messages.Command, error) {
	if t.Slave {
		return nil, messages.ErrSlave
	}
	id, err := r.Command.Ext.RequiredText("msgId")
	if err != nil {
		return nil, err
	}
	failed := messages.Refuse(messages.SystemError, "Exception was thrown when putting message back to RMQ_SYS_TRANS_HALF_TOPIC.")
	_, phys, err := messages.DecodeOffsetMsgID(id)
	if err != nil {
		return nil, failed
	}
	raw, m, err := t.Store.Lookup(phys, t.buffer)
	if err != nil || string(m.Topic) != messages.TopicTransCheckMax {
		return nil, failed
	}
	t.keep(raw)
	a := messages.NewAppend(len(raw) + overhead)
	a.ReplyTo, a.Token = t.self, r.Ticket
	resume(a, &m)
	t.Env.Send(t.CommitLog, a)
	return nil, nil
}

func (t *transaction) resumed(a *messages.Append, ticket messages.Ticket) {
	if a.Sends[0].Stored() {
		front.Reply(t.Env, ticket, ticket.Response(messages.Success, ""))
		return
	}
	front.Reply(t.Env, ticket, ticket.Response(messages.SystemError, "Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed."))
}
