package testkit

import (
	"context"
	"time"
)

// DefaultPatience is how long the methods that await something wait, unless
// WithPatience says otherwise.
const DefaultPatience = 10 * time.Second

// look is the time between two looks at what is awaited.
const look = time.Millisecond

func (b *Broker) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), b.patience)
}

// await fails the test unless a condition comes to hold, which says by an error why
// it does not.
func (b *Broker) await(what string, holds func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := b.patient()
	defer cancel()
	again := time.NewTicker(look)
	defer again.Stop()
	for why := error(nil); ; {
		err := holds(ctx)
		if err == nil {
			return
		}
		if why == nil || ctx.Err() == nil {
			why = err
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("testkit: waited %v for %s: %v", b.patience, what, why)
			return
		case <-again.C:
		}
	}
}
