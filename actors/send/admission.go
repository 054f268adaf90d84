package send

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/locks"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
)

// AdmissionOptions configures Admission.
type AdmissionOptions struct {
	Sender      *Sender
	Subs        *subscriptions.View
	SubsOwner   *actor.PID
	TopicsOwner *actor.PID
	Locks       *actor.PID
}

// AdmissionProps returns the props of Admission, which decides on the sends that
// need somebody else's word. A restart loses the sends that wait; their clients
// time out and try again.
func AdmissionProps(o AdmissionOptions) *actor.Props {
	return o.Sender.Env.Props(func() actor.Actor { return &admission{AdmissionOptions: o} })
}

// hesitate hands a send to Admission. The command is its own copy.
type hesitate struct {
	peer         *messages.Peer
	command      *messages.Command
	arrived      int64
	missingTopic bool
}

type admission struct{ AdmissionOptions }

func (d *admission) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *hesitate:
		if m.missingTopic {
			d.createTopic(ctx, m)
			return
		}
		d.askLocks(ctx, m)
	case *topics.Created:
		d.created(m)
	case *locks.HeldAnswer:
		d.retry(ctx, m.Token.(*hesitate), m.Held)
	}
}

// createTopic asks for the topic after the template that the client names
// (RocketMQ: AbstractSendMessageProcessor.msgCheck).
func (d *admission) createTopic(ctx actor.Context, m *hesitate) {
	var h messages.SendHeader
	if err := messages.ParseSend(m.command, &h); err != nil {
		d.Sender.Refuse(messages.TicketOf(m.peer, m.command), err)
		return
	}
	ctx.Request(d.TopicsOwner, &topics.Create{
		Topic:   string(h.Topic),
		Default: string(h.DefaultTopic),
		Queues:  h.DefaultTopicQueueNums,
		Client:  m.peer.Remote,
		Token:   m,
	})
}

// created goes on with a send whose topic is there now, or is refused.
func (d *admission) created(m *topics.Created) {
	h := m.Token.(*hesitate)
	if m.Err != nil {
		d.Sender.Refuse(messages.TicketOf(h.peer, h.command), m.Err)
		return
	}
	d.Sender.Send(h.peer, []*messages.Command{h.command}, h.arrived)
}

func (d *admission) askLocks(ctx actor.Context, m *hesitate) {
	ctx.Request(d.Locks, &locks.Held{Group: retryGroup(m.command), Token: m})
}

// retryGroup returns the group of the retry topic that a send goes to.
func retryGroup(c *messages.Command) string {
	var h messages.SendHeader
	if messages.ParseSend(c, &h) != nil {
		return ""
	}
	return messages.GroupOf(string(h.Topic))
}

// retry decides on a send to a retry topic: a message that was retried too often,
// or whose group consumes in order, goes to the group's dead letters
// (RocketMQ: SendMessageProcessor.handleRetryAndDLQ).
func (d *admission) retry(ctx actor.Context, m *hesitate, ordered bool) {
	ticket := messages.TicketOf(m.peer, m.command)
	dr := draft{ticket: ticket, body: m.command.Body}
	if err := d.judge(ctx, m, &dr, ordered); err != nil {
		d.Sender.Refuse(ticket, err)
		return
	}
	w := &scratch{drafts: []draft{dr}}
	d.Sender.append(m.peer, w, len(dr.body)+len(dr.Properties)+overhead, m.arrived)
}

// maxTimesVersion is the first MQVersion whose maxReconsumeTimes counts (V3_4_9).
const maxTimesVersion = 121

func (d *admission) judge(ctx actor.Context, m *hesitate, dr *draft, ordered bool) error {
	if err := messages.ParseSend(m.command, &dr.SendHeader); err != nil {
		return err
	}
	if dr.topic = d.Sender.Topics.Load().Lookup(dr.Topic); dr.topic == nil {
		return messages.UnknownTopic(string(dr.Topic))
	}
	name := messages.GroupOf(string(dr.Topic))
	group := d.Subs.Find(d.Sender.Env, d.SubsOwner, name)
	if group == nil {
		return messages.Refuse(messages.SubscriptionGroupUnknown, "subscription group not exist, %s", name)
	}
	if err := d.Sender.complete(dr); err != nil {
		return err
	}
	limit := group.RetryMaxTimes
	if ticket := dr.ticket; ticket.Version >= maxTimesVersion && dr.HasMaxReconsumeTimes {
		limit = dr.MaxReconsumeTimes
	}
	if dr.ReconsumeTimes > limit || ordered {
		dlq := messages.DLQTopic(name)
		ctx.Send(d.TopicsOwner, &topics.Ensure{Topic: dlq, Queues: 1, Perm: messages.PermRead | messages.PermWrite})
		dr.topic = messages.NewTopicConfig(dlq, 1, 1, messages.PermRead|messages.PermWrite)
		dr.queueID, dr.deadLetter = 0, true
	}
	return nil
}
