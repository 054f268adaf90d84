//go:build !unix

package tcp

import (
	"net"

	"github.com/actormq/actormq/transport"
)

// newInput returns the way to read from c into r's buffers.
func newInput(c net.Conn, r transport.Receiver) interface{ read() (int, error) } {
	return &streamInput{c, r}
}
