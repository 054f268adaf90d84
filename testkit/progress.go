package testkit

import (
	"context"
	"errors"
	"fmt"

	"github.com/actormq/actormq"
)

// Offsets returns how far a group has committed the queues of a topic, by the
// queue's id: the offset of the next message. Queues without a commit are left out.
func (c *Cluster) Offsets(group, topic string) map[int]int64 {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	offsets, err := c.offsets(ctx, group, topic)
	if err != nil {
		c.t.Fatalf("testkit: offsets of %s in %s: %v", group, topic, err)
	}
	return offsets
}

func (c *Cluster) offsets(ctx context.Context, group, topic string) (map[int]int64, error) {
	queues, err := c.queues(ctx, topic)
	if err != nil {
		return nil, err
	}
	offsets := make(map[int]int64)
	for _, q := range queues {
		at, err := c.Client().QueryOffset(ctx, group, q)
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
func (c *Cluster) Lag(group, topic string) int64 {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	lag, err := c.lag(ctx, group, topic)
	if err != nil {
		c.t.Fatalf("testkit: lag of %s in %s: %v", group, topic, err)
	}
	return lag
}

func (c *Cluster) lag(ctx context.Context, group, topic string) (lag int64, err error) {
	queues, err := c.queues(ctx, topic)
	if err != nil {
		return 0, err
	}
	offsets, err := c.offsets(ctx, group, topic)
	if err != nil {
		return 0, err
	}
	for _, q := range queues {
		end, err := c.Client().MaxOffset(ctx, q)
		if err != nil {
			return 0, err
		}
		at, committed := offsets[q.ID]
		if !committed {
			if at, err = c.Client().MinOffset(ctx, q); err != nil {
				return 0, err
			}
		}
		lag += end - at
	}
	return lag, nil
}

// AwaitConsumed waits until a group has consumed all messages of a topic, and has
// committed that. Consumers that pull commit with their next pull, for which they
// need not wait at a Broker; others commit every few seconds.
func (c *Cluster) AwaitConsumed(group, topic string) {
	c.t.Helper()
	c.await(fmt.Sprintf("group %s to consume %s", group, topic), func(ctx context.Context) error {
		lag, err := c.lag(ctx, group, topic)
		if err == nil && lag > 0 {
			err = fmt.Errorf("it lags behind by %d", lag)
			if c.hasten != nil {
				c.hasten(ctx, topic)
			}
		}
		return err
	})
}
