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

// limits bound a send: by its caller's context, a time, and the client's life. It is
// a context that costs nothing as long as nobody has to wait.
type limits struct {
	ctx    context.Context
	client *Client
	end    time.Time
}

// within returns the limits of a send that begins now.
func (p *Producer) within(ctx context.Context) limits {
	return limits{ctx, p.client, time.Now().Add(p.o.Timeout)}
}

// err says why a limit is reached, nil if none is.
func (l *limits) err() error {
	switch {
	case l.ctx.Err() != nil:
		return l.ctx.Err()
	case l.client.ctx.Err() != nil:
		return l.client.ctx.Err()
	case !time.Now().Before(l.end):
		return context.DeadlineExceeded
	}
	return nil
}

// context returns a context of the same limits, for what may have to wait.
func (l *limits) context() (context.Context, context.CancelFunc) {
	return l.client.bounded(l.ctx, time.Until(l.end))
}

// timers are stopped ones.
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// deliver sends and waits for the end.
func (p *Producer) deliver(ctx context.Context, s *sending) (Sent, error) {
	if p.isClosed() {
		abandoned(s.seen, ErrClosed)
		return Sent{}, ErrClosed
	}
	l := p.within(ctx)
	return p.finish(&l, s, p.begin(&l, s, nil))
}

// attempt is a request for one queue that is under way, or its failure.
type attempt struct {
	queue   Queue
	conn    *conn
	started time.Time
	ended   chan outcome // capacity 1: nobody may take it any more
	failed  error
	told    tracing // once it has ended, and if anybody wants to know
}

// outcome is the end of an attempt.
type outcome struct {
	sent Sent
	err  error // what is wrong with the response
	lost error // why there is none
	at   time.Time
	told tracing
}

// begin chooses a queue and writes the request.
func (p *Producer) begin(l *limits, s *sending, last *attempt) *attempt {
	a := &attempt{ended: make(chan outcome, 1), started: time.Now()}
	if a.failed = p.prepare(l, s, a, last); a.failed != nil {
		return a
	}
	r := outgoings.Get().(*outgoing)
	a.conn.Go(s.request(a.queue, r), func(response *messages.Command, err error) {
		end := outcome{lost: err, at: time.Now()}
		if err == nil {
			end.sent, end.err = s.result(a, response)
			if s.seen != nil {
				end.told = toldBy(response)
			}
		}
		a.ended <- end
	})
	r.reset() // Go has encoded it
	outgoings.Put(r)
	return a
}

// prepare finds the queue of an attempt and the connection to its broker.
func (p *Producer) prepare(l *limits, s *sending, a, last *attempt) (err error) {
	route := p.client.routes.cached(s.topic)
	if route == nil {
		ctx, cancel := l.context()
		defer cancel()
		if route, err = p.client.routes.get(ctx, s.topic); err != nil {
			return err
		}
	}
	if a.queue, err = p.pick(route, s, last); err != nil {
		return err
	}
	addr := p.client.routes.master(a.queue.Broker)
	if addr == "" {
		return fmt.Errorf("%w: no master of %s is known", ErrNoQueue, a.queue.Broker)
	}
	if a.conn = p.client.conns.current(addr); a.conn != nil {
		return nil
	}
	ctx, cancel := l.context()
	defer cancel()
	if a.conn, err = p.client.conns.get(ctx, addr); err != nil {
		p.attempted(a, time.Now(), err)
	}
	return err
}

// finish waits for an attempt and makes further ones while that may help.
func (p *Producer) finish(l *limits, s *sending, a *attempt) (Sent, error) {
	begun := a.started
	for retries := p.o.Retries; ; retries-- {
		sent, err := p.await(l, a)
		if err == nil {
			p.counters.stored(s.count, time.Since(begun))
			p.ended(s, a, sent, nil)
			return sent, nil
		}
		if retries == 0 || s.fixed() || l.err() != nil || !retryable(err) {
			err = p.client.explain(err)
			p.counters.lost(s.count, err)
			p.ended(s, a, Sent{}, err)
			return Sent{}, err
		}
		p.counters.retries.Add(1)
		a = p.begin(l, s, a)
	}
}

// await waits for the end of an attempt, for AttemptTimeout at most if there may
// be another one.
func (p *Producer) await(l *limits, a *attempt) (Sent, error) {
	if a.failed != nil {
		return Sent{}, a.failed
	}
	until := l.end
	if limit := a.started.Add(p.o.AttemptTimeout); p.o.AttemptTimeout > 0 && limit.Before(until) {
		until = limit
	}
	sent, err := p.awaitUntil(l, until, a)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && l.err() == nil {
		err = fmt.Errorf("%w: %w", ErrConnection, err) // another one may help
	}
	return sent, err
}

func (p *Producer) awaitUntil(l *limits, until time.Time, a *attempt) (Sent, error) {
	timer := timers.Get().(*time.Timer)
	timer.Reset(time.Until(until))
	defer func() {
		timer.Stop()
		timers.Put(timer)
	}()
	var why error
	select {
	case end := <-a.ended:
		a.told = end.told
		err := end.err
		if end.lost != nil {
			if err = l.err(); err != nil {
				err = fmt.Errorf("actormq: no answer from %s: %w", a.conn.addr, err)
			} else {
				err = fmt.Errorf("%w: %s: %w", ErrConnection, a.conn.addr, end.lost)
			}
		}
		p.attempted(a, end.at, err)
		return end.sent, err
	case <-l.ctx.Done():
		why = l.ctx.Err()
	case <-l.client.ctx.Done():
		why = l.client.ctx.Err()
	case <-timer.C:
		why = context.DeadlineExceeded
	}
	err := fmt.Errorf("actormq: no answer from %s: %w", a.conn.addr, why)
	p.attempted(a, time.Now(), err)
	return Sent{}, err
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
	return p.pick(route, s, last)
}

// pick is choose with a route.
func (p *Producer) pick(route *route, s *sending, last *attempt) (Queue, error) {
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
