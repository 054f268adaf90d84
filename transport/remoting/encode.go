package remoting

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/actormq/actormq/messages"
)

// AppendFrame appends the frame of cmd, its length field included, to dst. The
// ext values must be shorter than 2 GiB, the keys shorter than 32 KiB, and the
// header below 16 MiB. It allocates only to grow dst.
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
	binary.BigEndian.PutUint32(dst[start:], uint32(prefix+header+body))
	binary.BigEndian.PutUint32(dst[start+lengthSize:], uint32(cmd.Encoding)<<24|uint32(header))
	return dst
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
		dst = appendString(dst, cmd.Remark)
	}
	dst = append(dst, `,"serializeTypeCurrentRPC":"JSON","version":`...)
	dst = strconv.AppendInt(dst, int64(cmd.Version), 10)
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendString writes text as a JSON string. Bytes that are no UTF-8 become
// U+FFFD: a header that cannot be parsed would cost the client its connection.
func appendString[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	plain := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := decodeRune(text, i)
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(dst, text[plain:i]...)
			dst = utf8.AppendRune(dst, utf8.RuneError)
			i++
			plain = i
			continue
		}
		dst = append(dst, text[plain:i]...)
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
		i++
		plain = i
	}
	dst = append(dst, text[plain:]...)
	return append(dst, '"')
}

// decodeRune decodes the rune at text[i:] of either type.
func decodeRune[T string | []byte](text T, i int) (rune, int) {
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], text[i:min(i+utf8.UTFMax, len(text))])
	return utf8.DecodeRune(buf[:n])
}
