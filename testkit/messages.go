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
func (b *Broker) CreateTopic(topic string, queues int) {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	if err := b.Client().CreateTopic(ctx, topic, actormq.TopicOptions{Queues: queues}); err != nil {
		b.t.Fatalf("testkit: topic %s: %v", topic, err)
	}
}

// Send sends messages as an ordinary producer, and waits until they can be read.
// Those with a delay can be read only later, see AwaitDelayed.
func (b *Broker) Send(all ...*actormq.Message) {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	producer, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "testkit"})
	if err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	defer producer.Close()
	for _, m := range all {
		sent, err := producer.Send(ctx, m)
		if err != nil {
			b.t.Fatalf("testkit: a message to %s: %v", m.Topic, err)
		}
		if m.DelayLevel == 0 {
			b.awaitVisible(sent)
		}
	}
}

// awaitVisible waits until readers find a message: the route of its topic comes with
// a registration, and its queue has it when it is dispatched, after the answer.
func (b *Broker) awaitVisible(sent actormq.Sent) {
	b.t.Helper()
	b.await("a message to be readable", func(ctx context.Context) error {
		queues, err := b.Client().Queues(ctx, sent.Queue.Topic)
		if err != nil {
			return err
		}
		end, err := b.Client().MaxOffset(ctx, sent.Queue)
		if err == nil && (end <= sent.Offset || !slices.Contains(queues, sent.Queue)) {
			err = fmt.Errorf("%v ends at %d", sent.Queue, end)
		}
		return err
	})
}

// Messages returns what is in a topic, queue by queue; nothing if there is no such
// topic. It belongs to no group and changes no offset.
func (b *Broker) Messages(topic string) []*actormq.Received {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	all, err := b.read(ctx, topic)
	if err != nil {
		b.t.Fatalf("testkit: reading %s: %v", topic, err)
	}
	return all
}

// AwaitMessages waits until a topic has at least n messages, and returns all of
// them.
func (b *Broker) AwaitMessages(topic string, n int) (all []*actormq.Received) {
	b.t.Helper()
	b.await(fmt.Sprintf("%d messages in %s", n, topic), func(ctx context.Context) (err error) {
		if all, err = b.read(ctx, topic); err == nil && len(all) < n {
			err = fmt.Errorf("there are %d", len(all))
		}
		return err
	})
	return all
}

func (b *Broker) read(ctx context.Context, topic string) (all []*actormq.Received, err error) {
	queues, err := b.queues(ctx, topic)
	if err != nil {
		return nil, err
	}
	client := b.Client()
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
func (b *Broker) queues(ctx context.Context, topic string) ([]actormq.Queue, error) {
	queues, err := b.Client().Queues(ctx, topic)
	if errors.Is(err, actormq.ErrUnknownTopic) {
		return nil, nil
	}
	return queues, err
}
