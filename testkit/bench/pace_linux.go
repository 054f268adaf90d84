package bench

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// minWait is the shortest wait: what is due within it is sent together.
const minWait = 50 * time.Microsecond

// pacer waits more precisely than the runtime's timers, whose grain is a
// millisecond.
type pacer struct {
	fd    int
	timer *os.File
	buf   [8]byte
}

func newPacer() (*pacer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("bench: timer: %w", err)
	}
	return &pacer{fd: fd, timer: os.NewFile(uintptr(fd), "timer")}, nil
}

func (p *pacer) wait(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, minWait)))}
	if err := unix.TimerfdSettime(p.fd, 0, &spec, nil); err != nil {
		return fmt.Errorf("bench: timer: %w", err)
	}
	if _, err := p.timer.Read(p.buf[:]); err != nil {
		return fmt.Errorf("bench: timer: %w", err)
	}
	return nil
}

func (p *pacer) close() { p.timer.Close() }
