package actormq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// latencyBounds are the upper bounds of the histogram of sends, a factor of about
// two apart.
var latencyBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// The causes of failed sends.
const (
	causeRefused = iota
	causeTimeout
	causeConnection
	causeRoute
	causeCancelled
	causeClosed
	causeOther
	causes
)

var causeNames = [causes]string{"refused", "timeout", "connection", "route", "cancelled", "closed", "other"}

// counters are what a client counts. Any goroutine may add.
type counters struct {
	messages atomic.Uint64 // stored
	retries  atomic.Uint64
	failures [causes]atomic.Uint64
	latency  [len(latencyBounds) + 1]atomic.Uint64 // of sends; the last one is beyond all bounds
	elapsed  atomic.Int64                          // of all of them, in nanoseconds
}

// stored counts a send of n messages.
func (c *counters) stored(n int, took time.Duration) {
	c.messages.Add(uint64(n))
	at, _ := slices.BinarySearch(latencyBounds[:], took)
	c.latency[at].Add(1)
	c.elapsed.Add(int64(took))
}

// lost counts n messages that were not stored, or of which that is not known.
func (c *counters) lost(n int, err error) { c.failures[causeOf(err)].Add(uint64(n)) }

func causeOf(err error) int {
	var refused *Error
	switch {
	case errors.Is(err, ErrClosed):
		return causeClosed
	case errors.Is(err, context.Canceled):
		return causeCancelled
	case errors.Is(err, context.DeadlineExceeded):
		return causeTimeout
	case errors.Is(err, ErrConnection):
		return causeConnection
	case errors.Is(err, ErrNoQueue), errors.Is(err, ErrNoNameServer), errors.Is(err, ErrUnknownTopic):
		return causeRoute
	case errors.As(err, &refused):
		return causeRefused
	}
	return causeOther
}

// Stats is what a client has done so far. It is a copy.
type Stats struct {
	Sent    uint64            // messages that brokers have stored
	Failed  map[string]uint64 // messages that failed, by cause
	Retries uint64            // further attempts
	// Latency counts the sends, each batch as one, by the time that they took with
	// all attempts: Latency[i] took at most Bounds[i], and more than Bounds[i-1].
	// The last one has no bound.
	Latency []uint64
	Bounds  []time.Duration
	Elapsed time.Duration // of all sends together

	TracesDropped uint64 // records of Options.Trace that were not sent

	InFlight    int // asynchronous sends under way
	Connections int
	Topics      int      // whose routes are known
	NameServers []string // the one that is asked first comes first
	Brokers     []BrokerStats
}

// BrokerStats is what a producer with a LatencyFault knows of a broker.
type BrokerStats struct {
	Group     string // the producer's
	Broker    string
	Latency   time.Duration // of the last send that is known, about a second old at most
	Isolated  time.Duration // for how long it gets no sends, 0 if it does
	Trial     bool          // one send at a time, until one is good
	Reachable bool
}

// Stats returns what the client has done so far.
func (c *Client) Stats() Stats {
	s := Stats{
		Sent: c.counters.messages.Load(), Retries: c.counters.retries.Load(), Failed: make(map[string]uint64, causes),
		Bounds: slices.Clone(latencyBounds[:]), Elapsed: time.Duration(c.counters.elapsed.Load()),
		Connections: c.conns.count(), Topics: c.routes.count(), NameServers: c.servers.known(),
	}
	for i, name := range causeNames {
		s.Failed[name] = c.counters.failures[i].Load()
	}
	for i := range c.counters.latency {
		s.Latency = append(s.Latency, c.counters.latency[i].Load())
	}
	if c.tracer != nil {
		s.TracesDropped = c.tracer.dropped.Load()
	}
	c.mu.Lock()
	sending := slices.Clone(c.sending)
	c.mu.Unlock()
	now := time.Now()
	for _, p := range sending {
		s.InFlight += len(p.slots)
		s.Brokers = append(s.Brokers, p.brokers(now)...)
	}
	slices.SortFunc(s.Brokers, func(a, b BrokerStats) int {
		if by := strings.Compare(a.Group, b.Group); by != 0 {
			return by
		}
		return strings.Compare(a.Broker, b.Broker)
	})
	return s
}

// brokers returns what the selector knows.
func (p *Producer) brokers(now time.Time) []BrokerStats {
	var all []BrokerStats
	for item := range p.queues.view.Load().All() {
		all = append(all, BrokerStats{
			Group: p.o.Group, Broker: item.Broker, Latency: item.Latency, Isolated: max(item.Until.Sub(now), 0),
			Trial: item.Suspect && item.Available(now), Reachable: item.Reachable,
		})
	}
	return all
}
