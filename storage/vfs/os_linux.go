package vfs

import (
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVectors is the system's limit of buffers per call (IOV_MAX).
const maxVectors = 1024

// vectors are the argument of pwritev, kept from call to call: a log writes a
// group of records thousands of times a second.
var vectors = sync.Pool{New: func() any { v := make([]unix.Iovec, 0, maxVectors); return &v }}

func writeVec(f *os.File, bufs [][]byte, off int64) error {
	for len(bufs) > 0 {
		group := bufs[:min(len(bufs), maxVectors)]
		bufs = bufs[len(group):]
		n, err := pwritev(f, group, off)
		if err != nil {
			return err
		}
		// The rest of a short write, which disks hardly ever do, goes buffer by
		// buffer.
		for _, b := range group {
			written := min(n, len(b))
			n -= written
			if written < len(b) {
				if _, err := f.WriteAt(b[written:], off+int64(written)); err != nil {
					return err
				}
			}
			off += int64(len(b))
		}
	}
	return nil
}

func pwritev(f *os.File, bufs [][]byte, off int64) (int, error) {
	v := vectors.Get().(*[]unix.Iovec)
	list := (*v)[:0]
	for _, b := range bufs {
		if len(b) > 0 {
			list = append(list, unix.Iovec{Base: &b[0]})
			list[len(list)-1].SetLen(len(b))
		}
	}
	defer func() {
		runtime.KeepAlive(f)
		clear(list) // the pool must not keep the buffers alive
		*v = list[:0]
		vectors.Put(v)
	}()
	if len(list) == 0 {
		return 0, nil
	}
	for {
		// The kernel joins the two halves of the offset; the upper one is void on
		// 64 bits (pwritev(2)).
		n, _, errno := unix.Syscall6(unix.SYS_PWRITEV, f.Fd(), uintptr(unsafe.Pointer(&list[0])), uintptr(len(list)),
			uintptr(off), uintptr(off>>32), 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

func reserve(f *os.File, size int64) error { return fallocate(f, 0, 0, size) }

func zeroRange(f *os.File, off, n int64) error {
	return fallocate(f, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// fallocate fails with an error that is errors.ErrUnsupported where the
// filesystem cannot.
func fallocate(f *os.File, mode uint32, off, n int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), mode, off, n); err != unix.EINTR {
			return err
		}
	}
}
