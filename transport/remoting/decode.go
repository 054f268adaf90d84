package remoting

import (
	"encoding/binary"
	"fmt"

	"github.com/actormq/actormq/messages"
)

// FrameError says why bytes are no frame. The connection that they came from is
// beyond repair.
type FrameError struct{ Reason string }

func (e *FrameError) Error() string { return "remoting: " + e.Reason }

// ErrTLS is the *FrameError of a client that begins a TLS handshake.
var ErrTLS error = &FrameError{Reason: "a TLS handshake where a frame should begin; TLS is not enabled"}

func malformed(format string, args ...any) error {
	return &FrameError{Reason: fmt.Sprintf(format, args...)}
}

// lengthSize is the size of the length field, prefix that of the encoding and
// the header's length.
const (
	lengthSize = 4
	prefix     = 4
)

const (
	// maxHeader is the largest header, in bytes: its length has 24 bits.
	maxHeader = 1<<24 - 1
	// maxFields bounds the ext fields of a header. Commands have fewer than forty;
	// a field in memory is larger than the smallest one in a frame.
	maxFields = 4096
)

var errFields = &FrameError{Reason: "a header of more ext fields than any command has"}

// Decode decodes a frame, without its length field, into cmd, which is reset
// first. cmd's ext fields and body alias frame, which Decode may modify. It fails
// with a *FrameError and allocates only for a remark or an error.
func Decode(frame []byte, cmd *messages.Command) error {
	cmd.Reset()
	if len(frame) < prefix {
		return malformed("a frame of %d bytes", len(frame))
	}
	header := int(binary.BigEndian.Uint32(frame) & maxHeader)
	if header > len(frame)-prefix {
		return malformed("a header of %d bytes in a frame of %d", header, len(frame))
	}
	body := frame[prefix+header:]
	var err error
	switch encoding := messages.HeaderEncoding(frame[0]); encoding {
	case messages.JSONHeader:
		err = decodeJSON(frame[prefix:prefix+header], cmd)
	case messages.BinaryHeader:
		cmd.Encoding = encoding
		err = decodeBinary(frame[prefix:prefix+header], cmd)
	default:
		err = malformed("the header encoding %d", encoding)
	}
	if len(body) > 0 {
		cmd.Body = body[:len(body):len(body)]
	}
	return err
}

// binaryFixed is the size of a binary header without remark and ext fields.
const binaryFixed = 2 + 1 + 2 + 4 + 4

func decodeBinary(b []byte, cmd *messages.Command) error {
	be := binary.BigEndian
	if len(b) < binaryFixed+8 {
		return malformed("a binary header of %d bytes", len(b))
	}
	cmd.Code = int32(int16(be.Uint16(b)))
	cmd.Language = messages.Language(b[2])
	cmd.Version = int32(int16(be.Uint16(b[3:])))
	cmd.Opaque = int32(be.Uint32(b[5:]))
	cmd.Flag = int32(be.Uint32(b[9:]))
	remark, b, ok := cut32(b[binaryFixed:])
	if !ok {
		return malformed("a remark that exceeds its header")
	}
	cmd.Remark = string(remark)
	ext, _, ok := cut32(b)
	if !ok {
		return malformed("ext fields that exceed their header")
	}
	for len(ext) > 0 {
		if len(ext) < 2 {
			return malformed("an ext field that is cut off")
		}
		n := int(be.Uint16(ext))
		if n > len(ext)-2 {
			return malformed("an ext key of %d bytes in the last %d", n, len(ext)-2)
		}
		key := ext[2 : 2+n]
		var value []byte
		if value, ext, ok = cut32(ext[2+n:]); !ok {
			return malformed("an ext value that exceeds its header")
		}
		// Java reads an empty value as null, which is an absent field.
		if len(key) > 0 && len(value) > 0 {
			if cmd.Ext.Len() == maxFields {
				return errFields
			}
			cmd.Ext.Append(key, value)
		}
	}
	return nil
}

// cut32 takes a chunk with a length of four bytes off b.
func cut32(b []byte) (chunk, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int64(int32(binary.BigEndian.Uint32(b)))
	if n < 0 || n > int64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n : 4+n], b[4+n:], true
}
