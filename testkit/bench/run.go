package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/actormq/actormq"
)

// run is a run under way.
type run struct {
	o       *Options
	client  *actormq.Client
	control *control
	queues  []actormq.Queue
	masters map[string]string // addresses by broker name
	lanes   []*lane
	pullers []*puller
	failed  chan error // the first failure of a lane or puller
	sending sync.WaitGroup
	pulling sync.WaitGroup
}

// Run loads a broker as o says, until it is done or ctx ends, and reports what
// was measured. An end of ctx is no error.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	client, err := actormq.NewClient(actormq.Options{NameServers: o.NameServers})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	r := &run{o: &o, client: client, control: newControl(), failed: make(chan error, 1)}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	before, err := r.stored(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.connect(ctx, before); err != nil {
		r.close()
		return nil, err
	}
	report, err := r.measure(ctx)
	r.close()
	if err != nil {
		return nil, err
	}
	if o.Mode != CatchUp {
		report.Stored, err = r.settled(context.WithoutCancel(ctx), before, report.Acknowledged)
		if err != nil {
			return nil, err
		}
	}
	return report, nil
}

// prepare makes sure that the topic exists.
func (r *run) prepare(ctx context.Context) error {
	queues, err := r.client.Queues(ctx, r.o.Topic)
	if errors.Is(err, actormq.ErrUnknownTopic) && r.o.Mode != CatchUp {
		if err := r.client.CreateTopic(ctx, r.o.Topic, actormq.TopicOptions{Queues: r.o.Queues}); err != nil {
			return err
		}
		queues, err = r.client.Queues(ctx, r.o.Topic)
	}
	if err != nil {
		return err
	}
	if len(queues) == 0 {
		return fmt.Errorf("bench: topic %s has no queue", r.o.Topic)
	}
	perBroker := make(map[string]int)
	r.masters = make(map[string]string)
	for _, q := range queues {
		if perBroker[q.Broker]++; perBroker[q.Broker] > r.o.Queues {
			continue // BenchmarkTest has 1024
		}
		r.queues = append(r.queues, q)
		if r.masters[q.Broker], err = r.client.Master(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// stored returns the end of each queue.
func (r *run) stored(ctx context.Context) ([]int64, error) {
	ends := make([]int64, len(r.queues))
	for i, q := range r.queues {
		var err error
		if ends[i], err = r.client.MaxOffset(ctx, q); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

// settled returns the number of messages that the queues have got since before,
// once that is at least want or does not change any more.
func (r *run) settled(ctx context.Context, before []int64, want int64) (int64, error) {
	for last := int64(-1); ; {
		ends, err := r.stored(ctx)
		if err != nil {
			return 0, err
		}
		n := int64(0)
		for i, end := range ends {
			n += end - before[i]
		}
		if n >= want || n == last {
			return n, nil
		}
		last = n
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// share returns the queues of one broker; connection i belongs to the i-th broker
// in turn.
func (r *run) share(i int) (addr string, queues []actormq.Queue) {
	var brokers []string
	for _, q := range r.queues { // sorted
		if len(brokers) == 0 || brokers[len(brokers)-1] != q.Broker {
			brokers = append(brokers, q.Broker)
		}
	}
	broker := brokers[i%len(brokers)]
	for _, q := range r.queues {
		if q.Broker == broker {
			queues = append(queues, q)
		}
	}
	return r.masters[broker], queues
}

func (r *run) connect(ctx context.Context, ends []int64) error {
	for i := range r.o.Connections {
		if r.o.Mode == CatchUp {
			break
		}
		addr, queues := r.share(i)
		l, err := dialLane(ctx, addr, queues, i, r.control, r.o)
		if err != nil {
			return err
		}
		r.lanes = append(r.lanes, l)
	}
	if r.o.Mode == CatchUp || r.o.Mode == Tail {
		return r.connectPullers(ctx, ends)
	}
	return nil
}

// connectPullers deals the queues out to connections, each of which has queues of
// one broker.
func (r *run) connectPullers(ctx context.Context, ends []int64) error {
	dealt := make([][]*pulled, r.o.Connections)
	addrs := make([]string, r.o.Connections)
	for i, q := range r.queues {
		p := &pulled{queue: q, next: ends[i], last: -1}
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
		p, err := dialPuller(ctx, addrs[i], queues, r.control, r.o)
		if err != nil {
			return err
		}
		r.pullers = append(r.pullers, p)
	}
	return nil
}

// start runs f and keeps its error.
func (r *run) start(group *sync.WaitGroup, f func() error) {
	group.Go(func() {
		if err := f(); err != nil {
			select {
			case r.failed <- err:
			default:
			}
		}
	})
}

func (r *run) startAll() {
	for _, p := range r.pullers {
		r.start(&r.pulling, p.run)
	}
	interval := time.Duration(0)
	if r.o.Rate > 0 && len(r.lanes) > 0 {
		interval = time.Duration(float64(time.Second) * float64(len(r.lanes)*r.o.perRequest()) / r.o.Rate)
	}
	slots := r.o.inFlight() / r.o.Connections
	for i, l := range r.lanes {
		first := r.control.now() + interval*time.Duration(i)/time.Duration(len(r.lanes))
		switch {
		case r.o.Mode == Oneway:
			r.start(&r.sending, func() error { return l.oneway(first, interval) })
		case r.o.Rate > 0:
			r.start(&r.sending, func() error { return l.open(slots, first, interval) })
		default:
			r.start(&r.sending, func() error { return l.closed(slots) })
		}
	}
}

// drainLimit is the time in which the last messages must have been read.
const drainLimit = 10 * time.Second

// stop has everything end and waits for it. In mode tail what was sent must be
// read.
func (r *run) stop() {
	r.control.stopping.Store(true)
	r.sending.Wait()
	limit := time.Now().Add(drainLimit)
	if r.o.Mode == Tail {
		for time.Now().Before(limit) && ever(r.pullStats()) < ever(r.laneStats()) && len(r.failed) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		limit = time.Now()
	}
	r.control.ended.Store(true)
	for _, p := range r.pullers {
		_ = p.conn.SetReadDeadline(limit)
	}
	r.pulling.Wait()
}

func (r *run) laneStats() (all []*stats) {
	for _, l := range r.lanes {
		all = append(all, l.stats)
	}
	return all
}

func (r *run) pullStats() (all []*stats) {
	for _, p := range r.pullers {
		all = append(all, p.stats)
	}
	return all
}

// measured are the stats that a run is about.
func (r *run) measured() []*stats {
	if len(r.pullers) > 0 {
		return r.pullStats()
	}
	return r.laneStats()
}

func (r *run) close() {
	for _, l := range r.lanes {
		l.conn.Close()
	}
	for _, p := range r.pullers {
		p.conn.Close()
	}
}
