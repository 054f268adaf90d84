package actormq

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/actormq/actormq/actors/consumer"
)

// ConsumerStats is what a consumer does. It is a copy.
type ConsumerStats struct {
	Group      string
	Rebalances uint64
	Queues     []ConsumerQueue          // that it reads, sorted
	Topics     map[string]ConsumerRates // the retry topic's, too
}

// ConsumerQueue is what a consumer does with a queue.
type ConsumerQueue struct {
	Queue     Queue
	Messages  int   // fetched and not handled
	Bytes     int64 // of those
	Handled   int64 // everything below this offset is handled
	Committed int64 // the group's offset, -1 if it has none
	// Lag is the number of messages from Handled to the queue's end, as of the last
	// answer to a pull. Messages that the subscription does not want count.
	Lag    int64
	Paused bool
	Broker int64 // the process that is asked: 0 is the master
}

// ConsumerRates is how a topic is consumed: totals, and rates over the last minute
// or so.
type ConsumerRates struct {
	Handled, Failed      uint64
	PullRate             float64 // messages per second
	HandledRate          float64
	FailedRate           float64
	PullTime, HandleTime time.Duration // on average
}

// Stats returns what the consumer does. It fails with ErrClosed while it does not
// run, and with ctx's error.
func (m *membership) Stats(ctx context.Context) (ConsumerStats, error) {
	state, err := ask(ctx, m, func(done func(consumer.State)) any { return &consumer.Inspect{Done: done} })
	if err != nil {
		return ConsumerStats{}, err
	}
	s := ConsumerStats{Group: m.o.group, Rebalances: state.Rebalances, Topics: make(map[string]ConsumerRates)}
	for i := range state.Queues {
		q := &state.Queues[i]
		s.Queues = append(s.Queues, ConsumerQueue{
			Queue: m.client.queue(q.Queue), Messages: q.Messages, Bytes: q.Bytes, Handled: q.Low, Committed: q.Committed,
			Lag: max(q.End-q.Low, 0), Paused: q.Paused, Broker: q.BrokerID,
		})
	}
	for topic, r := range state.Topics {
		s.Topics[m.client.unwrap(topic)] = ConsumerRates{
			Handled: r.Handled, Failed: r.Failed, PullRate: r.PullTPS, HandledRate: r.OKTPS, FailedRate: r.FailedTPS,
			PullTime: r.PullTime, HandleTime: r.HandleTime,
		}
	}
	return s, nil
}

// The metrics of a Collector about consumers.
var (
	metricHandled = prometheus.NewDesc("actormq_client_messages_handled_total",
		"Messages that handlers took.", []string{"client", "group", "topic"}, nil)
	metricRefused = prometheus.NewDesc("actormq_client_messages_refused_total",
		"Messages that handlers returned an error for, each time.", []string{"client", "group", "topic"}, nil)
	metricLag = prometheus.NewDesc("actormq_client_consumer_lag",
		"Messages from what is handled to the end of the queues that the consumer reads.", []string{"client", "group", "topic"}, nil)
	metricBuffered = prometheus.NewDesc("actormq_client_messages_buffered",
		"Messages that are fetched and not handled.", []string{"client", "group", "topic"}, nil)
	metricRebalances = prometheus.NewDesc("actormq_client_rebalances_total",
		"Times that the group's queues were divided.", []string{"client", "group"}, nil)
)

// collectLimit bounds the wait for a consumer's state, which is an actor's.
const collectLimit = time.Second

// collectConsumers adds the metrics of all consumers that run.
func (m collector) collectConsumers(counter func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	m.client.mu.Lock()
	var running []*membership
	for _, member := range m.client.consumers {
		running = append(running, member)
	}
	m.client.mu.Unlock()
	ctx, cancel := context.WithTimeout(m.client.ctx, collectLimit)
	defer cancel()
	for _, member := range running {
		s, err := member.Stats(ctx)
		if err != nil {
			continue // it has just ended, or has too much to do
		}
		counter(metricRebalances, s.Rebalances, s.Group)
		for topic, r := range s.Topics {
			counter(metricHandled, r.Handled, s.Group, topic)
			counter(metricRefused, r.Failed, s.Group, topic)
		}
		lag, buffered := make(map[string]int64), make(map[string]int)
		for _, q := range s.Queues {
			lag[q.Queue.Topic] += q.Lag
			buffered[q.Queue.Topic] += q.Messages
		}
		for topic := range lag {
			gauge(metricLag, float64(lag[topic]), s.Group, topic)
			gauge(metricBuffered, float64(buffered[topic]), s.Group, topic)
		}
	}
}
