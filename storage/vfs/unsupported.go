//go:build !(linux || darwin || freebsd)

package vfs

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// A store needs a lock that the other process respects, so it does not open on
// systems whose locks nobody has tried.

func (osFS) Lock(name string) (io.Closer, error) {
	return nil, fmt.Errorf("%s: locks on %s: %w", name, runtime.GOOS, errors.ErrUnsupported)
}

func (osFS) Usage(dir string) (Usage, error) {
	return Usage{}, fmt.Errorf("%s: disk usage on %s: %w", dir, runtime.GOOS, errors.ErrUnsupported)
}
