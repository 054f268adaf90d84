//go:build !linux

package bench

import (
	"errors"
	"time"
)

func cpuOf(int) (time.Duration, error) {
	return 0, errors.New("bench: the CPU time of another process is known on Linux only")
}

func memoryOf(int) (now, peak int64, err error) {
	return 0, 0, errors.New("bench: the memory of another process is known on Linux only")
}

func ownCPU() time.Duration { return 0 }
