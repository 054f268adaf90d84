package actormq

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/transport/remoting"
)

// Decision is what became of a transaction.
type Decision int

// The decisions.
const (
	// Unknown leaves the message where nobody sees it. The broker asks later.
	Unknown Decision = iota
	// Commit delivers the message.
	Commit
	// Rollback drops it.
	Rollback
)

func (d Decision) String() string {
	switch d {
	case Unknown:
		return "UNKNOWN"
	case Commit:
		return "COMMIT"
	case Rollback:
		return "ROLLBACK"
	}
	return fmt.Sprintf("Decision(%d)", int(d))
}

// outcome is the decision in a request (RocketMQ: MessageSysFlag).
func (d Decision) outcome() int32 {
	switch d {
	case Commit:
		return messages.SysFlagCommit
	case Rollback:
		return messages.SysFlagRollback
	}
	return 0
}

// Execute is a local transaction. It runs once its message m is stored as half, and
// decides whether that is delivered. What it does should be kept together with
// half.ID, or a key of the message, for Check to look up.
type Execute func(ctx context.Context, m *Message, half Sent) (Decision, error)

// Check tells a broker that asks what became of the transaction of m, whose ID is
// that of the half. The transaction may be of an earlier run of the program, or of
// another member of the group. Its error is only logged. ctx ends with the producer.
type Check func(ctx context.Context, m *Received) (Decision, error)

// Defaults of TransactionOptions.
const (
	DefaultCheckers       = 1
	DefaultMaxChecksQueue = 2000
)

// TransactionOptions configures a TransactionProducer.
type TransactionOptions struct {
	// ProducerOptions are those of the sends. Transactions are not batched.
	ProducerOptions
	// Check answers the brokers' questions. It must be set.
	Check Check
	// Checkers is the number of goroutines that call Check; 1 by default (Java: checkThreadPoolMinSize). Questions
	// that find MaxChecksQueue (2000) waiting are dropped: brokers ask again.
	Checkers       int
	MaxChecksQueue int
	// FirstCheck, if positive, is how long after the send brokers leave a transaction
	// alone, in whole seconds, rounded up. By default it is transactionTimeOut (6 s).
	// After it a broker does not take the decision of Send any more, but asks.
	FirstCheck time.Duration
	// Topics are those whose brokers learn of the producer at once, and not only with
	// its first send: it is then asked about transactions of an earlier run.
	Topics []string
}

// TransactionProducer sends messages that are delivered only if a local transaction
// took place. It uses the protocol of RocketMQ's TransactionMQProducer: a broker
// stores the message as a half, which no consumer sees, then the transaction runs,
// and then the broker is told. If it does not hear of that, it asks a producer of the
// group, which must be running: this is what Check is for.
type TransactionProducer struct {
	producer  *Producer
	o         TransactionOptions
	ctx       context.Context // of checks
	cancel    context.CancelFunc
	questions chan *inquiry
	running   sync.WaitGroup
}

// inquiry is a broker's question.
type inquiry struct {
	conn   *remoting.Client
	header messages.CheckTransaction
	half   *Received
}

// NewTransactionProducer returns a producer, which answers questions from now on.
// Close it, or the client, when it is done. A client has one for each group.
func (c *Client) NewTransactionProducer(o TransactionOptions) (*TransactionProducer, error) {
	switch {
	case o.Check == nil:
		return nil, errors.New("actormq: TransactionOptions.Check is nil")
	case o.Batching != nil:
		return nil, errors.New("actormq: transactions cannot be batched")
	}
	producer, err := c.NewProducer(o.ProducerOptions)
	if err != nil {
		return nil, err
	}
	p := &TransactionProducer{producer: producer, o: o, questions: make(chan *inquiry, orElse(o.MaxChecksQueue, DefaultMaxChecksQueue))}
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	if err := p.start(); err != nil {
		p.cancel()
		return nil, errors.Join(err, producer.Close())
	}
	return p, nil
}

// start enters the group, and starts the goroutines, which end with ctx.
func (p *TransactionProducer) start() error {
	c, group := p.producer.client, p.group()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.transactions[group] != nil:
		return fmt.Errorf("actormq: the client already has a transaction producer of group %s", p.o.Group)
	}
	c.transactions[group] = p
	launch := func(f func()) {
		p.running.Add(1)
		c.running.Go(func() {
			defer p.running.Done()
			f()
		})
	}
	for range orElse(p.o.Checkers, DefaultCheckers) {
		launch(p.answer)
	}
	if len(p.o.Topics) > 0 {
		launch(p.introduce)
	}
	return nil
}

