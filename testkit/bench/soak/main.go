// Command soak runs a broker for a long time under mixed load, and fails if it
// grows: its memory, goroutines, descriptors, or the disk that it takes. `make
// soak` runs it.
//
// The load is small next to what a broker can take, and of many kinds: sends at
// a rate, batches, three groups that follow a topic, readers that catch up,
// transactions, and clients that come and go. The broker is a process of its own
// with small segments that expire at once, so that expiry has something to do all
// the time. Samples are taken once per interval. Growth is the difference between
// the medians of the second and of the last quarter of them: the first quarter may
// grow.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/actormq", "actormq's executable")
	flag.DurationVar(&o.duration, "duration", 30*time.Minute, "time to run")
	flag.DurationVar(&o.interval, "interval", 0, "time between two samples; 0 takes 120 of them, but one per 2 s at most")
	flag.Float64Var(&o.rate, "rate", 5000, "messages a second of the steady senders")
	flag.Parse()
	if o.interval == 0 {
		o.interval = max(o.duration/120, 2*time.Second)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type options struct {
	binary             string
	duration, interval time.Duration
	rate               float64
}

// run returns what is wrong with a broker under load.
func run(ctx context.Context, o options) error {
	b, err := start(ctx, o.binary)
	if err != nil {
		return err
	}
	defer b.stop()
	loads := begin(ctx, b, o)
	samples, err := watch(ctx, b, loads, o)
	failed := loads.end()
	if err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("load: %w", failed)
	}
	if err := judge(samples); err != nil {
		return err
	}
	return b.stop()
}

// watch samples until the time is over, a load fails or the broker ends.
func watch(ctx context.Context, b *broker, l *loads, o options) (samples []sample, err error) {
	tick := time.NewTicker(o.interval)
	defer tick.Stop()
	began := time.Now()
	fmt.Println("   time   resident  goroutines  descriptors  segments  first  p50, µs  p99.9, µs  messages/s")
	for time.Since(began) < o.duration {
		select {
		case <-tick.C:
		case err := <-l.failed:
			return nil, fmt.Errorf("load: %w", err)
		case <-b.ended:
			return nil, fmt.Errorf("the broker ended: %s", b.tail())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s, err := b.sample()
		if err != nil {
			return nil, err
		}
		p := l.progress.Load()
		if p != nil {
			s.p50, s.p999, s.rate = p.Latency.P50, p.Latency.P999, p.Rate
		}
		samples = append(samples, s)
		fmt.Printf("%7.0f  %5.0f MiB  %10.0f  %11.0f  %8.0f  %5.0f  %7.0f  %9.0f  %10.0f\n", time.Since(began).Seconds(),
			s.resident/(1<<20), s.goroutines, s.descriptors, s.segments, s.first, s.p50, s.p999, s.rate)
	}
	return samples, nil
}
