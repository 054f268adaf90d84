//go:build unix

package tcp

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/actormq/actormq/transport"
)

// newInput returns the way to read from c into r's buffers.
func newInput(c net.Conn, r transport.Receiver) interface{ read() (int, error) } {
	idler, idles := r.(transport.Idler)
	plain, ok := c.(*net.TCPConn)
	if !idles || !ok {
		return &streamInput{c, r}
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return &streamInput{c, r}
	}
	in := &idleInput{raw: raw, r: r, idler: idler}
	in.attempt = in.try
	return in
}

// idleInput takes a buffer only when there may be something to read, and gives it
// back before it waits: thousands of idle connections hold no read buffers.
type idleInput struct {
	raw     syscall.RawConn
	r       transport.Receiver
	idler   transport.Idler
	attempt func(fd uintptr) bool // try, made once
	n       int
	err     error
}

func (in *idleInput) read() (int, error) {
	if err := in.raw.Read(in.attempt); err != nil {
		return 0, err
	}
	return in.n, in.err
}

// try reads once, and reports false if it has to wait for the socket. It must not
// call into the Receiver beyond its buffer: to close a socket from here would
// wait for ourselves.
func (in *idleInput) try(fd uintptr) bool {
	buf := in.r.Buffer()
	for {
		n, err := syscall.Read(int(fd), buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			in.idler.Idle()
			return false
		case err != nil:
			in.n, in.err = 0, os.NewSyscallError("read", err)
		case n == 0:
			in.n, in.err = 0, io.EOF
		default:
			in.n, in.err = n, nil
		}
		return true
	}
}
