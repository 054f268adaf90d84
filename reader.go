package actormq

import (
	"context"
	"errors"
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
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{client: c, o: o, subscription: subscription, found: make(chan *Received), known: make(map[Queue]bool)}
	defer r.running.Wait()
	defer cancel()
	due := time.NewTimer(0)
	defer due.Stop()
	young := false // queues that come up later are read from their beginning
	for {
		select {
		case m := <-r.found:
			if err := handle(m); err != nil {
				return err
			}
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

// reader is a Read under way.
type reader struct {
	client       *Client
	o            ReadOptions
	subscription *messages.SubscriptionData
	found        chan *Received
	known        map[Queue]bool
	running      sync.WaitGroup // a goroutine for each known queue
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
		r.running.Go(func() { r.read(ctx, q, first) })
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

// read reads one queue until ctx ends.
func (r *reader) read(ctx context.Context, q Queue, next int64) {
	for ctx.Err() == nil {
		result, err := r.client.pull(ctx, PullRequest{Group: readerGroup, Queue: q, Offset: next, Hold: holdTime}, r.subscription)
		if err != nil {
			if ctx.Err() == nil {
				r.o.OnError(err)
				sleep(ctx, pullPause)
			}
			continue
		}
		for _, m := range result.Messages {
			select {
			case r.found <- m:
			case <-ctx.Done():
				return
			}
		}
		next = result.Next
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
