package actormq

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Bits of a pull's sysFlag (RocketMQ: PullSysFlag).
const (
	pullSuspend      = 1 << 1
	pullSubscription = 1 << 2
)

// pullSlack is what a broker may take longer than it was asked to hold a pull.
const pullSlack = 15 * time.Second

// PullRequest asks for messages of one queue.
type PullRequest struct {
	Group  string // whose permissions and statistics count
	Queue  Queue
	Offset int64 // of the first message wanted
	Max    int   // messages; 0 means 32, which is also what brokers give at most by default
	// Tags or SQL choose messages, see Subscription.
	Tags, SQL string
	// Hold is how long the broker may wait for a message if there is none; 0 has it
	// answer at once.
	Hold time.Duration

	brokerID int64 // the process to ask
}

// PullStatus is the outcome of a pull.
type PullStatus int

// The outcomes. In all of them PullResult.Next is where to go on.
const (
	// PullFound means that there are messages.
	PullFound PullStatus = iota
	// PullNothing means that the queue ends at the offset.
	PullNothing
	// PullNoMatch means that there are messages, none of which is wanted.
	PullNoMatch
	// PullMoved means that the offset is outside of the queue.
	PullMoved
)

// PullResult is what a pull brought.
type PullResult struct {
	Status   PullStatus
	Messages []*Received
	Next     int64 // the offset to go on at
	Min, Max int64 // of the queue

	suggested int64 // the broker's process to ask next
}

// Pull reads messages of a queue. They are not marked as consumed: that is
// CommitOffset's. It fails with an *Error where the broker refuses.
func (c *Client) Pull(ctx context.Context, r PullRequest) (*PullResult, error) {
	subscription, err := (&Subscription{Topic: r.Queue.Topic, Tags: r.Tags, SQL: r.SQL}).data()
	if err != nil {
		return nil, err
	}
	return c.pull(ctx, r, subscription)
}

// pull is Pull with a subscription instead of tags or SQL.
func (c *Client) pull(ctx context.Context, r PullRequest, subscription *messages.SubscriptionData) (*PullResult, error) {
	if _, err := c.masterOf(ctx, r.Queue); err != nil {
		return nil, err
	}
	addr := c.routes.any(r.Queue.Broker, r.brokerID)
	ctx, cancel := c.bounded(ctx, r.Hold+pullSlack)
	defer cancel()
	response, err := c.invoke(ctx, addr, c.pullRequest(&r, subscription))
	if err != nil {
		return nil, err
	}
	result := &PullResult{}
	err = result.decode(addr, r.Queue, subscription, response, func(m *Received, _ int) {
		if m.Offset >= r.Offset { // else of a batch that begins before
			m.Topic = c.unwrap(m.Topic)
			result.Messages = append(result.Messages, m)
		}
	})
	if err != nil {
		return nil, err
	}
	if result.Status == PullFound && len(result.Messages) == 0 {
		result.Status = PullNoMatch
	}
	return result, nil
}

// pullStatus returns the outcome that a response code means.
func pullStatus(code messages.ResponseCode) (s PullStatus, ok bool) {
	switch code {
	case messages.Success:
		return PullFound, true
	case messages.PullNotFound:
		return PullNothing, true
	case messages.PullRetryImmediately:
		return PullNoMatch, true
	case messages.PullOffsetMoved:
		return PullMoved, true
	}
	return 0, false
}

// pullRequest returns the request of a pull, of which it sets the defaults.
func (c *Client) pullRequest(r *PullRequest, subscription *messages.SubscriptionData) *messages.Command {
	flag := int64(pullSubscription)
	if r.Hold > 0 {
		flag |= pullSuspend
	}
	if r.Max <= 0 {
		r.Max = 32
	}
	request := newRequest(messages.CodePullMessage)
	request.Ext.Set("consumerGroup", c.wrap(r.Group))
	c.setQueue(request, r.Queue)
	request.Ext.SetInt("queueOffset", r.Offset)
	request.Ext.SetInt("maxMsgNums", int64(r.Max))
	request.Ext.SetInt("sysFlag", flag)
	request.Ext.SetInt("commitOffset", 0)
	request.Ext.SetInt("suspendTimeoutMillis", r.Hold.Milliseconds())
	request.Ext.Set("subscription", subscription.SubString)
	request.Ext.SetInt("subVersion", int64(subscription.SubVersion))
	request.Ext.Set("expressionType", subscription.ExpressionType)
	return request
}

// decode reads the response to a pull. It calls found with each message that has
// one of the tags, and the number of bytes that it took.
func (p *PullResult) decode(addr string, q Queue, subscription *messages.SubscriptionData, response *messages.Command, found func(*Received, int)) error {
	status, ok := pullStatus(messages.ResponseCode(response.Code))
	if !ok {
		return refusal(addr, response)
	}
	p.Status = status
	err := p.decodeHeader(response)
	if err == nil && status == PullFound {
		err = decodeMessages(q, subscription, response.Body, found)
	}
	if err != nil {
		return fmt.Errorf("actormq: answer of %s to a pull of %s: %w", addr, q, err)
	}
	return nil
}

func (p *PullResult) decodeHeader(response *messages.Command) error {
	for _, field := range []struct {
		name string
		to   *int64
	}{{"nextBeginOffset", &p.Next}, {"minOffset", &p.Min}, {"maxOffset", &p.Max}, {"suggestWhichBrokerId", &p.suggested}} {
		n, err := response.Ext.Int64(field.name)
		if err != nil {
			return err
		}
		*field.to = n
	}
	return nil
}

func decodeMessages(q Queue, subscription *messages.SubscriptionData, body []byte, found func(*Received, int)) error {
	for i := 0; len(body) > 0; i++ {
		var r record.Record
		n, err := record.Decode(body, &r)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		body = body[n:]
		err = r.EachMessage(n, func(r *record.Record, size int) error {
			m, err := newReceived(q, r)
			// Brokers compare hashes of tags.
			if err == nil && (subscription.MatchesAll() || !messages.IsTagExpression(subscription.ExpressionType) || slices.Contains(subscription.TagsSet, m.Tags)) {
				found(m, size)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// newReceived makes a message of a stored record, of which it keeps nothing.
func newReceived(q Queue, r *record.Record) (*Received, error) {
	body, err := decompress(r.Body, r.SysFlag)
	if err != nil {
		return nil, fmt.Errorf("message at %s offset %d: %w", q, r.QueueOffset, err)
	}
	m := &Received{
		OffsetID: messages.EncodeOffsetMsgID(r.StoreHost, r.PhysOffset),
		Topic:    q.Topic, Properties: messages.Properties(r.Properties), Body: body, Flag: r.Flag,
		Queue: q, Offset: r.QueueOffset, PhysicalOffset: r.PhysOffset,
		Born: time.UnixMilli(r.BornTimestamp), BornHost: r.BornHost,
		Stored: time.UnixMilli(r.StoreTimestamp), StoreHost: r.StoreHost,
		Attempts: int(r.ReconsumeTimes),
	}
	if m.Topic != string(r.Topic) {
		m.Topic = string(r.Topic)
	}
	m.ID = m.Properties[messages.PropertyUniqKey]
	if m.ID == "" {
		m.ID = m.OffsetID
	}
	m.Tags = m.Properties[messages.PropertyTags]
	if keys := m.Properties[messages.PropertyKeys]; keys != "" {
		m.Keys = strings.Fields(keys)
	}
	if origin := m.Properties[messages.PropertyRetryTopic]; origin != "" && messages.IsRetryTopic([]byte(q.Topic)) {
		m.Topic = origin
	}
	return m, nil
}
