package env

import "golang.org/x/sys/unix"

// hostMemory returns the machine's memory in bytes, or a modest guess.
func hostMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return guessedMemory
	}
	return int64(info.Totalram) * int64(info.Unit)
}

const guessedMemory = 4 << 30
