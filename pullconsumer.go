package actormq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/messages"
)

// DefaultPollMessages is the default of PullConsumerOptions.PollMessages.
const DefaultPollMessages = 10

// ErrNotAssigned says that a consumer does not read a queue.
var ErrNotAssigned = errors.New("actormq: the consumer does not read the queue")

// PullConsumerOptions configures a PullConsumer. Zero values mean the defaults.
type PullConsumerOptions struct {
	Group string
	// Subscriptions, if not empty, have the topics' queues divided among the group.
	// Otherwise Assign says which queues to read, and Tags what of them.
	Subscriptions []Subscription
	Tags          string // "A || B"; empty or "*" for all messages
	From          From
	Time          time.Time // for FromTime
	Strategy      Strategy  // nil means Averagely
	// Broadcasting keeps the offsets in OffsetFile, see ConsumerOptions.
	Broadcasting bool
	OffsetFile   string

	// ManualCommit has offsets committed by Commit only. Otherwise they are committed
	// every 5 s, when a queue is given away, and by Close; a message counts as
	// handled when Poll or Commit is called after it was returned.
	ManualCommit bool
	PollMessages int // that a Poll returns at most; default 10
	PullMessages int // asked for at a time
	Limits

	// OnAssigned, if not nil, is called with the queues that the consumer reads, when
	// they change. It must not wait.
	OnAssigned func([]Queue)
	// OnError, if not nil, takes what went wrong and is tried again. It must not wait.
	OnError func(error)
}

// PullConsumer is a consumer whose owner asks for messages when it wants them
// (RocketMQ: DefaultLitePullConsumer). It fetches ahead, within Limits.
type PullConsumer struct {
	o PullConsumerOptions
	*membership
	closing sync.Once
	stop    func() bool // of the wait for the client's end

	mu       sync.Mutex
	waiting  []*consumer.Work // waiting[head:] in the order of arrival, each a message
	head     int
	returned []*consumer.Work // by Poll and not counted as handled yet
	ready    chan struct{}    // capacity 1: something was added
	paused   map[Queue]bool
	assigned []Queue
}

// NewPullConsumer returns a consumer that is a member of its group until Close. It
// fails on unusable options, and if the client already has a consumer of the
// group.
func (c *Client) NewPullConsumer(o PullConsumerOptions) (*PullConsumer, error) {
	o.Limits.setDefaults()
	if o.PullMessages <= 0 {
		o.PullMessages = DefaultPullMessages
	}
	if o.PollMessages <= 0 {
		o.PollMessages = DefaultPollMessages
	}
	if _, err := messages.BuildSubscription("", o.Tags, messages.ExpressionTag); err != nil {
		return nil, fmt.Errorf("actormq: %w", err)
	}
	p := &PullConsumer{o: o, ready: make(chan struct{}, 1), paused: make(map[Queue]bool)}
	m, err := c.newMembership(membershipOptions{
		group: o.Group, subscriptions: o.Subscriptions, from: o.From, time: o.Time, strategy: o.Strategy,
		broadcasting: o.Broadcasting, offsetFile: o.OffsetFile, changed: p.changed,
	})
	if err != nil {
		return nil, err
	}
	if o.OnError != nil {
		m.trouble = o.OnError
	}
	p.membership = m
	if err := p.join(); err != nil {
		return nil, err
	}
	if err := p.start(p.memberOptions()); err != nil {
		p.leave()
		return nil, err
	}
	p.stop = context.AfterFunc(c.consuming, p.shut)
	return p, nil
}

func (p *PullConsumer) memberOptions() consumer.Options {
	return consumer.Options{
		Hand: p.add, Manual: len(p.o.Subscriptions) == 0, KeepOffsets: p.o.ManualCommit,
		Batch: 1, PullMax: p.o.PullMessages,
		QueueMessages: p.o.QueueMessages, QueueBytes: p.o.QueueBytes, QueueSpan: p.o.QueueSpan,
		TopicMessages: p.o.TopicMessages, TopicBytes: p.o.TopicBytes,
	}
}

// Close leaves the group, after a commit unless ManualCommit. What Poll has
// returned last does not count as handled unless Commit says so first, and comes
// again elsewhere. Polls under way fail with ErrClosed. It may be called more than
// once.
func (p *PullConsumer) Close() error {
	p.stop()
	p.shut()
	return nil
}

func (p *PullConsumer) shut() {
	p.closing.Do(func() {
		p.quiesce()
		p.finish()
		p.leave()
		p.wake()
	})
}

