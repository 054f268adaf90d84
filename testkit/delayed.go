package testkit

import (
	"context"
	"fmt"
	"math"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
)

// endPulls has held pulls of a topic answered as if their time were up.
func (b *Broker) endPulls(ctx context.Context, topic string) {
	queues, err := b.queues(ctx, topic)
	if err != nil {
		return
	}
	var m messages.Arrived
	for _, q := range queues {
		// PullHold gives back what waits for less than Max, and a puller answers at once
		// what it gets back, found or not.
		m.Arrivals = append(m.Arrivals, messages.Arrival{Topic: topic, QueueID: int32(q.ID), Max: math.MaxInt64, Mixed: true})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell("pullhold", &m)
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
	b.await(fmt.Sprintf("%d delayed messages", n), func(ctx context.Context) error {
		sum := int64(0)
		for level := range levels.Max() {
			q := actormq.Queue{Topic: messages.TopicSchedule, Broker: b.Name(), ID: level}
			end, err := b.Client().MaxOffset(ctx, q)
			if err != nil {
				return err
			}
			sum += end
		}
		if sum < int64(n) {
			return fmt.Errorf("there were %d", sum)
		}
		return nil
	})
}
