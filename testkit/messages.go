package testkit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/actormq/actormq"
)

// CreateTopic creates a topic with so many queues. Topics are created by the first
// message to them, too, unless autoCreateTopicEnable is false.
func (c *Cluster) CreateTopic(topic string, queues int) {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	if err := c.Client().CreateTopic(ctx, topic, actormq.TopicOptions{Queues: queues}); err != nil {
		c.t.Fatalf("testkit: topic %s: %v", topic, err)
	}
}

// Send sends messages as an ordinary producer, and waits until they can be read.
// Those with a delay can be read only later, see Broker.AwaitDelayed.
func (c *Cluster) Send(all ...*actormq.Message) {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	producer, err := c.Client().NewProducer(actormq.ProducerOptions{Group: "testkit"})
	if err != nil {
		c.t.Fatalf("testkit: %v", err)
	}
	defer producer.Close()
	for _, m := range all {
		sent, err := producer.Send(ctx, m)
		if err != nil {
			c.t.Fatalf("testkit: a message to %s: %v", m.Topic, err)
		}
		if m.DelayLevel == 0 {
			c.awaitVisible(sent)
		}
	}
}

// awaitVisible waits until readers find a message: the route of its topic comes with
// a registration, and its queue has it when it is dispatched, after the answer.
func (c *Cluster) awaitVisible(sent actormq.Sent) {
	c.t.Helper()
	c.await("a message to be readable", func(ctx context.Context) error {
		queues, err := c.Client().Queues(ctx, sent.Queue.Topic)
		if err != nil {
			return err
		}
		end, err := c.Client().MaxOffset(ctx, sent.Queue)
		if err == nil && (end <= sent.Offset || !slices.Contains(queues, sent.Queue)) {
			err = fmt.Errorf("%v ends at %d", sent.Queue, end)
		}
		return err
	})
}

// Messages returns what is in a topic, queue by queue; nothing if there is no such
// topic. It belongs to no group and changes no offset.
func (c *Cluster) Messages(topic string) []*actormq.Received {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	all, err := c.read(ctx, topic)
	if err != nil {
		c.t.Fatalf("testkit: reading %s: %v", topic, err)
	}
	return all
}

// AwaitMessages waits until a topic has at least n messages, and returns all of
// them.
func (c *Cluster) AwaitMessages(topic string, n int) (all []*actormq.Received) {
	c.t.Helper()
	c.await(fmt.Sprintf("%d messages in %s", n, topic), func(ctx context.Context) (err error) {
		if all, err = c.read(ctx, topic); err == nil && len(all) < n {
			err = fmt.Errorf("there are %d", len(all))
		}
		return err
	})
	return all
}

func (c *Cluster) read(ctx context.Context, topic string) (all []*actormq.Received, err error) {
	queues, err := c.queues(ctx, topic)
	if err != nil {
		return nil, err
	}
	client := c.Client()
	for _, q := range queues {
		next, err := client.MinOffset(ctx, q)
		if err != nil {
			return nil, err
		}
		for {
			r, err := client.Pull(ctx, actormq.PullRequest{Group: "testkit", Queue: q, Offset: next})
			if err != nil {
				return nil, err
			}
			all = append(all, r.Messages...)
			if r.Status != actormq.PullFound {
				break
			}
			next = r.Next
		}
	}
	return all, nil
}

// queues returns the queues of a topic; none if there is no such topic.
func (c *Cluster) queues(ctx context.Context, topic string) ([]actormq.Queue, error) {
	queues, err := c.Client().Queues(ctx, topic)
	if errors.Is(err, actormq.ErrUnknownTopic) {
		return nil, nil
	}
	return queues, err
}