// changed takes the queues that are read.
func (p *PullConsumer) changed(queues []Queue) {
	p.mu.Lock()
	for _, q := range p.assigned {
		if !slices.Contains(queues, q) {
			delete(p.paused, q)
		}
	}
	p.assigned = queues
	p.mu.Unlock()
	if p.o.OnAssigned != nil {
		p.o.OnAssigned(slices.Clone(queues))
	}
}

// Assignment returns the queues that are read at the moment, sorted.
func (p *PullConsumer) Assignment() []Queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.assigned)
}

// Assign has the consumer read these queues and no others, each from the group's
// offset on, or from where Options.From says. It fails if the consumer has
// Subscriptions.
func (p *PullConsumer) Assign(ctx context.Context, queues ...Queue) error {
	if len(p.o.Subscriptions) > 0 {
		return errors.New("actormq: the consumer has subscriptions; its queues are divided among the group")
	}
	wanted := slices.Clone(queues)
	for i := range wanted {
		if _, err := p.client.masterOf(ctx, wanted[i]); err != nil {
			return err
		}
	}
	p.want(wanted)
	return p.command(ctx, func(done func()) any { return &consumer.Assign{Queues: p.client.names(wanted), Done: done} })
}

// want makes subscriptions of assigned queues, for pulls.
func (p *PullConsumer) want(queues []Queue) {
	p.membership.mu.Lock()
	defer p.membership.mu.Unlock()
	p.topics = nil
	for _, q := range p.client.names(queues) {
		if slices.ContainsFunc(p.topics, func(t *messages.SubscriptionData) bool { return t.Topic == q.Topic }) {
			continue
		}
		// The tags were checked when the consumer was made.
		if s, err := messages.BuildSubscription(q.Topic, p.o.Tags, messages.ExpressionTag); err == nil {
			s.SubVersion = messages.Number(p.began.UnixMilli())
			p.topics = append(p.topics, s)
		}
	}
}

func (p *PullConsumer) command(ctx context.Context, message func(done func()) any) error {
	_, err := ask(ctx, p.membership, func(done func(struct{})) any { return message(func() { done(struct{}{}) }) })
	return err
}

// add takes fetched messages. It runs on the actor.
func (p *PullConsumer) add(works []*consumer.Work) {
	p.mu.Lock()
	p.waiting = append(p.waiting, works...)
	p.mu.Unlock()
	p.wake()
}

