package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/testkit/bench"
)

// loads is all that goes on at the same time.
type loads struct {
	cancel   context.CancelFunc
	running  sync.WaitGroup
	failed   chan error
	progress atomic.Pointer[bench.Progress] // of the steady sends
}

// begin starts the loads.
func begin(ctx context.Context, b *broker, o options) *loads {
	ctx, cancel := context.WithCancel(ctx)
	l := &loads{cancel: cancel, failed: make(chan error, 1)}
	base := func(topic string, mode bench.Mode) bench.Options {
		load := bench.Defaults()
		load.NameServers, load.Topic, load.Mode, load.Duration = []string{b.names}, topic, mode, 10*o.duration
		return load
	}
	steady := base("soak", bench.Sync)
	steady.Rate, steady.Connections = o.rate, 8
	steady.Progress = func(p bench.Progress) { l.progress.Store(&p) }
	l.steady(ctx, steady)

	tail := base("soak-tail", bench.Tail)
	tail.Rate, tail.Groups = o.rate/10, 3
	l.steady(ctx, tail)

	batches := base("soak-batch", bench.Batch)
	batches.Rate, batches.Batch, batches.Size = o.rate/2, 10, 256
	l.steady(ctx, batches)

	// Clients that come, do something, and go.
	visits := []bench.Options{base("soak-visit", bench.Sync), base("soak-half", bench.Transaction), base("soak-large", bench.Async), base("soak-visit", bench.Oneway)}
	for i := range visits {
		v := &visits[i]
		v.Duration, v.Count, v.Callers, v.Connections, v.Window = 0, 200, 20, 20, 20
	}
	visits[2].Size = 100_000
	l.visits(ctx, visits)
	return l
}

// steady runs a load for as long as it takes.
func (l *loads) steady(ctx context.Context, o bench.Options) {
	l.running.Go(func() {
		report, err := bench.Run(ctx, o)
		if err == nil {
			err = sound(report)
		}
		l.fail(fmt.Errorf("%s: %w", o.Topic, err), err != nil)
	})
}

// visits runs short loads, one after the other, again and again.
func (l *loads) visits(ctx context.Context, all []bench.Options) {
	l.running.Go(func() {
		pause := time.NewTicker(500 * time.Millisecond)
		defer pause.Stop()
		for i := 0; ; i++ {
			o := all[i%len(all)]
			report, err := bench.Run(ctx, o)
			if err == nil {
				err = sound(report)
			}
			if err != nil && ctx.Err() == nil {
				l.fail(fmt.Errorf("%s: %w", o.Topic, err), true)
				return
			}
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// sound returns what must not happen to a load. A loss is told by the queues, which
// have all that was acknowledged.
func sound(r *bench.Report) error {
	for code, n := range r.Errors {
		return fmt.Errorf("%d messages were answered with the code %d", n, code)
	}
	if r.Mode != bench.Oneway && r.Lost() > 0 {
		return fmt.Errorf("%d acknowledged messages are not in the queues", r.Lost())
	}
	return nil
}

func (l *loads) fail(err error, really bool) {
	if !really {
		return
	}
	select {
	case l.failed <- err:
	default:
	}
}

// end stops the loads and returns the first failure.
func (l *loads) end() error {
	l.cancel()
	l.running.Wait()
	select {
	case err := <-l.failed:
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	default:
		return nil
	}
}
