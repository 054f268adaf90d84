package haclient

import (
	"encoding/binary"
	"fmt"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// GapError says that a master's frame does not begin where the slave's log ends.
type GapError struct{ Master, Slave int64 }

func (e *GapError) Error() string {
	kind := "leaves a gap"
	if e.Master < e.Slave {
		kind = "overlaps"
	}
	return fmt.Sprintf("haclient: a frame at the offset %d %s: the slave's log ends at %d", e.Master, kind, e.Slave)
}

// DivergedError says that what a master has at the end of the slave's log is no
// message: its log is another one than the slave's. An operator has to decide which
// is right, and to remove the other broker's store.
type DivergedError struct{ Offset int64 }

func (e *DivergedError) Error() string {
	return fmt.Sprintf("haclient: the master has no message at %d, where the slave's log ends: the two logs are not the same", e.Offset)
}

// frames takes a master's stream apart. The zero value is at its beginning.
type frames struct {
	header [messages.HAHeaderSize]byte
	have   int // bytes of header
	frame  messages.HAHeader
	left   int // bytes of its body that have not come
}

// next takes bytes from b and returns the part of a body that they begin with, if
// any, the offset that it belongs at, and the rest. begun says that a header was
// completed, frame is it. It takes all of b at last; call it until rest is empty.
func (f *frames) next(b []byte) (part []byte, at int64, begun bool, rest []byte, err error) {
	if f.left == 0 {
		n := copy(f.header[f.have:], b)
		f.have += n
		if f.have < messages.HAHeaderSize {
			return nil, 0, false, nil, nil
		}
		f.have = 0
		if f.frame, err = messages.ParseHAHeader(f.header[:]); err != nil {
			return nil, 0, false, nil, err
		}
		f.left = f.frame.Size
		return nil, f.frame.Offset, true, b[n:], nil
	}
	part = b[:min(f.left, len(b))]
	at = f.frame.Offset + int64(f.frame.Size-f.left)
	f.left -= len(part)
	return part, at, false, b[len(part):], nil
}

// offsetInRecord is where a record says at which offset it is, and beginSize the
// bytes up to there (see messages/record).
const (
	offsetInRecord = 28
	beginSize      = offsetInRecord + 8
)

// begins reports whether b can be the beginning of a record at an offset, or of the
// blank that ends a segment. What is too short to tell can.
func begins(b []byte, offset, segment int64) bool {
	if len(b) < record.BlankSize {
		return true
	}
	switch binary.BigEndian.Uint32(b[4:]) {
	case record.MagicBlank:
		return int64(binary.BigEndian.Uint32(b)) == segment-offset%segment
	case record.MagicV1, record.MagicV2:
		return len(b) < beginSize || int64(binary.BigEndian.Uint64(b[offsetInRecord:])) == offset
	}
	return false
}