func (p *PullConsumer) wake() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// Poll waits for messages and returns up to PollMessages of one queue, in its
// order. What the Poll before has returned counts as handled now. It fails with
// ctx's error, and with ErrClosed. One goroutine at a time may poll.
func (p *PullConsumer) Poll(ctx context.Context) ([]*Received, error) {
	p.count()
	began := time.Now()
	for {
		if batch := p.take(); batch != nil {
			p.observePoll(ctx, batch, began)
			return batch, nil
		}
		if !p.running() {
			return nil, ErrClosed
		}
		select {
		case <-p.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// running reports whether the consumer is not closed. If it is, later Polls find
// out, too.
func (p *PullConsumer) running() bool {
	p.client.mu.Lock()
	defer p.client.mu.Unlock()
	if p.pid == nil {
		p.wake()
	}
	return p.pid != nil
}

// take returns the first messages of a queue that is not paused.
func (p *PullConsumer) take() (batch []*Received) {
	p.mu.Lock()
	now := time.Now()
	var skipped []consumer.Handled
	for i := p.head; i < len(p.waiting) && batch == nil; {
		first := p.waiting[i]
		if p.paused[p.client.queue(first.Queue)] && !first.Claim.Void() {
			i++
			continue
		}
		end := i
		for end < len(p.waiting) && p.waiting[end].Claim == first.Claim && len(batch) < p.o.PollMessages {
			work := p.waiting[end]
			end++
			if !work.Begin(now) {
				skipped = append(skipped, consumer.Handled{Work: work, Skipped: true})
				continue
			}
			p.returned = append(p.returned, work)
			batch = append(batch, received(&work.Items[0]))
		}
		i = p.cut(i, end)
	}
	p.mu.Unlock()
	if len(skipped) > 0 {
		p.report(skipped)
	}
	return batch
}

// cut takes waiting[from:to] out and returns where it goes on. p.mu is held.
func (p *PullConsumer) cut(from, to int) int {
	if from > p.head {
		p.waiting = slices.Delete(p.waiting, from, to)
		return from
	}
	clear(p.waiting[from:to])
	if p.head = to; p.head == len(p.waiting) {
		p.waiting, p.head = p.waiting[:0], 0
	}
	return p.head
}

// putBack has the next Poll return the last n messages of this one again.
func (p *PullConsumer) putBack(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := max(len(p.returned)-n, 0)
	p.waiting = append(slices.Clone(p.returned[kept:]), p.waiting[p.head:]...)
	p.head, p.returned = 0, p.returned[:kept]
}

// count has what was returned count as handled.
func (p *PullConsumer) count() {
	p.mu.Lock()
	returned := p.returned
	p.returned = nil
	p.mu.Unlock()
	if len(returned) == 0 {
		return
	}
	handled := make([]consumer.Handled, len(returned))
	for i, work := range returned {
		handled[i] = consumer.Handled{Work: work, OK: 1}
	}
	p.report(handled)
}

// Messages returns an iterator over the messages that ends with the loop, or after
// an error of Poll. Messages that were fetched and not yielded before the loop ends
// are the next ones of Poll or Messages.
func (p *PullConsumer) Messages(ctx context.Context) iter.Seq2[*Received, error] {
	return func(yield func(*Received, error) bool) {
		for {
			batch, err := p.Poll(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			for i, m := range batch {
				if !yield(m, nil) {
					p.putBack(len(batch) - i - 1)
					return
				}
			}
		}
	}
}

// Seek goes on at an offset of a queue. It fails with ErrNotAssigned unless the
// queue is read.
func (p *PullConsumer) Seek(ctx context.Context, q Queue, offset int64) error {
	if offset < 0 {
		return fmt.Errorf("actormq: seek to offset %d of %s", offset, q)
	}
	ok, err := ask(ctx, p.membership, func(done func(bool)) any {
		return &consumer.Seek{Queue: p.client.name(q), Offset: offset, Done: done}
	})
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s", ErrNotAssigned, q)
	}
	return err
}

// SeekToBegin goes on at the oldest message that a queue still has.
func (p *PullConsumer) SeekToBegin(ctx context.Context, q Queue) error {
	return p.seekTo(ctx, q, p.client.MinOffset)
}

// SeekToEnd goes on with what comes from now on.
func (p *PullConsumer) SeekToEnd(ctx context.Context, q Queue) error {
	return p.seekTo(ctx, q, p.client.MaxOffset)
}

// SeekToTime goes on at the first message that was stored at t or later.
func (p *PullConsumer) SeekToTime(ctx context.Context, q Queue, t time.Time) error {
	return p.seekTo(ctx, q, func(ctx context.Context, q Queue) (int64, error) { return p.client.SearchOffset(ctx, q, t) })
}

func (p *PullConsumer) seekTo(ctx context.Context, q Queue, find func(context.Context, Queue) (int64, error)) error {
	offset, err := find(ctx, q)
	if err != nil {
		return err
	}
	return p.Seek(ctx, q, offset)
}

// Pause has Poll return nothing of some queues until Resume. Their messages are
// not lost to the group: the consumer keeps the queues.
func (p *PullConsumer) Pause(ctx context.Context, queues ...Queue) error {
	return p.pause(ctx, queues, true)
}

// Resume ends Pause.
func (p *PullConsumer) Resume(ctx context.Context, queues ...Queue) error {
	return p.pause(ctx, queues, false)
}

func (p *PullConsumer) pause(ctx context.Context, queues []Queue, paused bool) error {
	p.mu.Lock()
	for _, q := range queues {
		if paused {
			p.paused[q] = true
		} else {
			delete(p.paused, q)
		}
	}
	p.mu.Unlock()
	p.wake()
	return p.command(ctx, func(done func()) any {
		return &consumer.Pause{Queues: p.client.names(queues), Paused: paused, Done: done}
	})
}

// Commit commits the offsets behind everything that Poll has returned, and waits
// until the brokers have them. It fails if one of them cannot be had; then it may
// be called again.
func (p *PullConsumer) Commit(ctx context.Context) error {
	p.count()
	failed, err := ask(ctx, p.membership, func(done func(error)) any { return &consumer.Commit{Done: done} })
	return errors.Join(failed, err)
}

// Committed returns the group's offset for a queue, or ErrNoOffset if it has none.
func (p *PullConsumer) Committed(ctx context.Context, q Queue) (int64, error) {
	return p.committed(ctx, q)
}
