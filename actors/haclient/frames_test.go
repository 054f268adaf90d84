package haclient

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// taken is what a stream says: the body, by where it belongs, and the headers.
type taken struct {
	body    map[int64]byte
	headers []messages.HAHeader
}

// take reads a stream in pieces of the given size.
func take(stream []byte, piece int) (t taken, err error) {
	t.body = make(map[int64]byte)
	var f frames
	for len(stream) > 0 && err == nil {
		b := stream[:min(piece, len(stream))]
		stream = stream[len(b):]
		for len(b) > 0 {
			part, at, begun, rest, failed := f.next(b)
			if err = failed; err != nil {
				break
			}
			if begun {
				t.headers = append(t.headers, f.frame)
			}
			for i, c := range part {
				t.body[at+int64(i)] = c
			}
			b = rest
		}
	}
	return t, err
}

// However a stream is cut, it says the same, and what cannot be a master's ends it.
func FuzzFrames(f *testing.F) {
	frame := func(offset int64, body string) []byte {
		return append(messages.HAHeader{Offset: offset, Size: len(body)}.Append(nil), body...)
	}
	f.Add(slicesOf(frame(0, "hello"), frame(5, ""), frame(5, " world")), 3)
	f.Add(frame(1<<40, "x"), 1)
	f.Add(messages.HAHeader{Offset: 1, Size: -1}.Append(nil), 12)
	f.Add(messages.HAHeader{Offset: -1, Size: 1}.Append(nil), 5)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		whole, err := take(stream, len(stream)+1)
		parts, again := take(stream, 1+max(piece, -piece)%64)
		require.Equal(t, whole, parts)
		require.Equal(t, err, again)
		var wrong *messages.HAHeaderError
		require.True(t, err == nil || errors.As(err, &wrong))
	})
}

func slicesOf(all ...[]byte) []byte { return bytes.Join(all, nil) }

func TestBegins(t *testing.T) {
	record := func(phys int64) []byte {
		b := make([]byte, 40)
		copy(b[4:], []byte{0xda, 0xa3, 0x20, 0xa7})
		for i := range 8 {
			b[35-i] = byte(phys >> (8 * i))
		}
		return b
	}
	blank := []byte{0, 0, 0, 100, 0xcb, 0xd4, 0x31, 0x94, 1, 2, 3}
	tests := map[string]struct {
		b      []byte
		offset int64
		begins bool
	}{
		"a record":                   {record(77), 77, true},
		"a record of another offset": {record(77), 78, false},
		"too short for its offset":   {record(77)[:20], 78, true},
		"too short for anything":     {[]byte{1, 2, 3}, 5, true},
		"zeros":                      {make([]byte, 50), 0, false},
		"the end of a segment":       {blank, 900, true},
		"a blank in the middle":      {blank, 800, false},
	}
	for name, test := range tests {
		require.Equal(t, test.begins, begins(test.b, test.offset, 1000), name)
	}
}
