//go:build !linux

package bench

import "time"

// pacer waits with the runtime's timers.
type pacer struct{}

func newPacer() (*pacer, error) { return &pacer{}, nil }

func (*pacer) wait(d time.Duration) error {
	time.Sleep(d)
	return nil
}

func (*pacer) close() {}
