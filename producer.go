package actormq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages"
)

// Defaults of ProducerOptions.
const (
	DefaultSendTimeout = 3 * time.Second
	DefaultRetries     = 2
	DefaultMaxInFlight = 4096
)

// ProducerOptions configures a Producer. Zero values mean the defaults.
type ProducerOptions struct {
	// Group names the producers that do the same work.
	Group string
	// Timeout bounds a send with all its attempts, besides the context's deadline.
	Timeout time.Duration
	// Retries is the number of further attempts, each on another broker if there
	// is one; negative for none.
	Retries int
	// MaxInFlight bounds the asynchronous sends under way; SendAsync waits above it.
	MaxInFlight int
}

// Producer sends messages.
type Producer struct {
	client *Client
	o      ProducerOptions
	next   atomic.Uint32 // counts round the queues
	slots  chan struct{} // one for each asynchronous send under way

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // asynchronous sends
}

// Status says what a broker has promised of a message that it has stored.
type Status int

// The outcomes of a send. In all of them the message is stored and will be
// delivered; sending it again makes a second one.
const (
	// SendOK is all that the broker is configured to promise.
	SendOK Status = iota
	// FlushDiskTimeout means that the message was not on disk in time.
	FlushDiskTimeout
	// FlushSlaveTimeout means that a slave did not have the message in time.
	FlushSlaveTimeout
	// SlaveNotAvailable means that there is no slave, or that it is far behind.
	SlaveNotAvailable
)

func (s Status) String() string {
	switch s {
	case SendOK:
		return "SEND_OK"
	case FlushDiskTimeout:
		return "FLUSH_DISK_TIMEOUT"
	case FlushSlaveTimeout:
		return "FLUSH_SLAVE_TIMEOUT"
	case SlaveNotAvailable:
		return "SLAVE_NOT_AVAILABLE"
	}
	return fmt.Sprintf("Status(%d)", int(s))
}

// Sent is a message that a broker has stored.
type Sent struct {
	Status   Status
	ID       string // the message's id, as consumers see it
	OffsetID string // the broker's: where the message is stored
	Queue    Queue
	Offset   int64 // in the queue; of a delayed message in the delay topic's
}

// NewProducer returns a producer. Close it, or the client, when it is done.
func (c *Client) NewProducer(o ProducerOptions) (*Producer, error) {
	if err := messages.CheckGroup(o.Group); err != nil {
		return nil, fmt.Errorf("actormq: producer group %q: %w", o.Group, err)
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultSendTimeout
	}
	if o.Retries == 0 {
		o.Retries = DefaultRetries
	}
	o.Retries = max(o.Retries, 0)
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	c.producers[o.Group]++
	return &Producer{client: c, o: o, slots: make(chan struct{}, o.MaxInFlight)}, nil
}

// Close waits for the asynchronous sends under way and takes the producer off its
// group. Sends after it fail with ErrClosed. It may be called more than once.
func (p *Producer) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	p.running.Wait()
	if closed {
		return nil
	}
	return p.client.leaveProducers(p.o.Group)
}

// Send sends a message and waits until a broker has stored it. A status other
// than SendOK is no error.
//
// It fails with the error of the last attempt: an *Error where the broker
// refused, ErrConnection or the context's error where the outcome is not known,
// ErrUnknownTopic, ErrNoNameServer, ErrNoQueue.
func (p *Producer) Send(ctx context.Context, m *Message) (Sent, error) {
	s, err := p.encode(m)
	if err != nil {
		return Sent{}, err
	}
	return p.deliver(ctx, s)
}

// SendTo is Send to one queue, without attempts at others.
func (p *Producer) SendTo(ctx context.Context, q Queue, m *Message) (Sent, error) {
	if q.Topic != m.Topic {
		return Sent{}, fmt.Errorf("actormq: a message for topic %q to a queue of %q", m.Topic, q.Topic)
	}
	s, err := p.encode(m)
	if err != nil {
		return Sent{}, err
	}
	s.pinned = &q
	return p.deliver(ctx, s)
}

// SendBatch sends messages of one topic, without delays, as one: a broker stores
// all of them, in one queue and in order, or none. Sent has the place of the
// first and, in ID and OffsetID, the ids of all, separated by commas.
func (p *Producer) SendBatch(ctx context.Context, batch []*Message) (Sent, error) {
	s, err := p.encodeBatch(batch)
	if err != nil {
		return Sent{}, err
	}
	return p.deliver(ctx, s)
}

// SendOneway writes a message to a connection and does not wait for more: whether
// it is stored is not known. It fails if there is no connection to be had.
func (p *Producer) SendOneway(ctx context.Context, m *Message) error {
	if p.isClosed() {
		return ErrClosed
	}
	ctx, cancel := p.client.bounded(ctx, p.o.Timeout)
	defer cancel()
	s, err := p.encode(m)
	if err != nil {
		return err
	}
	q, err := p.choose(ctx, s, nil)
	if err != nil {
		return err
	}
	addr := p.client.routes.master(q.Broker)
	return p.client.tell(ctx, addr, s.request(q))
}

