package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
)

// Queues returns the queues of a topic that can be read, sorted. It fails with
// ErrUnknownTopic for a topic that does not exist.
func (c *Client) Queues(ctx context.Context, topic string) ([]Queue, error) {
	route, err := c.routes.renew(ctx, c.wrap(topic))
	if err != nil {
		return nil, err
	}
	if route.template {
		return nil, fmt.Errorf("%w: %s", ErrUnknownTopic, topic)
	}
	return slices.Clone(c.outside(route.readable)), nil
}

// TopicOptions describes a topic to create or change.
type TopicOptions struct {
	// Queues is the number of queues on each broker; 0 means 8.
	Queues int
	// Cluster is the cluster whose brokers get the topic; empty for all brokers.
	Cluster string
}

// CreateTopic creates a topic on all masters of a cluster, or changes the number
// of its queues there, and waits until the name server says so.
func (c *Client) CreateTopic(ctx context.Context, topic string, o TopicOptions) error {
	if err := messages.CheckTopicBytes([]byte(topic)); err != nil {
		return fmt.Errorf("actormq: topic %q: %w", topic, err)
	}
	if o.Queues == 0 {
		o.Queues = 8
	}
	if o.Queues < 0 || o.Queues > maxQueues {
		return fmt.Errorf("actormq: %d queues", o.Queues)
	}
	masters, err := c.masters(ctx, o.Cluster)
	if err != nil {
		return err
	}
	for _, addr := range masters {
		request := newRequest(messages.CodeUpdateAndCreateTopic)
		request.Ext.Set("topic", c.wrap(topic))
		request.Ext.Set("defaultTopic", messages.TopicDefault)
		request.Ext.SetInt("readQueueNums", int64(o.Queues))
		request.Ext.SetInt("writeQueueNums", int64(o.Queues))
		request.Ext.SetInt("perm", int64(messages.PermRead|messages.PermWrite))
		request.Ext.Set("topicFilterType", messages.SingleTag)
		request.Ext.SetInt("topicSysFlag", 0)
		request.Ext.SetBool("order", false)
		if _, err := c.ask(ctx, addr, request); err != nil {
			return err
		}
	}
	return c.awaitTopic(ctx, topic, o.Queues, masters)
}

const (
	// topicLimit is the time in which brokers must have told the name servers of a
	// new topic.
	topicLimit = 10 * time.Second
	// topicPause is the time between two questions for it.
	topicPause = 20 * time.Millisecond
)

// awaitTopic waits until a topic's route has so many queues on each of masters.
// Until then a producer would use the template's, which it may not have.
func (c *Client) awaitTopic(ctx context.Context, topic string, queues int, masters []string) error {
	ctx, cancel := c.bounded(ctx, topicLimit)
	defer cancel()
	for {
		route, err := c.routes.renew(ctx, c.wrap(topic))
		if err == nil && !route.template && route.has(queues, masters) {
			return nil
		}
		sleep(ctx, topicPause)
		if ctx.Err() != nil {
			return fmt.Errorf("actormq: topic %s is created, but no name server knows it: %w", topic, c.explain(errors.Join(ctx.Err(), err)))
		}
	}
}

// masters returns the addresses of the masters of a cluster, or of all clusters.
func (c *Client) masters(ctx context.Context, cluster string) ([]string, error) {
	response, addr, err := c.askNameServer(ctx, func() *messages.Command {
		return newRequest(messages.CodeGetBrokerClusterInfo)
	})
	if err != nil {
		return nil, err
	}
	if messages.ResponseCode(response.Code) != messages.Success {
		return nil, refusal(addr, response)
	}
	info, err := messages.DecodeClusterInfo(response.Body)
	if err != nil {
		return nil, fmt.Errorf("actormq: clusters from %s: %w", addr, err)
	}
	var masters []string
	for _, b := range info.BrokerAddrTable {
		if master := b.BrokerAddrs[masterID]; master != "" && (cluster == "" || b.Cluster == cluster) {
			masters = append(masters, master)
		}
	}
	if len(masters) == 0 {
		return nil, fmt.Errorf("actormq: name server %s knows no master of %s", addr, named(cluster))
	}
	slices.Sort(masters)
	return masters, nil
}

