package actormq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// readerGroup is the group that reads without a group name: pulls need one.
const readerGroup = "actormq-reader"

const (
	// unsettledInterval is the time between two looks for a topic's queues while they
	// could not all be found, and pullPause the one before a failed pull is tried
	// again.
	unsettledInterval = time.Second
	pullPause         = time.Second
)

// ReadOptions says what to read.
type ReadOptions struct {
	Topic string
	// Tags or SQL choose messages, see Subscription.
	Tags, SQL string

	From From
	Time time.Time // for FromTime
	// OnError, if not nil, takes what went wrong and is tried again, such as a topic
	// that does not exist yet. It must not wait.
	OnError func(error)
}

// Read reads all queues of a topic from a place on, outside of any group: nobody
// else gets fewer messages, and no offset is kept. handle is called for one
// message at a time, in order for each queue. Read ends when ctx does, with nil,
// or with the error of handle.
func (c *Client) Read(ctx context.Context, o ReadOptions, handle func(*Received) error) error {
	subscription, err := (&Subscription{Topic: o.Topic, Tags: o.Tags, SQL: o.SQL}).data()
	if err != nil {
		return err
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	r := &reader{client: c, o: o, subscription: subscription, ready: make(chan struct{}, 1), known: make(map[Queue]bool)}
	due, again := time.NewTimer(0), time.NewTimer(pullPause)
	defer due.Stop()
	defer again.Stop()
	young := false // queues that come up later are read from their beginning
	for {
		select {
		case <-r.ready:
			if err := r.take(ctx, handle); err != nil {
				return err
			}
		case <-again.C:
			r.retry()
			again.Reset(pullPause)
		case <-due.C:
			wait := routeInterval
			if err := r.look(ctx, young); err != nil {
				wait = unsettledInterval
				if ctx.Err() == nil {
					o.OnError(err)
				}
				if errors.Is(err, ErrUnknownTopic) {
					young = true
				}
			} else {
				young = true
			}
			due.Reset(wait)
		case <-c.consuming.Done():
			return ErrClosed
		case <-ctx.Done():
			return nil
		}
	}
}

// reader is a Read under way. It has one pull of each queue under way, or its answer,
// and no goroutine.
type reader struct {
	client       *Client
	o            ReadOptions
	subscription *messages.SubscriptionData
	known        map[Queue]bool
	failed       []place // to be pulled again

	ready chan struct{} // capacity 1: there are answers
	mu    sync.Mutex
	came  []answered
}

// place is where to go on in a queue.
type place struct {
	queue Queue
	next  int64
}

// answered is the end of a pull.
type answered struct {
	place
	result *PullResult
	err    error
}

// look begins to read queues that are not known yet.
func (r *reader) look(ctx context.Context, young bool) error {
	queues, err := r.client.Queues(ctx, r.o.Topic)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if r.known[q] {
			continue
		}
		first, err := r.first(ctx, q, young)
		if err != nil {
			return err
		}
		r.known[q] = true
		r.pull(place{q, first})
	}
	return nil
}

func (r *reader) first(ctx context.Context, q Queue, young bool) (int64, error) {
	switch {
	case r.o.From == FromTime:
		return r.client.SearchOffset(ctx, q, r.o.Time)
	case r.o.From == FromFirst || young:
		return r.client.MinOffset(ctx, q)
	}
	return r.client.MaxOffset(ctx, q)
}

// pull begins to pull a queue. The answer comes by itself, after holdTime and
// pullSlack at most.
func (r *reader) pull(p place) {
	addr := r.client.routes.any(p.queue.Broker, masterID)
	if addr == "" {
		r.add(answered{place: p, err: fmt.Errorf("%w: broker %s is not known", ErrNoQueue, p.queue.Broker)})
		return
	}
	request := PullRequest{Group: readerGroup, Queue: p.queue, Offset: p.next, Hold: holdTime}
	r.client.send(addr, r.client.pullRequest(&request, r.subscription), holdTime+pullSlack, func(response *messages.Command, err error) {
		end := answered{place: p, err: err}
		if err == nil {
			end.result = &PullResult{}
			end.err = end.result.decode(addr, p.queue, r.subscription, response, func(m *Received, _ int) {
				m.Topic = r.client.unwrap(m.Topic)
				end.result.Messages = append(end.result.Messages, m)
			})
		}
		r.add(end)
	})
}

// add takes the end of a pull, on whichever goroutine.
func (r *reader) add(end answered) {
	r.mu.Lock()
	r.came = append(r.came, end)
	r.mu.Unlock()
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// take handles what has come, and goes on behind it.
func (r *reader) take(ctx context.Context, handle func(*Received) error) error {
	r.mu.Lock()
	came := r.came
	r.came = nil
	r.mu.Unlock()
	for _, end := range came {
		if end.err != nil {
			r.o.OnError(end.err)
			r.failed = append(r.failed, end.place)
			continue
		}
		for _, m := range end.result.Messages {
			if ctx.Err() != nil || r.client.consuming.Err() != nil {
				return nil // Read finds out why
			}
			if err := handle(m); err != nil {
				return err
			}
		}
		r.pull(place{end.queue, end.result.Next})
	}
	return nil
}

// retry pulls again what has failed. The broker may have moved.
func (r *reader) retry() {
	failed := r.failed
	r.failed = nil
	if len(failed) > 0 {
		c, topic := r.client, r.client.wrap(r.o.Topic)
		c.mu.Lock()
		if !c.closed {
			c.running.Go(func() { _, _ = c.routes.renew(c.ctx, topic) })
		}
		c.mu.Unlock()
	}
	for _, p := range failed {
		r.pull(p)
	}
}

// sleep waits until d has passed or ctx has ended.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
