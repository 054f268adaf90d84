package actormq

import (
	"context"
	"fmt"
	"slices"

	"github.com/actormq/actormq/messages"
)

// heartbeat returns the request that says who this client is, nil if it is in no
// group.
func (c *Client) heartbeat() (request *messages.Command, consumes bool) {
	c.mu.Lock()
	beat := messages.HeartbeatData{ClientID: c.id}
	for group := range c.producers {
		beat.Producers = append(beat.Producers, messages.ProducerData{GroupName: group})
	}
	for _, consumer := range c.consumers {
		beat.Consumers = append(beat.Consumers, consumer.data)
	}
	c.mu.Unlock()
	if len(beat.Producers)+len(beat.Consumers) == 0 {
		return nil, false
	}
	body, err := beat.Encode()
	if err != nil {
		return nil, false // cannot happen: all of it is strings and numbers
	}
	request = newRequest(messages.CodeHeartBeat)
	request.Body = body
	return request, len(beat.Consumers) > 0
}

// opened introduces the client to a broker on a new connection. Name servers do
// not want to know.
func (c *Client) opened(conn *conn) {
	if c.servers.has(conn.addr) {
		return
	}
	if request, _ := c.heartbeat(); request != nil {
		conn.Go(request, func(*messages.Command, error) {})
	}
}

// heartbeatAll sends a sign of life to all known brokers, to slaves only if there
// are consumers. What fails is made up for by the next one.
func (c *Client) heartbeatAll(ctx context.Context) {
	request, consumes := c.heartbeat()
	if request == nil {
		return
	}
	for _, addr := range c.routes.addresses(consumes) {
		_, _ = c.ask(ctx, addr, request.Clone())
	}
}

// leaveProducers takes one producer off its group, and the client with the last.
func (c *Client) leaveProducers(p *Producer) error {
	group := c.wrap(p.o.Group)
	c.mu.Lock()
	c.sending = slices.DeleteFunc(c.sending, func(o *Producer) bool { return o == p })
	c.producers[group]--
	last := c.producers[group] <= 0
	if last {
		delete(c.producers, group)
	}
	closed := c.closed
	c.mu.Unlock()
	if !last || closed {
		return nil // brokers see the connection's end
	}
	return c.unregister("producerGroup", group, false)
}

// unregister takes the client off a group on all brokers that it is connected to.
func (c *Client) unregister(field, group string, slaves bool) error {
	for _, addr := range c.routes.addresses(slaves) {
		conn := c.conns.current(addr)
		if conn == nil {
			continue
		}
		conn.unlearn(group)
		request := newRequest(messages.CodeUnregisterClient)
		request.Ext.Set("clientID", c.id)
		request.Ext.Set(field, group)
		if _, err := c.ask(c.ctx, addr, request); err != nil {
			return fmt.Errorf("actormq: leaving group %s: %w", group, err)
		}
	}
	return nil
}
