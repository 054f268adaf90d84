package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
)

// holdTime is how long a broker may hold a pull.
const holdTime = 15 * time.Second

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
	DefaultConcurrency     = 20
	DefaultMaxAttempts     = 16
	DefaultPullMessages    = 32
	DefaultSuspend         = time.Second
	DefaultConsumeTimeout  = 15 * time.Minute
	DefaultShutdownTimeout = 30 * time.Second
	DefaultQueueMessages   = 1000
	DefaultQueueBytes      = 100 << 20
	DefaultQueueSpan       = 2000
)

// ConsumerOptions configures a Consumer. Zero values mean the defaults.
type ConsumerOptions struct {
	// Group shares the messages of its topics among its consumers.
	Group         string
	Subscriptions []Subscription
	From          From
	Time          time.Time // for FromTime

	// Ordered has the messages of each queue handled one after the other, by one
	// consumer of the group at a time. A message that fails holds up its queue.
	Ordered bool
	// Broadcasting gives each consumer of the group all messages. Offsets are kept in
	// OffsetFile, and a message that fails is dropped.
	Broadcasting bool
	// OffsetFile is where a broadcasting consumer keeps its offsets, by default where
	// and how Java does: ~/.rocketmq_offsets/<client id>/<group>/offsets.json. The
	// client id is that of Options, or else <address>@<Options.InstanceName>, or
	// <address>@DEFAULT.
	OffsetFile string
	// Strategy divides the queues among the group's consumers; nil means Averagely.
	Strategy Strategy

	// Concurrency is the number of calls of the handler at a time. With 1, messages
	// of one queue are handled in order, but for those that come again.
	Concurrency int
	// Batch is the number of messages that a BatchHandler gets at most; default 1.
	Batch int
	// MaxAttempts is the number of times that a message comes again after an error,
	// before it goes to the group's dead-letter topic %DLQ%group; negative for none.
	// By default 16, and without limit if Ordered.
	MaxAttempts int
	// Suspend is how long an Ordered queue waits after an error, 10 ms to 30 s.
	Suspend time.Duration
	// ConsumeTimeout is how long a handler may take before its messages are delivered
	// again, so that they do not hold up the offset of their queue; not if Ordered or
	// Broadcasting. Negative means any time.
	ConsumeTimeout time.Duration
	// ShutdownTimeout is how long handlers may go on after Run's context has ended,
	// before theirs does. Negative ends both at the same time.
	ShutdownTimeout time.Duration

	// PullMessages is the number of messages asked for at a time.
	PullMessages int
	// PullInterval is the least time between two pulls of a queue; default none.
	PullInterval time.Duration
	Limits

	// OnAssigned, if not nil, is called with the queues that the consumer reads, when
	// they change. It must not wait.
	OnAssigned func([]Queue)
}

// Limits bound what is pulled and not handled yet. A queue that has reached one is
// not pulled for a while.
type Limits struct {
	QueueMessages int   // of each queue; default 1000
	QueueBytes    int64 // default 100 MiB
	// QueueSpan bounds the distance from the first to the last offset that is not
	// handled, which would all come again after a crash; not if Ordered. Default
	// 2000.
	QueueSpan int64
	// The same for a topic, divided by the number of its queues here; default none.
	TopicMessages int
	TopicBytes    int64
}

func (l *Limits) setDefaults() {
	if l.QueueMessages <= 0 {
		l.QueueMessages = DefaultQueueMessages
	}
	if l.QueueBytes <= 0 {
		l.QueueBytes = DefaultQueueBytes
	}
	if l.QueueSpan <= 0 {
		l.QueueSpan = DefaultQueueSpan
	}
	l.TopicMessages, l.TopicBytes = max(l.TopicMessages, 0), max(l.TopicBytes, 0)
}

func (o *ConsumerOptions) setDefaults() {
	o.Limits.setDefaults()
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.PullMessages <= 0 {
		o.PullMessages = DefaultPullMessages
	}
	o.Batch = max(o.Batch, 1)
	if o.Suspend == 0 {
		o.Suspend = DefaultSuspend
	}
	if o.ConsumeTimeout == 0 {
		o.ConsumeTimeout = DefaultConsumeTimeout
	}
	if o.ShutdownTimeout == 0 {
		o.ShutdownTimeout = DefaultShutdownTimeout
	}
	switch {
	case o.MaxAttempts == 0 && o.Ordered:
		o.MaxAttempts = anyAttempts
	case o.MaxAttempts == 0:
		o.MaxAttempts = DefaultMaxAttempts
	case o.MaxAttempts < 0:
		o.MaxAttempts = 0
	}
}

// anyAttempts is MaxAttempts without a limit, once the defaults are set.
const anyAttempts = -1

// Handler handles a message. An error has the message delivered again, to any
// consumer of the group, after a delay that grows from 10 s to 2 h; if Ordered, to
// this consumer after ConsumerOptions.Suspend. A *Retry says otherwise. A panic is
// an error.
type Handler func(ctx context.Context, m *Received) error

// BatchHandler handles up to ConsumerOptions.Batch messages of one queue, in the
// queue's order. An error has all of them delivered again, or those from
// Retry.Handled on.
type BatchHandler func(ctx context.Context, batch []*Received) error

// DeadLetter is the Retry.Level of a message that shall not come again: it goes to
// the group's dead-letter topic.
const DeadLetter = -1

