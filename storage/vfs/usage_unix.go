//go:build linux || darwin || freebsd

package vfs

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func (osFS) Usage(dir string) (Usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Usage{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	// As df and Java have it: what only root may use does not count as free.
	used, free, block := int64(s.Blocks-s.Bfree), int64(s.Bavail), int64(s.Bsize)
	return Usage{Total: (used + free) * block, Free: free * block}, nil
}
