package swarm

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Explored sums up many runs.
type Explored struct {
	Runs, Steps                  int
	Virtual, Real                time.Duration
	Sent, Acknowledged, Consumed int
	Faults                       map[string]int
	Coverage                     map[string]map[string]int
	// Failed are the runs that failed, by seed.
	Failed []*Result
}

// Explore runs the plans of seeds from first on, on so many goroutines, until a
// number of runs or a time is over (0: no limit), or enough runs have failed.
func Explore(first uint64, runs int, budget time.Duration, failures, workers int) *Explored {
	e := &Explored{Faults: make(map[string]int), Coverage: make(map[string]map[string]int)}
	begin := time.Now()
	var mu sync.Mutex
	var next atomic.Uint64
	var enough atomic.Bool
	work := func() {
		for {
			n := next.Add(1) - 1
			if enough.Load() || runs > 0 && n >= uint64(runs) || budget > 0 && time.Since(begin) > budget {
				return
			}
			result := Run(Draw(first+n), nil)
			mu.Lock()
			e.add(result)
			enough.Store(failures > 0 && len(e.Failed) >= failures)
			mu.Unlock()
		}
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(work)
	}
	all.Wait()
	e.Real = time.Since(begin)
	slices.SortFunc(e.Failed, func(a, b *Result) int { return cmp.Compare(a.Plan.Seed, b.Plan.Seed) })
	return e
}

func (e *Explored) add(r *Result) {
	e.Runs++
	e.Steps += r.Steps
	e.Virtual += r.Virtual
	e.Sent += r.Sent
	e.Acknowledged += r.Acknowledged
	e.Consumed += r.Consumed
	for kind, n := range r.Faults {
		e.Faults[kind] += n
	}
	for kind, met := range r.Coverage {
		if e.Coverage[kind] == nil {
			e.Coverage[kind] = make(map[string]int)
		}
		for op, n := range met {
			e.Coverage[kind][op] += n
		}
	}
	if r.Err != nil {
		e.Failed = append(e.Failed, r)
	}
}

// Report writes what was explored: how much, which faults struck, and which
// requests were under way then.
func (e *Explored) Report(w io.Writer) {
	seconds := max(e.Real.Seconds(), 1e-9)
	fmt.Fprintf(w, "%d seeds in %.1f s (%.1f a second), %.1f simulated hours (%.0f simulated seconds a second)\n",
		e.Runs, seconds, float64(e.Runs)/seconds, e.Virtual.Hours(), e.Virtual.Seconds()/seconds)
	fmt.Fprintf(w, "%d messages sent, %d acknowledged, %d consumed by groups\n", e.Sent, e.Acknowledged, e.Consumed)
	columns := ops(e.Coverage)
	fmt.Fprintf(w, "\nfaults that struck, and the requests that were under way\n\n%-18s%8s", "", "times")
	for i := range columns {
		fmt.Fprintf(w, "%7s", fmt.Sprintf("[%d]", i+1))
	}
	fmt.Fprintln(w)
	for _, kind := range slices.Sorted(maps.Keys(e.Faults)) {
		fmt.Fprintf(w, "%-18s%8d", kind, e.Faults[kind])
		for _, op := range columns {
			fmt.Fprintf(w, "%7s", strings.Replace(fmt.Sprintf("%6d", e.Coverage[kind][op]), "     0", "     ·", 1))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	for i, op := range columns {
		fmt.Fprintf(w, "[%d] %s\n", i+1, op)
	}
}
