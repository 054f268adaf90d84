package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

const (
	// rebalanceInterval is the time between two looks at who else is in the group;
	// brokers tell of changes, too.
	rebalanceInterval = 20 * time.Second
	// unsettledInterval is that time while something could not be found out, such as
	// the route of a topic that does not exist yet.
	unsettledInterval = time.Second
	// commitInterval is the time between two commits of offsets.
	commitInterval = 5 * time.Second
	// holdTime is how long a broker may hold a pull.
	holdTime = 15 * time.Second
)

// From says where a group begins in a queue that it has no offset for. A queue
// whose first message is still recent begins there in any case: brokers see to it
// that a group that is new to a young topic misses nothing.
type From int

// The places to begin.
const (
	FromLast  From = iota // at the end: only what comes from now on
	FromFirst             // at the beginning of what the broker still has
	FromTime              // at ConsumerOptions.Time
)

func (f From) protocolName() string {
	switch f {
	case FromFirst:
		return messages.ConsumeFromFirstOffset
	case FromTime:
		return messages.ConsumeFromTimestamp
	}
	return messages.ConsumeFromLastOffset
}

// Defaults of ConsumerOptions.
const (
	DefaultConcurrency  = 20
	DefaultMaxAttempts  = 16
	DefaultPullMessages = 32
)

// ConsumerOptions configures a Consumer. Zero values mean the defaults.
type ConsumerOptions struct {
	// Group shares the messages of its topics among its consumers.
	Group         string
	Subscriptions []Subscription
	From          From
	Time          time.Time // for FromTime
	// Concurrency is the number of messages handled at a time. With 1, messages of
	// one queue are handled in order, but for those that come again.
	Concurrency int
	// MaxAttempts is the number of times that a message comes again after an error,
	// before it goes to the group's dead-letter topic %DLQ%group; negative for none.
	MaxAttempts int
	// PullMessages is the number of messages asked for at a time.
	PullMessages int
}

// Handler handles a message. An error has the message delivered again, to any
// consumer of the group, after a delay that grows from 10 s to 2 h.
type Handler func(ctx context.Context, m *Received) error

// Consumer is a member of a consumer group. The group's queues are divided among
// the members (RocketMQ: AllocateMessageQueueAveragely); offsets are kept by the
// brokers.
type Consumer struct {
	client  *Client
	o       ConsumerOptions
	topics  []*messages.SubscriptionData // the retry topic's, too
	data    messages.ConsumerData        // for heartbeats
	trouble func(error)                  // takes what went wrong and is tried again

	changed chan struct{}       // a rebalance is due, capacity 1
	queues  map[Queue]*assigned // of the goroutine in Run
}

