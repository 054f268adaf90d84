package testkit

import (
	"context"
	"fmt"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
)

// Patience is how long the methods that await something wait.
const Patience = 10 * time.Second

// await fails the test unless a condition comes to hold.
func (b *Broker) await(what string, holds func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			b.t.Fatalf("testkit: waited %v for %s", Patience, what)
		case <-look.C:
		}
	}
}

// CreateTopic creates a topic with so many queues. Topics are created by the first
// message to them, too, unless autoCreateTopicEnable is false.
func (b *Broker) CreateTopic(topic string, queues int) {
	b.t.Helper()
	if err := b.Client().CreateTopic(b.t.Context(), topic, actormq.TopicOptions{Queues: queues}); err != nil {
		b.t.Fatalf("testkit: topic %s: %v", topic, err)
	}
}

// Send sends messages as an ordinary producer.
func (b *Broker) Send(all ...*actormq.Message) {
	b.t.Helper()
	producer, err := b.Client().NewProducer(actormq.ProducerOptions{Group: "testkit"})
	if err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	defer producer.Close()
	for _, m := range all {
		if _, err := producer.Send(b.t.Context(), m); err != nil {
			b.t.Fatalf("testkit: a message to %s: %v", m.Topic, err)
		}
	}
}

// Messages returns what is in a topic, queue by queue; nothing if there is no such
// topic. It belongs to no group and changes no offset.
func (b *Broker) Messages(topic string) []*actormq.Received {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), Patience)
	defer cancel()
	all, err := b.read(ctx, topic)
	if err != nil {
		b.t.Fatalf("testkit: reading %s: %v", topic, err)
	}
	return all
}

func (b *Broker) read(ctx context.Context, topic string) (all []*actormq.Received, err error) {
	client := b.Client()
	queues, err := client.Queues(ctx, topic)
	if err != nil {
		return nil, ignoreUnknown(err)
	}
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

// AwaitMessages waits until a topic has at least n messages, and returns all of
// them.
func (b *Broker) AwaitMessages(topic string, n int) (all []*actormq.Received) {
	b.t.Helper()
	b.await(fmt.Sprintf("%d messages in %s", n, topic), func() bool {
		all = b.Messages(topic)
		return len(all) >= n
	})
	return all
}

// Lag returns how many messages of a topic a group has yet to consume, by the
// offsets that it has committed.
func (b *Broker) Lag(group, topic string) (lag int64) {
	b.t.Helper()
	ctx, client := b.t.Context(), b.Client()
	queues, err := client.Queues(ctx, topic)
	if err = ignoreUnknown(err); err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	for _, q := range queues {
		end, err := client.MaxOffset(ctx, q)
		if err != nil {
			b.t.Fatalf("testkit: %v", err)
		}
		at, err := client.QueryOffset(ctx, group, q)
		if err != nil {
			at, err = client.MinOffset(ctx, q)
		}
		if err != nil {
			b.t.Fatalf("testkit: %v", err)
		}
		lag += end - at
	}
	return lag
}

// AwaitConsumed waits until a group has committed all offsets of a topic. Clients
// commit every few seconds.
func (b *Broker) AwaitConsumed(group, topic string) {
	b.t.Helper()
	b.await(fmt.Sprintf("group %s to consume %s", group, topic), func() bool { return b.Lag(group, topic) == 0 })
}

// AwaitDelayed waits until so many messages were put aside for later, ever since
// the store is there: by a delay level, or because a consumer failed on them. Then
// Advance brings them.
func (b *Broker) AwaitDelayed(n int) {
	b.t.Helper()
	levels, err := messages.ParseDelayLevels(b.config.MessageDelayLevel)
	if err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	b.await(fmt.Sprintf("%d delayed messages", n), func() bool {
		sum := int64(0)
		for level := range levels.Max() {
			end, err := b.Client().MaxOffset(b.t.Context(), actormq.Queue{Topic: messages.TopicSchedule, Broker: b.Name(), ID: level})
			if err == nil {
				sum += end
			}
		}
		return sum >= int64(n)
	})
}
