package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/actormq/actormq/messages"
)

// reader cuts a connection's bytes into frames.
type reader struct {
	conn       net.Conn
	buf        []byte
	start, end int
}

const readSize = 256 << 10

func newReader(conn net.Conn, size int) *reader { return &reader{conn: conn, buf: make([]byte, size)} }

// responseSize is about that of the answer to a send, in bytes, and minRead the
// smallest buffer that a lane reads into.
const (
	responseSize = 512
	minRead      = 4 << 10
)

// laneRead is the size of the buffer of a lane with so many requests in flight:
// thousands of lanes must fit into memory.
func laneRead(inFlight int) int { return min(max(inFlight*responseSize, minRead), readSize) }

// maxResponse bounds a response, in bytes.
const maxResponse = 64 << 20

// read waits for bytes and calls visit for each frame that is complete, without
// its length. The frame is valid during the call.
func (r *reader) read(visit func(frame []byte) error) error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.end == len(r.buf) {
		r.grow()
	}
	n, err := r.conn.Read(r.buf[r.end:])
	if err != nil {
		if err == io.EOF {
			return fmt.Errorf("bench: the broker closed the connection")
		}
		return fmt.Errorf("bench: %w", err)
	}
	r.end += n
	for {
		b := r.buf[r.start:r.end]
		if len(b) < 4 {
			return nil
		}
		size := int64(binary.BigEndian.Uint32(b))
		if size < 4 || size > maxResponse {
			return fmt.Errorf("bench: the broker sent a frame of %d bytes", size)
		}
		if int64(len(b)) < 4+size {
			return nil
		}
		r.start += int(4 + size)
		if err := visit(b[4 : 4+size]); err != nil {
			return err
		}
	}
}

// grow makes space behind the frame under way.
func (r *reader) grow() {
	pending := r.buf[r.start:r.end]
	if len(pending) > len(r.buf)/2 {
		r.buf = append(make([]byte, 0, 2*len(r.buf)), pending...)[:2*len(r.buf)]
	} else {
		copy(r.buf, pending)
	}
	r.start, r.end = 0, len(pending)
}

var (
	codeField   = []byte(`"code":`)
	opaqueField = []byte(`"opaque":`)
	flagField   = []byte(`"flag":`)
)

// scan returns code and opaque of a response without decoding it. It does not
// take requests of the broker for responses: those have opaques of their own.
func scan(frame []byte) (code, opaque int32, err error) {
	size := int(binary.BigEndian.Uint32(frame) & 0xFFFFFF)
	if size > len(frame)-4 {
		return 0, 0, fmt.Errorf("bench: a header of %d bytes in a frame of %d", size, len(frame))
	}
	header := frame[4 : 4+size]
	if messages.HeaderEncoding(frame[0]) == messages.BinaryHeader {
		if len(header) < 13 {
			return 0, 0, fmt.Errorf("bench: a binary header of %d bytes", len(header))
		}
		if header[12]&byte(messages.FlagResponse) == 0 {
			return 0, -1, nil
		}
		return int32(int16(binary.BigEndian.Uint16(header))), int32(binary.BigEndian.Uint32(header[5:])), nil
	}
	flag, ok := number(header, flagField)
	if !ok || flag&messages.FlagResponse == 0 {
		return 0, -1, nil
	}
	code, okCode := number(header, codeField)
	opaque, okOpaque := number(header, opaqueField)
	if !okCode || !okOpaque {
		return 0, 0, fmt.Errorf("bench: a response without code or opaque: %.200s", header)
	}
	return code, opaque, nil
}

// number returns the number that follows a field's name. Within a JSON string the
// name would have its quotes escaped.
func number(header, field []byte) (int32, bool) {
	at := bytes.Index(header, field)
	if at < 0 {
		return 0, false
	}
	rest := header[at+len(field):]
	negative := len(rest) > 0 && rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	n, digits := int32(0), 0
	for digits < len(rest) && digits < 10 && rest[digits] >= '0' && rest[digits] <= '9' {
		n = n*10 + int32(rest[digits]-'0')
		digits++
	}
	if negative {
		n = -n
	}
	return n, digits > 0
}
