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

func (c *Cluster) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.patience)
}

// await fails the test unless a condition comes to hold, which says by an error why
// it does not.
func (c *Cluster) await(what string, holds func(context.Context) error) {
	c.t.Helper()
	ctx, cancel := c.patient()
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
			c.t.Fatalf("testkit: waited %v for %s: %v", c.patience, what, why)
			return
		case <-again.C:
		}
	}
}
