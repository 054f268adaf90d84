package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/actormq/actormq"
)

// topics are the names of what a run sends to.
func (o *Options) topics() []string {
	if o.Topics == 1 {
		return []string{o.Topic}
	}
	names := make([]string, o.Topics)
	for i := range names {
		names[i] = TopicName(o.Topic, i)
	}
	return names
}

// TopicName is the name of topic i of many.
func TopicName(topic string, i int) string { return fmt.Sprintf("%s-%0*d", topic, topicDigits, i) }

// direct sends to Options.Address.
func (r *run) direct() {
	r.masters = map[string]string{"": r.o.Address}
	for id := range r.o.Queues {
		r.queues = append(r.queues, actormq.Queue{Topic: r.o.topics()[0], ID: id})
	}
}

// lookups is the number of questions about topics that are under way at a time.
const lookups = 16

// each calls ask for 0 to n-1, several at a time, and returns the first error.
func each(n int, ask func(i int) error) error {
	var (
		wait   sync.WaitGroup
		once   sync.Once
		failed error
	)
	workers := min(lookups, n)
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n; i += workers {
				if err := ask(i); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	wait.Wait()
	return failed
}

// prepare makes sure that the topics exist.
func (r *run) prepare(ctx context.Context) error {
	topics := r.o.topics()
	queues := make([][]actormq.Queue, len(topics))
	err := each(len(topics), func(i int) (err error) {
		queues[i], err = r.queuesOf(ctx, topics[i])
		return err
	})
	if err != nil {
		return err
	}
	r.masters = make(map[string]string)
	for _, q := range queues[0] {
		if r.masters[q.Broker], err = r.client.Master(ctx, q); err != nil {
			return err
		}
	}
	r.queues = queues[0]
	for _, some := range queues {
		r.all = append(r.all, some...)
	}
	return nil
}

// queuesOf returns the queues of a topic that are used, and creates it if need be.
func (r *run) queuesOf(ctx context.Context, topic string) ([]actormq.Queue, error) {
	all, err := r.client.Queues(ctx, topic)
	if errors.Is(err, actormq.ErrUnknownTopic) && !r.o.Mode.reads() {
		if err := r.client.CreateTopic(ctx, topic, actormq.TopicOptions{Queues: r.o.Queues}); err != nil {
			return nil, err
		}
		all, err = r.client.Queues(ctx, topic)
	}
	if err != nil {
		return nil, err
	}
	var used []actormq.Queue
	perBroker := make(map[string]int)
	for _, q := range all {
		if perBroker[q.Broker]++; perBroker[q.Broker] <= r.o.Queues { // BenchmarkTest has 1024
			used = append(used, q)
		}
	}
	if len(used) == 0 {
		return nil, fmt.Errorf("bench: topic %s has no queue", topic)
	}
	return used, nil
}

// stored returns the end of each queue.
func (r *run) stored(ctx context.Context) ([]int64, error) {
	ends := make([]int64, len(r.all))
	err := each(len(r.all), func(i int) (err error) {
		ends[i], err = r.client.MaxOffset(ctx, r.all[i])
		return err
	})
	return ends, err
}

// connectPullers deals the queues out to connections, each of which has queues of
// one broker.
func (r *run) connectPullers(ctx context.Context, ends []int64) error {
	for group := range r.o.Groups {
		if err := r.connectGroup(ctx, benchGroup+groupSuffix(group), ends); err != nil {
			return err
		}
	}
	return nil
}

// groupSuffix tells the groups apart; the first one has none.
func groupSuffix(group int) string {
	if group == 0 {
		return ""
	}
	return "-" + strconv.Itoa(group)
}

// connectGroup connects the pullers of one group.
func (r *run) connectGroup(ctx context.Context, group string, ends []int64) error {
	dealt := make([][]*pulled, r.o.Connections)
	addrs := make([]string, r.o.Connections)
	for i, q := range r.all {
		p := &pulled{queue: q, group: group, next: ends[i], last: -1}
		if r.o.Mode == CatchUp {
			first, err := r.client.MinOffset(ctx, q)
			if err != nil {
				return err
			}
			p.first, p.next, p.last = first, first, ends[i]
		}
		to := i % r.o.Connections
		if addrs[to] == "" {
			addrs[to] = r.masters[q.Broker]
		}
		for j := 0; addrs[to] != r.masters[q.Broker] && j < r.o.Connections; j++ {
			to = (to + 1) % r.o.Connections
			if addrs[to] == "" {
				addrs[to] = r.masters[q.Broker]
			}
		}
		if addrs[to] != r.masters[q.Broker] {
			return fmt.Errorf("bench: %d connections are too few for %d brokers", r.o.Connections, len(r.masters))
		}
		dealt[to] = append(dealt[to], p)
	}
	for i, queues := range dealt {
		if len(queues) == 0 {
			continue
		}
		s, err := dialSession(ctx, addrs[i], r.control, r.o)
		if err != nil {
			return err
		}
		r.consumers = append(r.consumers, &puller{session: s, queues: queues})
	}
	return nil
}
