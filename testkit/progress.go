package testkit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
)

// Offsets returns how far a group has committed the queues of a topic, by the
// queue's id: the offset of the next message. Queues without a commit are left out.
func (b *Broker) Offsets(group, topic string) map[int]int64 {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	offsets, err := b.offsets(ctx, group, topic)
	if err != nil {
		b.t.Fatalf("testkit: offsets of %s in %s: %v", group, topic, err)
	}
	return offsets
}

func (b *Broker) offsets(ctx context.Context, group, topic string) (map[int]int64, error) {
	queues, err := b.queues(ctx, topic)
	if err != nil {
		return nil, err
	}
	offsets := make(map[int]int64)
	for _, q := range queues {
		at, err := b.Client().QueryOffset(ctx, group, q)
		if err == nil {
			offsets[q.ID] = at
		} else if !errors.Is(err, actormq.ErrNoOffset) {
			return nil, err
		}
	}
	return offsets, nil
}

// Lag returns how many messages of a topic a group has yet to consume, by the
// offsets that it has committed.
func (b *Broker) Lag(group, topic string) int64 {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	lag, err := b.lag(ctx, group, topic)
	if err != nil {
		b.t.Fatalf("testkit: lag of %s in %s: %v", group, topic, err)
	}
	return lag
}

func (b *Broker) lag(ctx context.Context, group, topic string) (lag int64, err error) {
	queues, err := b.queues(ctx, topic)
	if err != nil {
		return 0, err
	}
	offsets, err := b.offsets(ctx, group, topic)
	if err != nil {
		return 0, err
	}
	for _, q := range queues {
		end, err := b.Client().MaxOffset(ctx, q)
		if err != nil {
			return 0, err
		}
		at, committed := offsets[q.ID]
		if !committed {
			if at, err = b.Client().MinOffset(ctx, q); err != nil {
				return 0, err
			}
		}
		lag += end - at
	}
	return lag, nil
}

// AwaitConsumed waits until a group has consumed all messages of a topic, and has
// committed that. Consumers that pull commit with their next pull, for which they
// need not wait here; others commit every few seconds.
func (b *Broker) AwaitConsumed(group, topic string) {
	b.t.Helper()
	b.await(fmt.Sprintf("group %s to consume %s", group, topic), func(ctx context.Context) error {
		lag, err := b.lag(ctx, group, topic)
		if err == nil && lag > 0 {
			err = fmt.Errorf("it lags behind by %d", lag)
			b.endPulls(ctx, topic)
		}
		return err
	})
}

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
