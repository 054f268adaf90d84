package timer

import (
	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/jsonfile"
)

// checkpoint tells a slave how far the master is.
func (t *timers) checkpoint(r *front.Request) (*messages.Command, error) {
	response := r.Response(messages.Success, "")
	c := t.current()
	response.Body = c.Append(nil)
	return response, nil
}

// metrics tells how many messages of each topic wait.
func (t *timers) metrics(r *front.Request) (*messages.Command, error) {
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = jsonfile.Encode(&t.counts)
	return response, err
}

// tagRecall is the tag of a message that recalls another
// (RocketMQ: RecallMessageProcessor.RECALL_MESSAGE_TAG).
const tagRecall = "_RECALL_TAG_"

// recall stores a message that keeps another from being delivered, in the order of
// Apache's checks (RocketMQ: RecallMessageProcessor).
func (t *timers) recall(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	topic, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	text, err := ext.RequiredText("recallHandle")
	if err != nil {
		return nil, err
	}
	switch {
	case !t.Recall:
		return nil, messages.Refuse(messages.NoPermission, "recall failed, operation is forbidden")
	case t.Slave:
		return nil, messages.Refuse(messages.SlaveNotAvailable, "recall failed, broker service not available")
	case t.Permission()&messages.PermWrite == 0:
		return nil, messages.Refuse(messages.ServiceNotAvailable, "recall failed, broker service not available")
	case t.Topics.Load().Find(topic) == nil:
		return nil, messages.Refuse(messages.TopicNotExist, "recall failed, the topic[%s] not exist", topic)
	}
	h, err := messages.ParseRecallHandle(text)
	switch now := t.Env.Millis(); {
	case err != nil:
		return nil, messages.Refuse(messages.IllegalOperation, "%s", err)
	case h.Topic != topic:
		return nil, messages.Refuse(messages.IllegalOperation, "recall failed, topic not match")
	case h.Broker != t.Broker:
		return nil, messages.Refuse(messages.IllegalOperation, "recall failed, broker service not available")
	case h.Deliver <= now || h.Deliver-now >= t.Rules.MaxDelay:
		return nil, messages.Refuse(messages.IllegalOperation, "recall failed, timestamp invalid")
	}
	if !t.storeRecall(r, &h) {
		return nil, messages.Refuse(messages.SystemError, "recall failed, execute error")
	}
	return nil, nil
}

// recalling is the Ticket of a recall, with the id that its answer names.
type recalling struct {
	messages.Ticket
	id string
}

// storeRecall appends the message that recalls another. It reports false if that is
// not possible any more.
func (t *timers) storeRecall(r *front.Request, h *messages.RecallHandle) bool {
	now := t.Env.Millis()
	var properties []byte
	for _, p := range [][2]string{
		{messages.PropertyTimerDelUniqKey, messages.TimerDeleteKey(h.Topic, h.ID, t.TopicKeys)},
		{messages.PropertyUniqKey, h.ID},
		{messages.PropertyProducerGroup, r.Command.Ext.Text("producerGroup")},
		{messages.PropertyTags, tagRecall},
	} {
		properties = messages.AppendProperty(properties, p[0], p[1])
	}
	properties = messages.AppendPropertyInt(properties, messages.PropertyTimerDeliverMs, h.Deliver)
	wanted := messages.TimerOf(properties)
	out, waits, err := t.Rules.Out(&wanted, now, true)
	if err != nil || !waits {
		return false
	}
	properties = messages.AppendTimer(properties, h.Topic, 0, out)
	a := messages.NewAppend(len(properties) + overhead)
	a.ReplyTo, a.Token = t.self, recalling{r.Ticket, h.ID}
	a.Sends = append(a.Sends, messages.Send{Count: 1})
	commitlog.Add(a, &record.Record{
		BornTimestamp: now, BornHost: r.Peer.Remote, StoreHost: t.StoreHost, Body: []byte("0"), Properties: properties,
	}, messages.TopicTimer, 0)
	t.Env.Send(t.CommitLog, a)
	return true
}

func (t *timers) recalled(a *messages.Append, r recalling) {
	if !a.Sends[0].Stored() {
		front.Reply(t.Env, r.Ticket, r.Response(messages.SystemError, "recall failed, execute error"))
		return
	}
	response := r.Response(messages.Success, "")
	response.Ext.Set("msgId", r.id)
	response.Ext.Set(messages.PropertyMsgRegion, t.Region)
	front.Reply(t.Env, r.Ticket, response)
}