// Retry is an error of a handler that says how its messages come again. It may be
// wrapped.
type Retry struct {
	Err error // the reason, or nil
	// Level is the delay level at which the messages come again; 0 goes by the
	// number of attempts. An Ordered consumer knows DeadLetter only.
	Level int
	// Suspend is how long an Ordered consumer's queue waits; 0 means
	// ConsumerOptions.Suspend.
	Suspend time.Duration
	// Handled is the number of messages of a batch, from the first, that need not come
	// again.
	Handled int
}

// Error implements error.
func (r *Retry) Error() string {
	if r.Err == nil {
		return "actormq: retry"
	}
	return r.Err.Error()
}

// Unwrap returns the reason.
func (r *Retry) Unwrap() error { return r.Err }

// Consumer is a member of a consumer group that has its messages handled as they
// come.
type Consumer struct {
	o ConsumerOptions
	*membership
}

// NewConsumer returns a consumer; Run makes it a member of its group. It fails on
// unusable options.
func (c *Client) NewConsumer(o ConsumerOptions) (*Consumer, error) {
	if len(o.Subscriptions) == 0 {
		return nil, errors.New("actormq: ConsumerOptions.Subscriptions is empty")
	}
	o.setDefaults()
	m, err := c.newMembership(membershipOptions{
		group: o.Group, subscriptions: o.Subscriptions, from: o.From, time: o.Time, strategy: o.Strategy,
		broadcasting: o.Broadcasting, offsetFile: o.OffsetFile, push: true, ordered: o.Ordered, retries: o.MaxAttempts,
		concurrency: o.Concurrency,
		changed:     o.OnAssigned,
	})
	if err != nil {
		return nil, err
	}
	return &Consumer{o: o, membership: m}, nil
}

// OnError has f called with what went wrong and is tried again by itself: a
// broker that cannot be reached, a topic that does not exist yet. It must be
// called before Run; f must not wait.
func (c *Consumer) OnError(f func(error)) { c.trouble = f }

// Run consumes until ctx ends, and returns nil then; also when the handler has
// ended it. Before it returns, handlers under way have ended, the offsets of what
// was handled are committed, and the group knows that the consumer has left.
// Messages that no handler has begun come again elsewhere. A consumer runs once at
// a time.
//
// The handlers' context ends ConsumerOptions.ShutdownTimeout after ctx; Run waits
// until they return.
//
// It fails with ErrClosed when the client is closed, and when the consumer or
// another of its group is running on the client.
func (c *Consumer) Run(ctx context.Context, handle Handler) error {
	return c.run(ctx, func(ctx context.Context, batch []*Received) error {
		for i, m := range batch {
			err := handle(ctx, m)
			if err == nil {
				continue
			}
			var retry *Retry
			if errors.As(err, &retry) {
				shifted := *retry
				shifted.Handled = i
				return &shifted
			}
			return &Retry{Err: err, Handled: i}
		}
		return nil
	}, 0)
}

// RunBatches is Run for a handler of several messages at a time.
func (c *Consumer) RunBatches(ctx context.Context, handle BatchHandler) error {
	return c.run(ctx, handle, c.o.Batch)
}

// run runs a handler of batches, or, if batch is 0, of single messages.
func (c *Consumer) run(ctx context.Context, handle BatchHandler, batch int) error {
	if err := c.join(); err != nil {
		return err
	}
	defer c.leave()
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	h := &handling{ctx: alive, handle: handle, batches: batch > 0, trouble: c.trouble, observe: c.observer(c.o.ConsumeTimeout)}
	c.direct.Store(h)
	defer c.direct.Store(nil)
	w := newWorkers(h.run, c.report)
	if err := c.start(c.memberOptions(max(batch, 1), w.add)); err != nil {
		return err
	}
	w.start(c.o.Concurrency)
	select {
	case <-ctx.Done():
	case <-c.client.consuming.Done():
	}
	c.quiesce()
	limit := time.AfterFunc(max(c.o.ShutdownTimeout, 0), cancel)
	w.stop()
	limit.Stop()
	c.finish()
	if c.client.consuming.Err() != nil {
		return ErrClosed
	}
	return nil
}

// subscriptionOf builds what heartbeats and pulls say of a subscription, whose
// topic is in the client's namespace from here on.
func (c *Client) subscriptionOf(s Subscription, now time.Time) (*messages.SubscriptionData, error) {
	if err := messages.CheckTopicBytes([]byte(s.Topic)); err != nil {
		return nil, fmt.Errorf("actormq: topic %q: %w", s.Topic, err)
	}
	s.Topic = c.wrap(s.Topic)
	data, err := s.data()
	if err != nil {
		return nil, err
	}
	data.SubVersion = messages.Number(now.UnixMilli())
	return data, nil
}

// subscribe builds the subscriptions of a group, with that to its retry topic if
// messages come again.
func (c *Client) subscribe(all []Subscription, group string, retries bool, now time.Time) (topics []*messages.SubscriptionData, err error) {
	all = slices.Clone(all)
	if retries {
		all = append(all, Subscription{Topic: messages.RetryTopic(group)})
	}
	for _, s := range all {
		data, err := c.subscriptionOf(s, now)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(topics, func(t *messages.SubscriptionData) bool { return t.Topic == data.Topic }) {
			return nil, fmt.Errorf("actormq: topic %s is subscribed to twice", s.Topic)
		}
		topics = append(topics, data)
	}
	return topics, nil
}