// SendAsync starts a send and calls done with its end, on a goroutine of its own;
// done may send. Messages that one goroutine sends to one queue reach the broker
// in order unless an attempt fails. It waits for the topic's route and the broker's
// connection if they are not known yet, and while MaxInFlight sends are under way.
// It fails, without calling done, if the context ends while it waits for the
// latter, the producer is closed or the message is unusable.
func (p *Producer) SendAsync(ctx context.Context, m *Message, done func(Sent, error)) error {
	s, err := p.encode(m)
	if err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("actormq: %d sends are under way: %w", p.o.MaxInFlight, ctx.Err())
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return ErrClosed
	}
	p.running.Add(1)
	p.mu.Unlock()
	ctx, cancel := p.client.bounded(ctx, p.o.Timeout)
	first := p.begin(ctx, s, nil)
	go func() {
		defer p.running.Done()
		sent, err := p.finish(ctx, s, first)
		cancel()
		<-p.slots
		done(sent, err)
	}()
	return nil
}

func (p *Producer) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// deliver sends and waits for the end.
func (p *Producer) deliver(ctx context.Context, s *sending) (Sent, error) {
	if p.isClosed() {
		return Sent{}, ErrClosed
	}
	ctx, cancel := p.client.bounded(ctx, p.o.Timeout)
	defer cancel()
	return p.finish(ctx, s, p.begin(ctx, s, nil))
}

// attempt is a request for one queue that is under way, or its failure.
type attempt struct {
	queue  Queue
	conn   *conn
	ended  chan outcome // capacity 1: nobody may take it any more
	failed error
}

// outcome is the end of an attempt. The response is a copy.
type outcome struct {
	response *messages.Command
	err      error
}

// begin chooses a queue and writes the request.
func (p *Producer) begin(ctx context.Context, s *sending, last *attempt) *attempt {
	a := &attempt{ended: make(chan outcome, 1)}
	if a.queue, a.failed = p.choose(ctx, s, last); a.failed != nil {
		return a
	}
	addr := p.client.routes.master(a.queue.Broker)
	if addr == "" {
		a.failed = fmt.Errorf("%w: no master of %s is known", ErrNoQueue, a.queue.Broker)
		return a
	}
	if a.conn, a.failed = p.client.conns.get(ctx, addr); a.failed != nil {
		return a
	}
	a.conn.Go(s.request(a.queue), func(response *messages.Command, err error) {
		if err == nil {
			response = response.Clone()
		}
		a.ended <- outcome{response, err}
	})
	return a
}

// finish waits for an attempt and makes further ones while that may help.
func (p *Producer) finish(ctx context.Context, s *sending, a *attempt) (Sent, error) {
	for retries := p.o.Retries; ; retries-- {
		sent, err := p.await(ctx, s, a)
		if err == nil {
			return sent, nil
		}
		if retries == 0 || s.pinned != nil || ctx.Err() != nil || !retryable(err) {
			return Sent{}, p.client.explain(err)
		}
		a = p.begin(ctx, s, a)
	}
}

func (p *Producer) await(ctx context.Context, s *sending, a *attempt) (Sent, error) {
	if a.failed != nil {
		return Sent{}, a.failed
	}
	select {
	case end := <-a.ended:
		if end.err != nil {
			return Sent{}, a.conn.explain(ctx, end.err)
		}
		return s.result(a, end.response)
	case <-ctx.Done():
		return Sent{}, a.conn.explain(ctx, ctx.Err())
	}
}

// retryable reports whether another broker may take what one did not
// (RocketMQ: DefaultMQProducer.retryResponseCodes).
func retryable(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return errors.Is(err, ErrConnection)
	}
	switch messages.ResponseCode(refused.Code) {
	case messages.TopicNotExist, messages.ServiceNotAvailable, messages.SystemError, messages.SystemBusy,
		messages.NoPermission, messages.GoAway:
		return true
	}
	return false
}

// choose returns the next queue in turn, after a failure one of another broker if
// there is one.
func (p *Producer) choose(ctx context.Context, s *sending, last *attempt) (Queue, error) {
	if s.pinned != nil {
		_, err := p.client.routes.get(ctx, s.topic)
		return *s.pinned, err
	}
	route, err := p.client.routes.get(ctx, s.topic)
	if err != nil {
		return Queue{}, err
	}
	queues := route.writable
	if len(queues) == 0 {
		return Queue{}, fmt.Errorf("%w: topic %s has none that may be written", ErrNoQueue, s.topic)
	}
	for range len(queues) {
		q := queues[p.turn(len(queues))]
		if last == nil || q.Broker != last.queue.Broker {
			return q, nil
		}
	}
	return queues[p.turn(len(queues))], nil
}

// turn returns the next number below n.
func (p *Producer) turn(n int) int { return int(p.next.Add(1) % uint32(n)) }
