package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// membershipOptions are what the kinds of consumers differ in.
type membershipOptions struct {
	group         string
	subscriptions []Subscription
	from          From
	time          time.Time
	strategy      Strategy
	broadcasting  bool
	offsetFile    string
	push          bool // messages come by themselves, and come again
	ordered       bool // under locks
	concurrency   int
	retries       int // before a message is put aside
	changed       func([]Queue)
}

// membership is a consumer's part in its group: what heartbeats say of it, and its
// actor's way to the brokers (consumer.Cluster).
type membership struct {
	client  *Client
	o       membershipOptions
	group   string // with the namespace
	data    messages.ConsumerData
	trouble func(error) // takes what went wrong and is tried again
	offsets *offsetFile // of a broadcasting consumer, else nil
	began   time.Time
	direct  atomic.Pointer[handling] // of a consumer that runs: for CONSUME_MESSAGE_DIRECTLY

	mu     sync.Mutex
	topics []*messages.SubscriptionData // the retry topic's, too

	// Of a run.
	env     *env.Env
	pid     *actor.PID
	ctx     context.Context // of errands
	cancel  context.CancelFunc
	errands *errands
}

func (c *Client) newMembership(o membershipOptions) (*membership, error) {
	if err := messages.CheckGroup(o.group); err != nil {
		return nil, fmt.Errorf("actormq: consumer group %q: %w", o.group, err)
	}
	if o.from == FromTime && o.time.IsZero() {
		return nil, errors.New("actormq: FromTime without a Time")
	}
	if o.strategy == nil {
		o.strategy = Averagely{}
	}
	m := &membership{client: c, o: o, group: c.wrap(o.group), began: time.Now()}
	m.trouble = func(err error) { c.log.Warn("a consumer tries again", "group", o.group, "error", err) }
	topics, err := c.subscribe(o.subscriptions, o.group, o.push && !o.broadcasting, m.began)
	if err != nil {
		return nil, err
	}
	m.topics = topics
	m.data = messages.ConsumerData{
		GroupName: m.group, ConsumeType: messages.ConsumeActively, MessageModel: messages.Clustering,
		ConsumeFromWhere: o.from.protocolName(), UnitMode: c.unit,
	}
	if o.push {
		m.data.ConsumeType = messages.ConsumePassively
	}
	for _, t := range topics {
		m.data.Subscriptions = append(m.data.Subscriptions, *t)
	}
	if o.broadcasting {
		m.data.MessageModel = messages.Broadcasting
		if m.offsets, err = openOffsetFile(o.offsetFile, c.stable, m.group); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// join enters the group on this client, of which it can have one member.
func (m *membership) join() error {
	c := m.client
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.consumers[m.group] != nil:
		return fmt.Errorf("actormq: the client already runs a consumer of group %s", m.o.group)
	}
	c.consumers[m.group] = m
	c.consumed.Add(1)
	return nil
}

// leave takes the consumer off its group. Brokers that do not hear of it notice
// when the client's connection ends or its heartbeats stop.
func (m *membership) leave() {
	c := m.client
	c.mu.Lock()
	delete(c.consumers, m.group)
	c.mu.Unlock()
	if err := c.unregister("consumerGroup", m.group, true); err != nil && c.ctx.Err() == nil {
		m.trouble(err)
	}
	c.consumed.Done()
}

// start spawns the actor.
func (m *membership) start(o consumer.Options) error {
	m.ctx, m.cancel = context.WithCancel(m.client.ctx)
	m.errands = newErrands(maxErrands)
	o.Cluster, o.Trouble = m, m.fault
	o.Broadcast = m.o.broadcasting
	if m.o.changed != nil {
		o.Changed = func(names []consumer.Queue) { m.o.changed(m.client.queues(names)) }
	}
	e, pid, err := m.client.actors.spawn(func(e *env.Env) *actor.Props {
		o.Env = e
		return consumer.Props(o)
	})
	if err != nil {
		m.cancel()
		return err
	}
	m.client.mu.Lock()
	m.env, m.pid = e, pid
	m.client.mu.Unlock()
	return nil
}

// fault passes on what went wrong, but for what the end of the consumer causes.
func (m *membership) fault(err error) {
	if m.ctx.Err() == nil && !errors.Is(err, ErrClosed) {
		m.trouble(err)
	}
}

// memberOptions are the actor's options of a push consumer.
func (c *Consumer) memberOptions(batch int, hand func([]*consumer.Work)) consumer.Options {
	return consumer.Options{
		Hand: hand, Ordered: c.o.Ordered, Batch: batch, PullMax: c.o.PullMessages, PullEvery: c.o.PullInterval,
		MaxAttempts: c.o.MaxAttempts, Suspend: c.o.Suspend, Timeout: c.o.ConsumeTimeout,
		QueueMessages: c.o.QueueMessages, QueueBytes: c.o.QueueBytes, QueueSpan: c.o.QueueSpan,
		TopicMessages: c.o.TopicMessages, TopicBytes: c.o.TopicBytes,
	}
}

// tell sends the actor a message, if it runs.
func (m *membership) tell(message any) (runs bool) {
	m.client.mu.Lock()
	e, pid := m.env, m.pid
	m.client.mu.Unlock()
	if pid != nil {
		e.Send(pid, message)
	}
	return pid != nil
}

// ask sends the actor a message, which is made with a function that it must call,
// and waits for that or the end of ctx.
func ask[T any](ctx context.Context, m *membership, message func(done func(T)) any) (answer T, err error) {
	answered := make(chan T, 1)
	if !m.tell(message(func(t T) { answered <- t })) {
		return answer, ErrClosed
	}
	select {
	case answer = <-answered:
		return answer, nil
	case <-ctx.Done():
		return answer, ctx.Err()
	}
}

func (m *membership) report(handled []consumer.Handled) { m.tell(&consumer.Results{Handled: handled}) }

// quiesce has no handler begin any more.
func (m *membership) quiesce() {
	m.settle(func(done func()) any { return &consumer.Quiesce{Done: done} })
}

// finish commits, gives the locks back, and ends the actor. Its requests have time
// limits.
func (m *membership) finish() {
	m.settle(func(done func()) any { return &consumer.Finish{Done: done} })
	m.client.mu.Lock()
	pid := m.pid
	m.pid = nil
	m.client.mu.Unlock()
	if err := m.client.actors.stop(pid); err != nil {
		m.fault(err)
	}
	limit := time.AfterFunc(requestTimeout, m.cancel)
	m.errands.close() // locks are given back
	limit.Stop()
	m.cancel()
}

// settleLimit bounds the wait for the actor's last steps, each of which may ask
// all brokers once.
const settleLimit = 3 * requestTimeout

func (m *membership) settle(message func(done func()) any) {
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	_, err := ask(ctx, m, func(done func(struct{})) any { return message(func() { done(struct{}{}) }) })
	if err != nil {
		m.fault(fmt.Errorf("actormq: group %s is left unfinished: %w", m.o.group, err))
	}
}

// rebalanceSoon has the queues divided again: the group has changed.
func (m *membership) rebalanceSoon() { m.tell(&consumer.Rebalance{}) }

// subscription returns that to a topic.
func (m *membership) subscription(topic string) *messages.SubscriptionData {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.topics, func(t *messages.SubscriptionData) bool { return t.Topic == topic })
	if i < 0 {
		return nil
	}
	return m.topics[i]
}

// maxErrands bounds the goroutines of a consumer that wait for brokers. Pulls and
// commits need none.
const maxErrands = 8

// errands run what waits, some at a time and the rest in order.
type errands struct {
	limit   int
	running sync.WaitGroup

	mu      sync.Mutex
	active  int
	waiting []func()
	closed  bool // nothing new is run
}

func newErrands(limit int) *errands { return &errands{limit: limit} }

// run has f called soon. It does not wait.
func (e *errands) run(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	if e.active == e.limit {
		e.waiting = append(e.waiting, f)
		return
	}
	e.active++
	e.running.Go(func() {
		for f != nil {
			f()
			f = e.next()
		}
	})
}

func (e *errands) next() (f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.waiting) == 0 {
		e.active--
		return nil
	}
	f, e.waiting = e.waiting[0], e.waiting[1:]
	return f
}

// close waits until nothing runs any more.
func (e *errands) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.running.Wait()
}