func named(cluster string) string {
	if cluster == "" {
		return "any cluster"
	}
	return "cluster " + cluster
}

// MinOffset returns the offset of the oldest message that a queue still has.
func (c *Client) MinOffset(ctx context.Context, q Queue) (int64, error) {
	return c.askOffset(ctx, messages.CodeGetMinOffset, q, nil)
}

// MaxOffset returns the offset that a queue's next message will have.
func (c *Client) MaxOffset(ctx context.Context, q Queue) (int64, error) {
	return c.askOffset(ctx, messages.CodeGetMaxOffset, q, nil)
}

// SearchOffset returns the offset of the first message that was stored at t or
// later, and that of the next message if there is none.
func (c *Client) SearchOffset(ctx context.Context, q Queue, t time.Time) (int64, error) {
	return c.askOffset(ctx, messages.CodeSearchOffsetByTimestamp, q, func(request *messages.Command) {
		request.Ext.SetInt("timestamp", t.UnixMilli())
	})
}

// QueryOffset returns the offset that a group has committed for a queue. It fails
// with ErrNoOffset if there is none.
func (c *Client) QueryOffset(ctx context.Context, group string, q Queue) (int64, error) {
	return c.askOffset(ctx, messages.CodeQueryConsumerOffset, q, func(request *messages.Command) {
		request.Ext.Set("consumerGroup", c.wrap(group))
	})
}

// CommitOffset sets a group's offset for a queue, back or forth, and waits until
// the broker knows it.
func (c *Client) CommitOffset(ctx context.Context, group string, q Queue, offset int64) error {
	addr, err := c.masterOf(ctx, q)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, addr, c.commitRequest(group, q, offset))
	return err
}

func (c *Client) commitRequest(group string, q Queue, offset int64) *messages.Command {
	request := newRequest(messages.CodeUpdateConsumerOffset)
	request.Ext.Set("consumerGroup", c.wrap(group))
	c.setQueue(request, q)
	request.Ext.SetInt("commitOffset", offset)
	return request
}

func (c *Client) setQueue(request *messages.Command, q Queue) {
	request.Ext.Set("topic", c.wrap(q.Topic))
	request.Ext.SetInt("queueId", int64(q.ID))
	request.Ext.Set("bname", q.Broker)
}

func (c *Client) askOffset(ctx context.Context, code messages.RequestCode, q Queue, more func(*messages.Command)) (int64, error) {
	addr, err := c.masterOf(ctx, q)
	if err != nil {
		return 0, err
	}
	request := newRequest(code)
	c.setQueue(request, q)
	if more != nil {
		more(request)
	}
	response, err := c.ask(ctx, addr, request)
	if err != nil {
		return 0, err
	}
	offset, err := response.Ext.Int64("offset")
	if err != nil {
		return 0, fmt.Errorf("actormq: answer of %s about %s: %w", addr, q, err)
	}
	return offset, nil
}

// masterOf returns the address of a queue's master.
func (c *Client) masterOf(ctx context.Context, q Queue) (string, error) {
	if addr := c.routes.master(q.Broker); addr != "" {
		return addr, nil
	}
	if _, err := c.routes.renew(ctx, c.wrap(q.Topic)); err != nil && !errors.Is(err, ErrUnknownTopic) {
		return "", err
	}
	if addr := c.routes.master(q.Broker); addr != "" {
		return addr, nil
	}
	return "", fmt.Errorf("%w: no master of %s is known", ErrNoQueue, q.Broker)
}

// Master returns the address of the master that has a queue.
func (c *Client) Master(ctx context.Context, q Queue) (string, error) { return c.masterOf(ctx, q) }
