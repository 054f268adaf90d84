package actormq

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// replyMark is the message type of replies (RocketMQ: MixAll.REPLY_MESSAGE_FLAG).
const replyMark = "reply"

// requests are those that wait for a reply, by correlation id.
type requests struct {
	mu      sync.Mutex
	waiting map[string]chan *Received // capacity 1
}

func (r *requests) wait(id string) <-chan *Received {
	ended := make(chan *Received, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(map[string]chan *Received)
	}
	r.waiting[id] = ended
	return ended
}

func (r *requests) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}

// end hands a reply over and reports whether somebody waits for it.
func (r *requests) end(id string, reply *Received) bool {
	r.mu.Lock()
	ended := r.waiting[id]
	delete(r.waiting, id)
	r.mu.Unlock()
	if ended == nil {
		return false
	}
	ended <- reply
	return true
}

// Request sends a message to whoever consumes its topic and waits for the reply
// of the first who answers (Reply). Replies are not stored: one is lost if the
// client's connection to a broker breaks meanwhile. The context bounds the wait,
// or else ProducerOptions.Timeout.
//
// Beyond Send's errors it fails with ErrNoReply, which wraps the context's error,
// when the message was stored and no reply came.
func (p *Producer) Request(ctx context.Context, m *Message) (*Received, error) {
	if p.isClosed() {
		return nil, ErrClosed
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.o.Timeout)
		defer cancel()
	}
	end, _ := ctx.Deadline()
	id := p.client.uniq.make(time.Now())
	s, err := p.encode(ctx, m,
		property{messages.PropertyCorrelationID, id},
		property{messages.PropertyReplyToClient, p.client.id},
		property{messages.PropertyTTL, strconv.FormatInt(max(time.Until(end).Milliseconds(), 1), 10)})
	if err != nil {
		return nil, err
	}
	if _, err := p.client.routes.get(ctx, s.topic); err != nil {
		return nil, err
	}
	p.client.greet(ctx)
	reply := p.client.requests.wait(id)
	defer p.client.requests.forget(id)
	if _, err := p.deliver(ctx, s); err != nil {
		return nil, err
	}
	select {
	case r := <-reply:
		return r, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrNoReply, ctx.Err())
	case <-p.client.ctx.Done():
		return nil, ErrClosed
	}
}

// greet makes the client known to the brokers' masters as a producer: a reply may
// come from any of them. One that cannot be reached brings none.
func (c *Client) greet(ctx context.Context) {
	var greeting sync.WaitGroup
	for _, addr := range c.routes.addresses(false) {
		if conn := c.conns.current(addr); conn != nil && conn.greeted.Load() {
			continue
		}
		greeting.Go(func() {
			conn, err := c.conns.get(ctx, addr)
			if err != nil {
				return
			}
			request, _ := c.heartbeat()
			if request == nil {
				return
			}
			if response, err := conn.call(ctx, request); err == nil && response.Code == int32(messages.Success) {
				conn.greeted.Store(true)
			}
		})
	}
	greeting.Wait()
}

// Reply answers a message that was sent by Request, of this client or another's.
// It fails with an *Error if the one who asked has gone.
func (p *Producer) Reply(ctx context.Context, request *Received, body []byte) error {
	properties := request.Properties
	to, id, cluster := properties[messages.PropertyReplyToClient], properties[messages.PropertyCorrelationID], properties[messages.PropertyCluster]
	switch {
	case to == "" || id == "":
		return errors.New("actormq: a reply to a message that is no request")
	case cluster == "":
		return errors.New("actormq: a reply to a message of no cluster")
	case len(body) == 0:
		return errors.New("actormq: a reply without a body")
	}
	further := []property{
		{messages.PropertyMessageType, replyMark},
		{messages.PropertyCorrelationID, id},
		{messages.PropertyReplyToClient, to},
	}
	if ttl := properties[messages.PropertyTTL]; ttl != "" {
		further = append(further, property{messages.PropertyTTL, ttl})
	}
	s, err := p.encodeValid(ctx, &Message{Topic: cluster + "_" + messages.ReplyTopicPostfix, Body: body}, further...)
	if err != nil {
		return err
	}
	s.code, s.topic = messages.CodeSendReplyMessageV2, s.shown // the cluster's own topic is in no namespace
	s.prefer = request.Queue.Broker                            // to which the asker is connected
	_, err = p.deliver(ctx, s)
	return err
}

// replied takes a reply that a broker passes on, and tells it whether it was
// wanted (RocketMQ: ClientRemotingProcessor.receiveReplyMessage).
func (c *Client) replied(request *messages.Command) *messages.Command {
	reply, err := c.decodeReply(request)
	if err != nil {
		c.log.Warn("a reply cannot be read", "error", err)
		refused := request.Respond(messages.SystemError, "process reply message fail")
		refused.Language = messages.Go
		return refused
	}
	if id := reply.Properties[messages.PropertyCorrelationID]; !c.requests.end(id, reply) {
		c.log.Info("a reply comes too late", "correlation", id)
	}
	response := request.Respond(messages.Success, "")
	response.Language = messages.Go
	return response
}

func (c *Client) decodeReply(request *messages.Command) (*Received, error) {
	sysFlag, err := request.Ext.Int32("sysFlag")
	if err != nil {
		return nil, err
	}
	born, err := request.Ext.Int64("bornTimestamp")
	if err != nil {
		return nil, err
	}
	stored, err := request.Ext.Int64Or("storeTimestamp", 0)
	if err != nil {
		return nil, err
	}
	flag, err := request.Ext.Int32Or("flag", 0)
	if err != nil {
		return nil, err
	}
	body, err := decompress(request.Body, sysFlag)
	if err != nil {
		return nil, err
	}
	properties, _ := request.Ext.Get("properties")
	r := &Received{
		Topic: request.Ext.Text("topic"), Properties: messages.Properties(properties), Body: body, Flag: flag,
		Born: time.UnixMilli(born), Stored: time.UnixMilli(stored),
	}
	r.ID, r.Tags = r.Properties[messages.PropertyUniqKey], r.Properties[messages.PropertyTags]
	// Addresses are for people to read; one that does not parse is left out.
	r.BornHost, _ = netip.ParseAddrPort(request.Ext.Text("bornHost"))
	r.StoreHost, _ = netip.ParseAddrPort(request.Ext.Text("storeHost"))
	return r, nil
}
