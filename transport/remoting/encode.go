package remoting

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/actormq/actormq/messages"
)

// AppendFrame appends the frame of cmd, its length field included, to dst. The
// body must be smaller than 4 GiB. It allocates only to grow dst.
//
// A header that would exceed the 16 MiB of the format is not sent: a remark that
// says so takes the place of the ext fields, and a response's code becomes
// SystemError. The binary encoding has no ext fields without a key, and none
// whose key exceeds 32 KiB.
func AppendFrame(dst []byte, cmd *messages.Command) []byte {
	dst = AppendHeader(dst, cmd, len(cmd.Body))
	return append(dst, cmd.Body...)
}

// AppendHeader is AppendFrame for a body of that many bytes that is sent after
// it, whatever cmd.Body is.
func AppendHeader(dst []byte, cmd *messages.Command, body int) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(cmd.Encoding), 0, 0, 0)
	if cmd.Encoding == messages.BinaryHeader {
		dst = appendBinary(dst, cmd)
	} else {
		dst = appendJSON(dst, cmd)
	}
	header := len(dst) - start - lengthSize - prefix
	if header > maxHeader {
		return AppendHeader(dst[:start], withoutHeader(cmd), body)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(prefix+header+body))
	binary.BigEndian.PutUint32(dst[start+lengthSize:], uint32(cmd.Encoding)<<24|uint32(header))
	return dst
}

// withoutHeader returns what is sent for a command whose header is too large.
func withoutHeader(c *messages.Command) *messages.Command {
	short := *c
	short.Ext = messages.Ext{}
	short.Remark = "the header of this command exceeds 16 MiB"
	if c.IsResponse() {
		short.Code = int32(messages.SystemError)
	}
	return &short
}

func appendBinary(dst []byte, cmd *messages.Command) []byte {
	be := binary.BigEndian
	dst = be.AppendUint16(dst, uint16(cmd.Code))
	dst = append(dst, byte(cmd.Language))
	dst = be.AppendUint16(dst, uint16(cmd.Version))
	dst = be.AppendUint32(dst, uint32(cmd.Opaque))
	dst = be.AppendUint32(dst, uint32(cmd.Flag))
	dst = be.AppendUint32(dst, uint32(len(cmd.Remark)))
	dst = append(dst, cmd.Remark...)
	length := len(dst)
	dst = be.AppendUint32(dst, 0)
	for _, f := range cmd.Ext.Fields() {
		if len(f.Key) == 0 || len(f.Key) > math.MaxInt16 {
			continue // cannot be said in this encoding
		}
		dst = be.AppendUint16(dst, uint16(len(f.Key)))
		dst = append(dst, f.Key...)
		dst = be.AppendUint32(dst, uint32(len(f.Value)))
		dst = append(dst, f.Value...)
	}
	be.PutUint32(dst[length:], uint32(len(dst)-length-4))
	return dst
}

// appendJSON writes the members in the order of their names, as Java does, and
// every ext value as a string, without which the Go client drops the frame.
func appendJSON(dst []byte, cmd *messages.Command) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(cmd.Code), 10)
	if cmd.Ext.Len() > 0 {
		dst = append(dst, `,"extFields":{`...)
		for i, f := range cmd.Ext.Fields() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, f.Key)
			dst = append(dst, ':')
			dst = appendString(dst, f.Value)
		}
		dst = append(dst, '}')
	}
	dst = append(dst, `,"flag":`...)
	dst = strconv.AppendInt(dst, int64(cmd.Flag), 10)
	dst = append(dst, `,"language":"`...)
	dst = append(dst, cmd.Language.String()...)
	dst = append(dst, `","opaque":`...)
	dst = strconv.AppendInt(dst, int64(cmd.Opaque), 10)
	if cmd.Remark != "" {
		dst = append(dst, `,"remark":`...)
		dst = appendString(dst, []byte(cmd.Remark)) // the compiler makes no copy
	}
	dst = append(dst, `,"serializeTypeCurrentRPC":"JSON","version":`...)
	dst = strconv.AppendInt(dst, int64(cmd.Version), 10)
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendString writes text as a JSON string. Bytes that are no UTF-8 become
// U+FFFD: a header that cannot be parsed would cost the client its connection.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; ; {
		end := plain(text, i)
		dst = append(dst, text[i:end]...)
		if end == len(text) {
			return append(dst, '"')
		}
		c := text[end]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[end:])
			dst = utf8.AppendRune(dst, r)
			i = end + n
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i = end + 1
	}
}

// plain returns the index of the first byte at or behind i that is no printable
// ASCII character or needs an escape, len(b) if there is none. Like special it
// looks at eight bytes at a time.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := word^ones*'"', word^ones*'\\'
		found := (quote-ones)&^quote | (backslash-ones)&^backslash | (word-ones*' ')&^word | word
		if found &= highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}
