package messages

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A slave dials its master's HA port. From then on two streams of big-endian
// numbers go over the connection, without a handshake (RocketMQ: DefaultHAClient,
// DefaultHAConnection):
//
//	slave → master, repeated
//	  0  8  report: the end of the slave's log, a physical offset
//
//	master → slave, repeated
//	  0  8  physical offset of the first byte of the body
//	  8  4  size of the body; 0 in a heartbeat
//	 12  …  body: bytes of the log as they are, cut anywhere, within one segment
//
// A report is the request where to begin, the acknowledgement of what came
// before, and a sign of life. The master is silent until the first one.
const (
	HAReportSize = 8
	HAHeaderSize = 12
	// MaxHAFrame bounds a frame with its header, in bytes: it is the size of the
	// buffer into which a Java slave reads (DefaultHAClient.READ_MAX_BUFFER_SIZE).
	MaxHAFrame = 4 << 20
	// MaxHABody bounds the body of a frame, in bytes.
	MaxHABody = MaxHAFrame - HAHeaderSize
)

// AppendHAReport appends a slave's report.
func AppendHAReport(dst []byte, offset int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(offset))
}

// HAReports decodes the stream of a slave's reports, whose bytes may come in any
// pieces. The zero value is at the beginning of a stream.
type HAReports struct {
	part [HAReportSize]byte // of a report that has not come whole
	have int
}

// Next takes bytes from b up to the end of a report, and returns its offset and
// the bytes that follow it. It reports false when b ends before the report does;
// it has taken all of b then. An offset is whatever the slave wrote, also a
// negative one.
func (r *HAReports) Next(b []byte) (offset int64, rest []byte, ok bool) {
	n := copy(r.part[r.have:], b)
	if r.have += n; r.have < HAReportSize {
		return 0, nil, false
	}
	r.have = 0
	return int64(binary.BigEndian.Uint64(r.part[:])), b[n:], true
}

// HAHeader is the header of a master's frame.
type HAHeader struct {
	Offset int64 // physical offset of the first byte of the body
	Size   int   // of the body in bytes; 0 is a heartbeat
}

// Append appends the header's encoding.
func (h HAHeader) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Offset))
	return binary.BigEndian.AppendUint32(dst, uint32(h.Size))
}

// HAHeaderError says that a header cannot be one of a master's.
type HAHeaderError struct{ HAHeader }

func (e *HAHeaderError) Error() string {
	return fmt.Sprintf("messages: a frame of %d bytes at the offset %d is not one of a master's", e.Size, e.Offset)
}

// ParseHAHeader decodes the header in the first HAHeaderSize bytes of b, which
// must be there. It fails with a *HAHeaderError on a negative number, a body of
// more than MaxHABody bytes, or one that would end behind the largest offset.
func ParseHAHeader(b []byte) (HAHeader, error) {
	h := HAHeader{
		Offset: int64(binary.BigEndian.Uint64(b)),
		Size:   int(int32(binary.BigEndian.Uint32(b[8:]))),
	}
	if h.Offset < 0 || h.Size < 0 || h.Size > MaxHABody || h.Offset > math.MaxInt64-int64(h.Size) {
		return HAHeader{}, &HAHeaderError{h}
	}
	return h, nil
}