func (p *TransactionProducer) group() string { return p.producer.client.wrap(p.o.Group) }

// Close waits for a Check that runs, and takes the producer off its group. Check may
// not call it. It may be called more than once.
func (p *TransactionProducer) Close() error {
	c := p.producer.client
	c.mu.Lock()
	if c.transactions[p.group()] == p {
		delete(c.transactions, p.group())
	}
	c.mu.Unlock()
	p.cancel()
	p.running.Wait()
	return p.producer.Close()
}

// introduce makes the producer known to the brokers of Topics.
func (p *TransactionProducer) introduce() {
	c := p.producer.client
	again := time.NewTicker(introduceInterval)
	defer again.Stop()
	for {
		var failed error
		for _, topic := range p.o.Topics {
			ctx, cancel := context.WithTimeout(p.ctx, requestTimeout)
			_, err := c.routes.get(ctx, c.wrap(topic))
			cancel()
			failed = errors.Join(failed, err)
		}
		c.heartbeatAll(p.ctx)
		if failed == nil {
			return // the client's heartbeats do the rest
		}
		c.log.Warn("brokers cannot ask about transactions yet", "group", p.o.Group, "error", failed)
		select {
		case <-again.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// introduceInterval is the time between two attempts to find the brokers of Topics.
const introduceInterval = 5 * time.Second

// Transaction is a message that was sent, and what became of its transaction.
type Transaction struct {
	Sent     // the half: its offset is that in the half topic
	Decision Decision
}

// Send stores m as a half, runs execute, and tells the broker what that decided. If
// the broker does not learn of it, it asks Check.
//
// It fails as Producer.Send does, and execute has not run then; nor has it, with
// ErrNotExecuted, if the broker could not keep what it promises of the half
// (Sent.Status), which is rolled back. Otherwise its error is that of execute, whose
// decision counts all the same. Delays are an error.
func (p *TransactionProducer) Send(ctx context.Context, m *Message, execute Execute) (Transaction, error) {
	s, err := p.encode(ctx, m)
	if err != nil {
		return Transaction{}, err
	}
	sent, err := p.producer.deliver(ctx, s)
	if err != nil {
		return Transaction{}, err
	}
	t := Transaction{Sent: sent}
	p.greet(sent.Queue.Broker)
	if sent.Status == SendOK {
		t.Decision, err = execute(ctx, m, sent)
	} else {
		t.Decision, err = Rollback, fmt.Errorf("%w: the half has status %v", ErrNotExecuted, sent.Status)
	}
	// Whoever gave up has decided nevertheless.
	if failed := p.tell(context.WithoutCancel(ctx), s, m, &t, err); failed != nil {
		p.producer.client.log.Warn("a broker was not told of a transaction; it will ask", "id", t.ID, "decision", t.Decision, "error", failed)
	}
	return t, err
}

func (p *TransactionProducer) encode(ctx context.Context, m *Message) (*sending, error) {
	if m.delays() > 0 {
		return nil, errors.New("actormq: a transaction cannot be delayed")
	}
	further := []property{
		{messages.PropertyTransactionPrepared, "true"},
		{messages.PropertyProducerGroup, p.group()},
	}
	if p.o.FirstCheck > 0 {
		seconds := (p.o.FirstCheck + time.Second - 1) / time.Second
		further = append(further, property{messages.PropertyCheckImmunityTime, strconv.FormatInt(int64(seconds), 10)})
	}
	s, err := p.producer.encode(ctx, m, further...)
	if err != nil {
		return nil, err
	}
	s.sysFlag |= messages.SysFlagPrepared
	return s, nil
}

// greet tells a broker of the group, once for each connection: it may ask before the
// next heartbeat.
func (p *TransactionProducer) greet(broker string) {
	c := p.producer.client
	known := "producer " + p.group() // not the name of a consumer group
	conn := c.conns.current(c.routes.master(broker))
	if conn == nil || conn.knows(known) {
		return
	}
	if request, _ := c.heartbeat(); request != nil {
		conn.learn(known)
		conn.Go(request, func(response *messages.Command, err error) {
			if err != nil || response.Code != int32(messages.Success) {
				conn.unlearn(known)
			}
		})
	}
}

// tell tells the broker what became of a transaction.
func (p *TransactionProducer) tell(ctx context.Context, s *sending, m *Message, t *Transaction, executed error) error {
	c := p.producer.client
	_, phys, err := messages.DecodeOffsetMsgID(t.OffsetID)
	if err != nil {
		return err
	}
	addr := c.routes.master(t.Queue.Broker)
	if addr == "" {
		return fmt.Errorf("%w: no master of %s is known", ErrNoQueue, t.Queue.Broker)
	}
	request := endTransaction(&messages.EndTransaction{
		Topic: s.topic, ProducerGroup: p.group(), TableOffset: t.Offset, LogOffset: phys,
		Outcome: t.Decision.outcome(), MsgID: t.ID, TransactionID: t.ID,
	}, t.Queue.Broker, executed)
	ctx, cancel := c.bounded(ctx, requestTimeout)
	defer cancel()
	err = c.tell(ctx, addr, request)
	p.transacted(ctx, &Received{ID: t.ID, Topic: m.Topic, Tags: m.Tags, Keys: m.Keys}, addr, t.Decision, false, err)
	return err
}

func endTransaction(h *messages.EndTransaction, broker string, why error) *messages.Command {
	request := newRequest(messages.CodeEndTransaction)
	h.Set(&request.Ext)
	if broker != "" {
		request.Ext.Set("bname", broker)
	}
	if why != nil {
		request.Remark = why.Error()
	}
	return request
}

// checksTransaction takes a broker's question. The connection's reading goroutine
// calls; a checker answers.
func (c *Client) checksTransaction(conn *remoting.Client, request *messages.Command) {
	q, group, err := c.decodeCheck(request)
	if err != nil {
		c.log.Warn("a broker asks about a transaction that cannot be read", "error", err)
		return
	}
	c.mu.Lock()
	p := c.transactions[group]
	c.mu.Unlock()
	if p == nil {
		c.log.Warn("a broker asks about a transaction of a group without a producer", "group", group)
		return
	}
	q.conn = conn
	select {
	case p.questions <- q:
	default: // the broker asks again
		c.log.Warn("too many questions about transactions wait", "group", group)
	}
}

func (c *Client) decodeCheck(request *messages.Command) (q *inquiry, group string, err error) {
	q = &inquiry{}
	if q.header, err = messages.ParseCheckTransaction(&request.Ext); err != nil {
		return nil, "", err
	}
	var r record.Record
	if _, err := record.Decode(request.Body, &r); err != nil {
		return nil, "", err
	}
	half, err := newReceived(Queue{Topic: string(r.Topic), Broker: q.header.Broker, ID: int(r.QueueID)}, &r)
	if err != nil {
		return nil, "", err
	}
	half.Topic = c.unwrap(half.Topic)
	half.Queue.Topic = half.Topic
	q.half = half
	return q, half.Properties[messages.PropertyProducerGroup], nil
}

// answer answers questions until the producer ends.
func (p *TransactionProducer) answer() {
	for {
		select {
		case q := <-p.questions:
			p.resolve(q)
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *TransactionProducer) resolve(q *inquiry) {
	decision, err := p.check(q.half)
	if err != nil {
		p.producer.client.log.Warn("a check of a transaction failed", "id", q.half.ID, "decision", decision, "error", err)
	}
	request := endTransaction(&messages.EndTransaction{
		Topic: q.header.Topic, ProducerGroup: p.group(), TableOffset: q.header.TableOffset, LogOffset: q.header.LogOffset,
		Outcome: decision.outcome(), FromCheck: true, MsgID: q.half.ID, TransactionID: q.header.TransactionID,
	}, q.header.Broker, err)
	err = q.conn.Oneway(request)
	p.transacted(p.ctx, q.half, q.conn.Conn().RemoteAddr().String(), decision, true, err)
	if err != nil && p.ctx.Err() == nil {
		p.producer.client.log.Warn("a broker was not told of a transaction; it will ask again", "id", q.half.ID, "error", err)
	}
}

// check makes an error of a panic.
func (p *TransactionProducer) check(half *Received) (decision Decision, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			decision, err = Unknown, fmt.Errorf("actormq: Check panicked: %v\n%s", reason, debug.Stack())
		}
	}()
	return p.o.Check(p.ctx, half)
}
