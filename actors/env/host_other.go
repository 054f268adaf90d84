//go:build !linux

package env

// hostMemory returns a modest guess of the machine's memory, in bytes.
func hostMemory() int64 { return 4 << 30 }
