package actormq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
)

// deliver sends and waits for the end.
func (p *Producer) deliver(ctx context.Context, s *sending) (Sent, error) {
	if p.isClosed() {
		abandoned(s.seen, ErrClosed)
		return Sent{}, ErrClosed
	}
	ctx, cancel := p.client.bounded(ctx, p.o.Timeout)
	defer cancel()
	return p.finish(ctx, s, p.begin(ctx, s, nil))
}

// attempt is a request for one queue that is under way, or its failure.
type attempt struct {
	queue   Queue
	conn    *conn
	started time.Time
	ended   chan outcome // capacity 1: nobody may take it any more
	failed  error
	// What the broker says of traces, if anybody wants to know.
	region string
	traced bool
}

// outcome is the end of an attempt. The response is a copy.
type outcome struct {
	response *messages.Command
	err      error
	at       time.Time
}

// begin chooses a queue and writes the request.
func (p *Producer) begin(ctx context.Context, s *sending, last *attempt) *attempt {
	a := &attempt{ended: make(chan outcome, 1), started: time.Now()}
	if a.queue, a.failed = p.choose(ctx, s, last); a.failed != nil {
		return a
	}
	addr := p.client.routes.master(a.queue.Broker)
	if addr == "" {
		a.failed = fmt.Errorf("%w: no master of %s is known", ErrNoQueue, a.queue.Broker)
		return a
	}
	if a.conn, a.failed = p.client.conns.get(ctx, addr); a.failed != nil {
		p.attempted(a, time.Now(), a.failed)
		return a
	}
	a.conn.Go(s.request(a.queue), func(response *messages.Command, err error) {
		if err == nil {
			response = response.Clone()
		}
		a.ended <- outcome{response, err, time.Now()}
	})
	return a
}

// finish waits for an attempt and makes further ones while that may help.
func (p *Producer) finish(ctx context.Context, s *sending, a *attempt) (Sent, error) {
	begun := a.started
	for retries := p.o.Retries; ; retries-- {
		sent, err := p.await(ctx, s, a)
		if err == nil {
			p.counters.stored(s.count, time.Since(begun))
			p.ended(s, a, sent, nil)
			return sent, nil
		}
		if retries == 0 || s.fixed() || ctx.Err() != nil || !retryable(err) {
			err = p.client.explain(err)
			p.counters.lost(s.count, err)
			p.ended(s, a, Sent{}, err)
			return Sent{}, err
		}
		p.counters.retries.Add(1)
		a = p.begin(ctx, s, a)
	}
}

// await waits for the end of an attempt, for AttemptTimeout at most if there may
// be another one.
func (p *Producer) await(ctx context.Context, s *sending, a *attempt) (Sent, error) {
	if a.failed != nil {
		return Sent{}, a.failed
	}
	if limit := p.o.AttemptTimeout; limit > 0 {
		attempted, cancel := context.WithDeadline(ctx, a.started.Add(limit))
		defer cancel()
		sent, err := p.awaitWithin(attempted, s, a)
		if err != nil && attempted.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrConnection, err) // another one may help
		}
		return sent, err
	}
	return p.awaitWithin(ctx, s, a)
}

func (p *Producer) awaitWithin(ctx context.Context, s *sending, a *attempt) (Sent, error) {
	select {
	case end := <-a.ended:
		if end.err != nil {
			err := a.conn.explain(ctx, end.err)
			p.attempted(a, end.at, err)
			return Sent{}, err
		}
		sent, err := s.result(a, end.response)
		if s.seen != nil {
			a.note(end.response)
		}
		p.attempted(a, end.at, err)
		return sent, err
	case <-ctx.Done():
		err := a.conn.explain(ctx, ctx.Err())
		p.attempted(a, time.Now(), err)
		return Sent{}, err
	}
}

// attempted tells the selector how an attempt ended, unless its end was the
// caller's own.
func (p *Producer) attempted(a *attempt, end time.Time, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
		return
	}
	p.queues.ended(a.queue.Broker, end.Sub(a.started), err)
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

// choose returns the queue for an attempt at s, which comes after last if that is
// not nil.
func (p *Producer) choose(ctx context.Context, s *sending, last *attempt) (Queue, error) {
	route, err := p.client.routes.get(ctx, s.topic)
	if err != nil {
		return Queue{}, err
	}
	if s.pinned != nil {
		return *s.pinned, nil
	}
	queues := route.writable
	if len(queues) == 0 {
		return Queue{}, fmt.Errorf("%w: topic %s has none that may be written", ErrNoQueue, s.topic)
	}
	if s.place != nil {
		at := s.place(p.client.outside(queues))
		if at < 0 || at >= len(queues) {
			return Queue{}, fmt.Errorf("%w: the selector chose queue %d of the %d of %s", ErrNoQueue, at, len(queues), s.topic)
		}
		return queues[at], nil
	}
	avoid := ""
	if last != nil {
		avoid = last.queue.Broker
	} else if s.prefer != "" {
		if at := slices.IndexFunc(queues, func(q Queue) bool { return q.Broker == s.prefer }); at >= 0 {
			return queues[at], nil
		}
	}
	return p.queues.pick(queues, avoid), nil
}
