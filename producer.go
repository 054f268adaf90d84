package actormq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// Defaults of ProducerOptions.
const (
	DefaultSendTimeout = 3 * time.Second
	DefaultRetries     = 2
	DefaultMaxInFlight = 4096
	// DefaultCompressFrom is the body size from which the other clients compress.
	DefaultCompressFrom = 4096
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
	// AttemptTimeout bounds one attempt, so that a broker that is frozen leaves time
	// for another one; 0 bounds attempts by Timeout alone. Whether an attempt that
	// was given up has stored the message is not known: a retry may double it.
	AttemptTimeout time.Duration
	// MaxInFlight bounds the asynchronous sends under way; SendAsync waits above it.
	MaxInFlight int
	// LatencyFault, if not nil, keeps sends away from brokers that are slow or fail.
	LatencyFault *LatencyFault
	// Batching, if not nil, has Send and SendAsync gather messages.
	Batching *Batching
	// Compression says how bodies are compressed, and CompressFrom from what size
	// in bytes: 4096 by default, negative for never. A body that does not get
	// smaller is sent as it is. Batches are not compressed.
	Compression  Compression
	CompressFrom int
}

func (o *ProducerOptions) setDefaults() {
	o.Timeout = orElse(o.Timeout, DefaultSendTimeout)
	if o.Retries == 0 {
		o.Retries = DefaultRetries
	}
	o.Retries = max(o.Retries, 0)
	o.MaxInFlight = orElse(o.MaxInFlight, DefaultMaxInFlight)
	if o.CompressFrom == 0 {
		o.CompressFrom = DefaultCompressFrom
	}
}

// orElse returns v unless it is not positive.
func orElse[T int | time.Duration](v, absent T) T {
	if v <= 0 {
		return absent
	}
	return v
}

// Producer sends messages.
type Producer struct {
	client *Client
	o      ProducerOptions
	queues queueSelector
	slots  chan struct{} // one for each asynchronous send under way
	lanes  *lanes        // of batches; nil without Batching

	counters *counters // the client's

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
	// RecallHandle is what Recall takes a message back by that waits for its time; "" of
	// others, and from brokers before 5.3.
	RecallHandle string
}

// NewProducer returns a producer. Close it, or the client, when it is done.
func (c *Client) NewProducer(o ProducerOptions) (*Producer, error) {
	if err := messages.CheckGroup(o.Group); err != nil {
		return nil, fmt.Errorf("actormq: producer group %q: %w", o.Group, err)
	}
	if err := o.Compression.validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	p := &Producer{client: c, o: o, slots: make(chan struct{}, o.MaxInFlight), counters: &c.counters}
	if o.Batching != nil {
		p.lanes = newLanes(p, *o.Batching)
	}
	if o.LatencyFault != nil {
		if err := c.startSelector(&p.queues, o.LatencyFault); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	c.producers[c.wrap(o.Group)]++
	c.sending = append(c.sending, p)
	return p, nil
}

// Close waits for the asynchronous sends under way and takes the producer off its
// group. Sends after it fail with ErrClosed. It may be called more than once.
func (p *Producer) Close() error {
	if !p.abandon() {
		return nil
	}
	var err error
	if p.queues.pid != nil {
		err = p.client.actors.stop(p.queues.pid)
	}
	return errors.Join(err, p.client.leaveProducers(p))
}

// abandon takes no more sends, and returns when those under way have ended. It
// reports whether it was the first to do so.
func (p *Producer) abandon() bool {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	if p.lanes != nil {
		p.lanes.flush()
	}
	p.running.Wait()
	return first
}

// Send sends a message and waits until a broker has stored it. A status other
// than SendOK is no error.
//
// It fails with the error of the last attempt: an *Error where the broker
// refused, ErrConnection or the context's error where the outcome is not known,
// ErrUnknownTopic, ErrNoNameServer, ErrNoQueue.
func (p *Producer) Send(ctx context.Context, m *Message) (Sent, error) {
	if p.lanes.takes(m) {
		return p.lanes.send(ctx, m)
	}
	s, err := p.encode(ctx, m)
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
	s, err := p.encode(ctx, m)
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
	s, err := p.encodeBatch(ctx, batch)
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
	s, err := p.encode(ctx, m)
	if err != nil {
		return err
	}
	err = p.tell(ctx, s)
	abandoned(s.seen, err)
	return err
}

// tell writes s to a connection.
func (p *Producer) tell(ctx context.Context, s *sending) error {
	q, err := p.choose(ctx, s, nil)
	if err != nil {
		return err
	}
	return p.client.tell(ctx, p.client.routes.master(q.Broker), s.request(q, &outgoing{}))
}

// SendAsync starts a send and calls done with its end, on a goroutine of its own;
// done may send. Messages that one goroutine sends to one queue reach the broker
// in order unless an attempt fails. It waits for the topic's route and the broker's
// connection if they are not known yet, and while MaxInFlight sends are under way.
// It fails, without calling done, if the context ends while it waits for the
// latter, the producer is closed or the message is unusable.
func (p *Producer) SendAsync(ctx context.Context, m *Message, done func(Sent, error)) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("actormq: %d sends are under way: %w", p.o.MaxInFlight, ctx.Err())
	}
	err := p.sendAsync(ctx, m, done)
	if err != nil {
		<-p.slots
	}
	return err
}

// sendAsync is SendAsync with a slot, which is given back before done is called.
func (p *Producer) sendAsync(ctx context.Context, m *Message, done func(Sent, error)) error {
	if p.lanes.takes(m) {
		return p.lanes.add(ctx, m, true, done)
	}
	s, err := p.encode(ctx, m)
	if err != nil {
		return err
	}
	if err := p.start(); err != nil {
		abandoned(s.seen, err)
		return err
	}
	l := p.within(ctx)
	first := p.begin(&l, s, nil)
	go func() {
		defer p.running.Done()
		sent, err := p.finish(&l, s, first)
		<-p.slots
		done(sent, err)
	}()
	return nil
}

// start counts a send that Close waits for, whose end is running.Done.
func (p *Producer) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.running.Add(1)
	return nil
}

func (p *Producer) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