// NewConsumer returns a consumer; Run makes it a member of its group. It fails on
// unusable options, and if the client already has a consumer of the group.
func (c *Client) NewConsumer(o ConsumerOptions) (*Consumer, error) {
	if err := messages.CheckGroup(o.Group); err != nil {
		return nil, fmt.Errorf("actormq: consumer group %q: %w", o.Group, err)
	}
	if len(o.Subscriptions) == 0 {
		return nil, errors.New("actormq: ConsumerOptions.Subscriptions is empty")
	}
	if o.From == FromTime && o.Time.IsZero() {
		return nil, errors.New("actormq: FromTime without ConsumerOptions.Time")
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	o.MaxAttempts = max(o.MaxAttempts, 0)
	if o.PullMessages <= 0 {
		o.PullMessages = DefaultPullMessages
	}
	consumer := &Consumer{
		client: c, o: o, trouble: func(error) {},
		changed: make(chan struct{}, 1), queues: make(map[Queue]*assigned),
	}
	if err := consumer.subscribe(time.Now()); err != nil {
		return nil, err
	}
	return consumer, nil
}

// subscribe makes what heartbeats and pulls say of the subscriptions.
func (c *Consumer) subscribe(now time.Time) error {
	subscriptions := append(slices.Clone(c.o.Subscriptions), Subscription{Topic: messages.RetryTopic(c.o.Group)})
	c.data = messages.ConsumerData{
		GroupName: c.o.Group, ConsumeType: messages.ConsumePassively, MessageModel: messages.Clustering,
		ConsumeFromWhere: c.o.From.protocolName(),
	}
	for _, s := range subscriptions {
		if err := messages.CheckTopicBytes([]byte(s.Topic)); err != nil {
			return fmt.Errorf("actormq: topic %q: %w", s.Topic, err)
		}
		data, err := s.data()
		if err != nil {
			return err
		}
		data.SubVersion = messages.Number(now.UnixMilli())
		if slices.ContainsFunc(c.topics, func(t *messages.SubscriptionData) bool { return t.Topic == s.Topic }) {
			return fmt.Errorf("actormq: topic %s is subscribed to twice", s.Topic)
		}
		c.topics = append(c.topics, data)
		c.data.Subscriptions = append(c.data.Subscriptions, *data)
	}
	return nil
}

// OnError has f called with what went wrong and is tried again by itself: a
// broker that cannot be reached, a topic that does not exist yet. It must be
// called before Run; f must not wait.
func (c *Consumer) OnError(f func(error)) { c.trouble = f }

// Run consumes until ctx ends, and returns nil then; also when the handler has
// ended it. Before it returns, handlers under way have ended, the offsets of what
// was handled are committed, and the group knows that the consumer has left. A
// consumer runs once at a time.
//
// It fails with ErrClosed when the client is closed, and when the consumer or
// another of its group is running on the client.
func (c *Consumer) Run(ctx context.Context, handle Handler) error {
	if err := c.join(); err != nil {
		return err
	}
	defer c.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.client.consuming, cancel)
	defer stop()

	work := make(chan *task)
	var workers sync.WaitGroup
	for range c.o.Concurrency {
		workers.Go(func() { c.work(ctx, work, handle) })
	}
	commit := time.NewTicker(commitInterval)
	defer commit.Stop()
	for ctx.Err() == nil {
		wait := rebalanceInterval
		if !c.rebalance(ctx, work) {
			wait = unsettledInterval
		}
		c.await(ctx, commit.C, wait)
	}
	for _, q := range c.queues {
		q.stop()
	}
	workers.Wait()
	c.drop(func(Queue) bool { return true })
	if c.client.consuming.Err() != nil {
		return ErrClosed
	}
	return nil
}

// await waits for the next rebalance and commits meanwhile.
func (c *Consumer) await(ctx context.Context, commit <-chan time.Time, wait time.Duration) {
	due := time.NewTimer(wait)
	defer due.Stop()
	for {
		select {
		case <-commit:
			c.commit(ctx)
			continue
		case <-c.changed:
		case <-due.C:
		case <-ctx.Done():
		}
		return
	}
}

func (c *Consumer) join() error {
	client := c.client
	client.mu.Lock()
	defer client.mu.Unlock()
	switch {
	case client.closed:
		return ErrClosed
	case client.consumers[c.o.Group] != nil:
		return fmt.Errorf("actormq: the client already runs a consumer of group %s", c.o.Group)
	}
	client.consumers[c.o.Group] = c
	client.consumed.Add(1)
	return nil
}

// leave takes the consumer off its group. Brokers that do not hear of it notice
// when the client's connection ends or its heartbeats stop.
func (c *Consumer) leave() {
	client := c.client
	client.mu.Lock()
	delete(client.consumers, c.o.Group)
	client.mu.Unlock()
	if err := client.unregister("consumerGroup", c.o.Group, true); err != nil && client.ctx.Err() == nil {
		c.trouble(err)
	}
	client.consumed.Done()
}

// rebalanceSoon has the queues divided again: the group has changed.
func (c *Consumer) rebalanceSoon() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}
