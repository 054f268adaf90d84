package bench

import (
	"context"
	"time"
)

// Progress is what happened since the last one.
type Progress struct {
	Elapsed time.Duration // since the measuring began, negative in the warm-up
	Rate    float64       // messages a second
	Latency Latency
	Errors  int64 // messages refused since the measuring began
}

// measure runs the load. What is measured is the time between the end of the
// warm-up and the beginning of the stop.
func (r *run) measure(ctx context.Context) (*Report, error) {
	if r.o.Count > 0 && r.o.Warmup == 0 {
		r.control.left.Store(r.o.Count) // before the first message, which may be quick
	}
	r.startAll()
	done := make(chan struct{})
	go func() {
		r.sending.Wait()
		if r.o.Mode.reads() {
			r.pulling.Wait()
		}
		close(done)
	}()
	var err error
	if r.o.Warmup > 0 {
		err = r.watch(ctx, -r.o.Warmup, r.o.Warmup, done)
	}
	if r.o.Count > 0 && r.o.Warmup > 0 {
		r.control.left.Store(r.o.Count)
	}
	if r.o.Warmup > 0 { // without it everything counts from the start on
		for _, s := range append(r.laneStats(), r.pullStats()...) {
			s.reset()
		}
	}
	usage, usageErr := usageNow(r.o.PID)
	if err == nil {
		err = usageErr
	}
	began := time.Now()
	if err == nil && (r.o.Duration > 0 || r.o.Count > 0 || r.o.Mode.reads()) {
		err = r.watch(ctx, 0, r.o.Duration, done)
	}
	report := newReport(r.o, take(r.measured()), time.Since(began))
	if r.o.Mode == Tail {
		acks := latencyOf(take(r.laneStats()).total)
		report.Acks = &acks
	}
	if err == nil {
		err = report.use(usage, r.o.PID)
	}
	r.stop()
	<-done
	select {
	case failed := <-r.failed:
		err = failed
	default:
	}
	report.Acknowledged = ever(r.laneStats())
	report.Read = ever(r.pullStats())
	return report, err
}

// watch reports progress for the time d, unlimited if it is 0, or until the load
// ends, ctx ends or something fails. elapsed is what the progress begins with.
func (r *run) watch(ctx context.Context, elapsed, d time.Duration, done <-chan struct{}) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var end <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		end = timer.C
	}
	began, last, before := time.Now(), time.Now(), take(r.measured()).done
	for {
		select {
		case <-end:
			return nil
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return err
		case now := <-tick.C:
			t := take(r.measured())
			if r.o.Progress != nil {
				r.o.Progress(Progress{
					Elapsed: elapsed + now.Sub(began), Rate: float64(t.done-before) / now.Sub(last).Seconds(),
					Latency: latencyOf(t.recent), Errors: t.refused(),
				})
			}
			last, before = now, t.done
		}
	}
}
