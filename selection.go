package actormq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/selector"
	"github.com/actormq/actormq/messages"
)

// LatencyFault configures the latency-fault strategy of a Producer: a broker that
// is slow or fails gets no sends for a while, then one at a time until one comes
// back in time. Zero values mean the defaults, which are those of the Java client
// but for Isolation.
type LatencyFault struct {
	// Steps say for how long a slow send isolates its broker, in order of Latency.
	// The default isolates from 550 ms on.
	Steps []LatencyStep
	// Isolation is for how long a failed send isolates its broker; 30 s by
	// default.
	Isolation time.Duration
	// Detect has a broker that gave no answer tried every DetectInterval, with a
	// heartbeat; the broker is not used before it answers, and on trial from then
	// on, however long Isolation is.
	Detect         bool
	DetectInterval time.Duration // 2 s by default
}

// LatencyStep is a row of LatencyFault: a send that took Latency or more, and
// less than the next row's, isolates its broker for Isolation.
type LatencyStep = selector.Step

// queueSelector chooses the queues of a producer's sends.
type queueSelector struct {
	turn selector.Turn
	view selector.View
	env  *env.Env   // nil without the latency-fault strategy
	pid  *actor.PID // of the selector
}

// startSelector starts the latency-fault strategy.
func (c *Client) startSelector(q *queueSelector, o *LatencyFault) error {
	options := selector.Options{View: &q.view, Steps: o.Steps, Isolation: o.Isolation, DetectInterval: o.DetectInterval}
	if o.Detect {
		options.Detect = c.detect
	}
	if err := options.Validate(); err != nil {
		return fmt.Errorf("actormq: ProducerOptions.LatencyFault: %w", err)
	}
	var err error
	q.env, q.pid, err = c.actors.spawn(func(e *env.Env) *actor.Props {
		options.Env = e
		return selector.Props(options)
	})
	return err
}

// detectTimeout bounds the wait for a broker that may be back; Java waits 200 ms
// on a connection that it has.
const detectTimeout = time.Second

// detect tells done whether a broker's master answers a heartbeat.
func (c *Client) detect(broker string, done func(bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.running.Go(func() {
		addr := c.routes.master(broker)
		request, _ := c.heartbeat()
		if addr == "" || request == nil {
			done(false)
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, detectTimeout)
		defer cancel()
		_, err := c.ask(ctx, addr, request)
		done(err == nil)
	})
}

// pick returns the next of queues, which are not empty, for a send that failed at
// the broker avoid before, or for a new one if that is "".
func (q *queueSelector) pick(queues []Queue, avoid string) Queue {
	broker := func(i int) string { return queues[i].Broker }
	return queues[q.view.Load().Pick(&q.turn, len(queues), broker, avoid, time.Now())]
}

// ended reports an attempt at a broker.
func (q *queueSelector) ended(broker string, took time.Duration, err error) {
	if q.env != nil {
		q.env.Send(q.pid, selector.Report{Broker: broker, Latency: took, Outcome: outcomeOf(took, err)})
	}
}

// tooLate is how long a broker must have given no answer before it counts as
// lost. A caller with less time than that learns that the broker is slow, not
// that it is gone.
const tooLate = time.Second

// outcomeOf says what the end of an attempt tells about its broker.
func outcomeOf(took time.Duration, err error) selector.Outcome {
	var refused *Error
	switch {
	case err == nil:
		return selector.Answered
	case errors.As(err, &refused):
		switch messages.ResponseCode(refused.Code) {
		case messages.TopicNotExist, messages.NoPermission:
			return selector.Answered // about the topic
		}
		if retryable(err) {
			return selector.Refused
		}
		return selector.Answered
	case errors.Is(err, context.DeadlineExceeded):
		if took < tooLate {
			return selector.Answered
		}
		return selector.Unreachable
	case errors.Is(err, ErrConnection):
		return selector.Unreachable
	}
	return selector.Answered
}
