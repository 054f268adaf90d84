package remoting

import (
	"testing"

	"github.com/actormq/actormq/messages"
)

// sendRequest is a SEND_MESSAGE_V2 as Java's producer sends it, with a body of
// that many bytes.
func sendRequest(encoding messages.HeaderEncoding, body int) *messages.Command {
	c := &messages.Command{Code: 310, Encoding: encoding, Version: 513, Opaque: 1234567, Body: make([]byte, body)}
	for _, f := range [][2]string{
		{"a", "bench-producer-group"}, {"b", "BenchTopic"}, {"c", "TBW102"}, {"d", "4"}, {"e", "3"}, {"f", "0"},
		{"g", "1700000000000"}, {"h", "0"},
		{"i", "KEYS\x01key-17\x02UNIQ_KEY\x017F0000010C3A18B4AAC2574D6E1F0000\x02WAIT\x01true\x02TAGS\x01TagA\x02"},
		{"j", "0"}, {"k", "false"}, {"m", "false"}, {"n", "broker-a"},
	} {
		c.Ext.Set(f[0], f[1])
	}
	return c
}

var encodings = []struct {
	name     string
	encoding messages.HeaderEncoding
}{{"json", messages.JSONHeader}, {"binary", messages.BinaryHeader}}

func BenchmarkDecode(b *testing.B) {
	for _, e := range encodings {
		b.Run(e.name+"-send-1KiB", func(b *testing.B) {
			frame := AppendFrame(nil, sendRequest(e.encoding, 1024))[lengthSize:]
			scratch := make([]byte, len(frame))
			header := len(frame) - 1024
			var c messages.Command
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				copy(scratch[:header], frame[:header]) // Decode unescapes in place
				if err := Decode(scratch, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	for _, e := range encodings {
		b.Run(e.name+"-send-1KiB", func(b *testing.B) {
			c := sendRequest(e.encoding, 1024)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendFrame(dst[:0], c)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

// BenchmarkFramer is the way of a burst of 1 KiB sends from the socket's buffer
// to its release, per burst.
func BenchmarkFramer(b *testing.B) {
	for _, e := range encodings {
		b.Run(e.name+"-burst-of-16", func(b *testing.B) {
			var stream []byte
			for range 16 {
				stream = AppendFrame(stream, sendRequest(e.encoding, 1024))
			}
			frames := 0
			f := NewFramer(FramerOptions{}, func(burst *Burst) error {
				frames += len(burst.Commands)
				burst.Release()
				return nil
			})
			defer f.Close()
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := stream; len(rest) > 0; {
					n := copy(f.Buffer(), rest)
					rest = rest[n:]
					if err := f.Received(n); err != nil {
						b.Fatal(err)
					}
				}
			}
			if frames != 16*b.N {
				b.Fatalf("%d frames of %d", frames, 16*b.N)
			}
		})
	}
}
