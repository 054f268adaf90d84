package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/actormq/actormq"
)

// run is a run under way.
type run struct {
	o         *Options
	client    *actormq.Client
	control   *control
	queues    []actormq.Queue   // of the first topic
	all       []actormq.Queue   // of all topics
	masters   map[string]string // addresses by broker name
	lanes     []*lane
	counts    []*stats // of the lanes
	consumers []consumer
	failed    chan error // the first failure of a lane or consumer
	sending   sync.WaitGroup
	pulling   sync.WaitGroup
}

// Run loads a broker as o says, until it is done or ctx ends, and reports what
// was measured. An end of ctx is no error.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r := &run{o: &o, control: newControl(), failed: make(chan error, 1)}
	if o.Address != "" {
		r.direct()
	} else {
		client, err := actormq.NewClient(actormq.Options{NameServers: o.NameServers})
		if err != nil {
			return nil, err
		}
		defer client.Close()
		r.client = client
		if err := r.prepare(ctx); err != nil {
			return nil, err
		}
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
	if !o.Mode.reads() && o.Address == "" && o.Delay == 0 && o.At.IsZero() {
		report.Stored, err = r.settled(context.WithoutCancel(ctx), before, report.Acknowledged)
		if err != nil {
			return nil, err
		}
	}
	return report, nil
}

// patience is the number of looks, settlePause apart, after which queues that do
// not grow are taken for complete: a broker may be busy with its disk meanwhile.
const (
	patience    = 120
	settlePause = 500 * time.Millisecond
)

// settled returns the number of messages that the queues have got since before,
// once that is at least want or does not change any more.
func (r *run) settled(ctx context.Context, before []int64, want int64) (int64, error) {
	same := 0
	for last := int64(-1); ; {
		ends, err := r.stored(ctx)
		if err != nil {
			return 0, err
		}
		n := int64(0)
		for i, end := range ends {
			n += end - before[i]
		}
		if same++; n != last {
			same = 0
		}
		if n >= want || same == patience {
			return n, nil
		}
		last = n
		select {
		case <-time.After(settlePause):
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

// maxStats bounds the histograms of a run: lanes share them.
const maxStats = 16

func (r *run) connect(ctx context.Context, ends []int64) error {
	for range min(r.o.Connections, maxStats) {
		r.counts = append(r.counts, newStats())
	}
	for i := range r.o.Connections {
		if r.o.Mode.reads() {
			break
		}
		addr, queues := r.share(i)
		l, err := dialLane(ctx, addr, queues, i, r.control, r.o, r.counts[i%len(r.counts)])
		if err != nil {
			return err
		}
		r.lanes = append(r.lanes, l)
	}
	switch r.o.Mode {
	case CatchUp, Tail:
		return r.connectPullers(ctx, ends)
	case Pop:
		return r.connectPoppers(ctx, ends)
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
	for _, p := range r.consumers {
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
		for time.Now().Before(limit) && ever(r.pullStats()) < ever(r.laneStats())*int64(r.o.Groups) && len(r.failed) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		limit = time.Now()
	}
	r.control.ended.Store(true)
	for _, p := range r.consumers {
		_ = p.link().conn.SetReadDeadline(limit)
	}
	r.pulling.Wait()
}

func (r *run) laneStats() []*stats { return r.counts }

func (r *run) pullStats() (all []*stats) {
	for _, p := range r.consumers {
		all = append(all, p.link().stats)
	}
	return all
}

// measured are the stats that a run is about.
func (r *run) measured() []*stats {
	if len(r.consumers) > 0 {
		return r.pullStats()
	}
	return r.laneStats()
}

func (r *run) close() {
	for _, l := range r.lanes {
		l.conn.Close()
	}
	for _, p := range r.consumers {
		p.link().conn.Close()
	}
}
