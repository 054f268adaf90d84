package guard

import (
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// cost is what a slice of work took: CPU time, and allocations.
type cost struct {
	cpu    time.Duration
	allocs float64
}

// slices of a measure take turns with those of its unit.
const turns = 15

// compare returns the median ratio of work's CPU time per operation to that of
// unit, and the fewest allocations per operation of work. Each call does the given
// number of operations; the first turn warms up.
func compare(unit, work func() (cost, error), units, works int) (ratio, allocs float64, err error) {
	var ratios, counts []float64
	for i := range turns + 1 {
		u, err := unit()
		if err != nil {
			return 0, 0, err
		}
		w, err := work()
		if err != nil {
			return 0, 0, err
		}
		if i == 0 {
			continue
		}
		ratios = append(ratios, w.cpu.Seconds()/float64(works)/(u.cpu.Seconds()/float64(units)))
		counts = append(counts, w.allocs/float64(works))
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2], slices.Min(counts), nil
}

// alone runs f n times on one thread and returns what it cost.
func alone(n int, f func(i int) error) (c cost, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, began := mallocs(), clock(unix.CLOCK_THREAD_CPUTIME_ID)
	for i := range n {
		if err := f(i); err != nil {
			return c, err
		}
	}
	return cost{clock(unix.CLOCK_THREAD_CPUTIME_ID) - began, mallocs() - before}, nil
}

// process runs f and returns what the whole process used.
func process(f func() error) (c cost, err error) {
	before, began := mallocs(), clock(unix.CLOCK_PROCESS_CPUTIME_ID)
	err = f()
	return cost{clock(unix.CLOCK_PROCESS_CPUTIME_ID) - began, mallocs() - before}, err
}

func clock(id int32) time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

func mallocs() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}
