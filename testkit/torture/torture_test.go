package torture

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/history"
)

const (
	topic     = "torture"
	queues    = 8
	loaders   = 4
	fullEvery = 25 // rounds between two complete reads
	overlap   = 50 // messages that are read again in between
)

// TestTorture needs ACTORMQ_BINARY, which `make torture` sets. TORTURE_SEED
// repeats the choices of a run, not the timing of its processes.
func TestTorture(t *testing.T) {
	binary := os.Getenv("ACTORMQ_BINARY")
	if binary == "" {
		t.Skip("needs a broker: make torture")
	}
	rounds := number(t, "TORTURE_ROUNDS", 20)
	seed := number(t, "TORTURE_SEED", int(time.Now().UnixNano()&0xffffff))
	t.Logf("%d rounds, TORTURE_SEED=%d", rounds, seed)

	run := newRun(t, binary, uint64(seed))
	for round := range rounds {
		if err := run.round(round%fullEvery == fullEvery-1); err != nil {
			t.Fatalf("round %d: %v\nthe broker's last words:\n%s", round+1, err, &run.broker.output)
		}
	}
	if err := run.check(true); err != nil {
		t.Fatalf("after the last round: %v\nthe broker's last words:\n%s", err, &run.broker.output)
	}
	require.NoError(t, run.broker.kill())
	require.Positive(t, run.history.Acknowledgements())
	t.Logf("%d kills, %d of them during recovery; %d messages sent, %d acknowledged, all there",
		rounds, run.early, run.history.Total(), run.history.Acknowledgements())
	half := len(run.starts) / 2
	t.Logf("from start to first answer: median %v in the first half of the rounds, %v in the second, when the store is larger; longest %v",
		median(run.starts[:half]), median(run.starts[half:]), slices.Max(run.starts).Round(time.Millisecond))
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2].Round(time.Millisecond)
}

func number(t *testing.T, variable string, absent int) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(absent)))
	require.NoError(t, err, variable)
	return n
}

type run struct {
	broker  *broker
	random  *rand.Rand
	history *history.History
	queues  []history.Queue
	loaders []*loader
	read    map[history.Queue]int64 // ends of the queues as last read
	starts  []time.Duration
	early   int
}

func newRun(t *testing.T, binary string, seed uint64) *run {
	r := &run{
		broker:  newBroker(t, binary),
		random:  rand.New(rand.NewPCG(seed, 1)),
		history: history.New(),
		read:    make(map[history.Queue]int64),
	}
	for id := range int32(queues) {
		r.queues = append(r.queues, history.Queue{Topic: topic, ID: id})
	}
	for id := range uint32(loaders) {
		r.loaders = append(r.loaders, &loader{id: id + 1, queues: r.queues})
	}
	t.Cleanup(func() {
		if r.broker.process != nil {
			_ = r.broker.kill()
		}
	})
	return r
}

// round is one life of the broker.
func (r *run) round(complete bool) error {
	if r.random.IntN(6) == 0 {
		return r.killEarly()
	}
	if err := r.check(complete); err != nil {
		return err
	}
	return r.loadAndKill(r.random.IntN(1500))
}

// killEarly kills the broker while it starts.
func (r *run) killEarly() error {
	r.early++
	if err := r.broker.start(); err != nil {
		return err
	}
	select {
	case <-time.After(time.Duration(r.random.IntN(100)) * time.Millisecond):
	case <-r.broker.exited:
	}
	return r.broker.kill()
}

// check starts the broker and compares what it holds with the history. Between
// complete checks only the ends of the queues are read.
func (r *run) check(complete bool) error {
	begin := time.Now()
	if err := r.broker.start(); err != nil {
		return err
	}
	c, err := r.broker.ready(topic, queues)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	r.starts = append(r.starts, time.Since(begin))
	for _, q := range r.queues {
		from := max(r.read[q]-overlap, 0)
		if complete {
			from = 0
		}
		first, end, err := c.readQueue(r.history, q, from)
		if err != nil {
			return err
		}
		if end < r.read[q] || first != 0 {
			return fmt.Errorf("torture: %v has [%d, %d), and had %d", q, first, end, r.read[q])
		}
		if err := r.history.Whole(q, 0, end); err != nil {
			return err
		}
		r.read[q] = end
	}
	return nil
}

// loadAndKill loads the broker and kills it after so many acknowledgements.
func (r *run) loadAndKill(acks int) error {
	var left atomic.Int64
	left.Store(int64(acks))
	enough := make(chan struct{})
	acked := func() {
		if left.Add(-1) == -1 {
			close(enough)
		}
	}
	var loading sync.WaitGroup
	failures := make(chan error, loaders)
	for _, l := range r.loaders {
		loading.Go(func() {
			if err := l.load(r.broker.addr, r.history, acked); err != nil {
				failures <- err
			}
		})
	}
	var err error
	select {
	case <-enough:
	case err = <-failures:
	case <-r.broker.exited:
	}
	if killErr := r.broker.kill(); err == nil {
		err = killErr
	}
	loading.Wait()
	if len(failures) > 0 && err == nil {
		err = <-failures
	}
	return err
}
