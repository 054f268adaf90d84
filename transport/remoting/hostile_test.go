package remoting_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// sendFrame is a SEND_MESSAGE_V2 as clients send it, without its length field.
func sendFrame(encoding messages.HeaderEncoding, size int) []byte {
	c := &messages.Command{Code: 310, Language: messages.Java, Version: 401, Opaque: 7, Encoding: encoding, Body: make([]byte, size)}
	for _, f := range [][2]string{
		{"a", "producers"}, {"b", "orders"}, {"c", "TBW102"}, {"d", "4"}, {"e", "3"}, {"f", "0"}, {"g", "1700000000000"}, {"h", "0"},
		{"i", "UNIQ_KEY\x017F0000010000000000000000000000AA\x02WAIT\x01true\x02TAGS\x01标签\x02"}, {"j", "0"}, {"k", "false"}, {"m", "false"},
	} {
		c.Ext.Set(f[0], f[1])
	}
	return remoting.AppendFrame(nil, c)[4:]
}

func TestDecodingASendAllocatesNothing(t *testing.T) {
	for name, encoding := range map[string]messages.HeaderEncoding{"json": messages.JSONHeader, "binary": messages.BinaryHeader} {
		t.Run(name, func(t *testing.T) {
			frame := sendFrame(encoding, 1024)
			scratch := make([]byte, len(frame))
			var c messages.Command
			allocs := testing.AllocsPerRun(100, func() {
				copy(scratch, frame) // decoding undoes escapes in place
				if err := remoting.Decode(scratch, &c); err != nil {
					t.Fatal(err)
				}
			})
			require.Zero(t, allocs)
			require.Equal(t, "orders", c.Ext.Text("b"))
			require.Contains(t, c.Ext.Text("i"), "TAGS\x01标签\x02")
			require.Len(t, c.Body, 1024)
		})
	}
}

// The vector of the protocol's description: request 30 of a Go client.
func TestBinaryHeaderVector(t *testing.T) {
	frame := []byte{
		0x00, 0x00, 0x00, 0x34, 0x01, 0x00, 0x00, 0x30, 0x00, 0x1e, 0x09, 0x01, 0x91, 0x00, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1b, 0x00, 0x05, 0x74, 0x6f, 0x70, 0x69, 0x63,
		0x00, 0x00, 0x00, 0x02, 0x54, 0x31, 0x00, 0x07, 0x71, 0x75, 0x65, 0x75, 0x65, 0x49, 0x64, 0x00, 0x00, 0x00, 0x01, 0x30,
	}
	var c messages.Command
	require.NoError(t, remoting.Decode(append([]byte{}, frame[4:]...), &c))
	require.Equal(t, int32(30), c.Code)
	require.Equal(t, messages.Go, c.Language)
	require.Equal(t, int32(401), c.Version)
	require.Equal(t, "T1", c.Ext.Text("topic"))
	require.Equal(t, "0", c.Ext.Text("queueId"))
	require.Equal(t, frame, remoting.AppendFrame(nil, &c))
}

func TestMalformedFramesAreRefused(t *testing.T) {
	frame := func(header string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(header)))
		return append(b, header...)
	}
	for name, b := range map[string][]byte{
		"too short":                       {0, 0},
		"a header longer than the frame":  {0, 0xFF, 0xFF, 0xFF, '{', '}'},
		"an unknown encoding":             {9, 0, 0, 0},
		"no JSON":                         frame("hello"),
		"JSON that is cut off":            frame(`{"code":1,"extFields":{"a":"b`),
		"a number out of range":           frame(`{"code":99999999999}`),
		"nested without end":              frame(`{"x":` + string(make([]byte, 0)) + nested(100) + `}`),
		"something behind the header":     frame(`{"code":1} x`),
		"a binary header without a size":  {1, 0, 0, 4, 0, 1, 0, 0},
		"a binary remark that is too big": append([]byte{1, 0, 0, 21, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			var c messages.Command
			var malformed *remoting.FrameError
			require.ErrorAs(t, remoting.Decode(b, &c), &malformed)
		})
	}
}

func nested(n int) string {
	s := ""
	for range n {
		s += "["
	}
	return s
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add(sendFrame(messages.JSONHeader, 3))
	f.Add(sendFrame(messages.BinaryHeader, 3))
	f.Add([]byte("\x00\x00\x00\x1d{\"code\":1,\"language\":\"\\ud83d\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again messages.Command
		if remoting.Decode(append([]byte{}, b...), &c) != nil {
			return
		}
		c.Encoding = messages.JSONHeader
		frame := remoting.AppendFrame(nil, &c)
		require.Equal(t, len(frame)-4, int(binary.BigEndian.Uint32(frame)))
		require.NoError(t, remoting.Decode(frame[4:], &again), "what was decoded encodes to a frame")
		require.Equal(t, c.Code, again.Code)
		require.Equal(t, c.Opaque, again.Opaque)
		require.Equal(t, c.Ext.Len(), again.Ext.Len())
		require.Equal(t, string(c.Body), string(again.Body))
	})
}

// However a stream is cut into reads, the same commands come out.
func FuzzFramerCuts(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(3))
	f.Add([]byte{200, 1, 255}, uint8(20))
	f.Fuzz(func(t *testing.T, cuts []byte, count uint8) {
		var stream []byte
		for i := range int(count%32) + 1 {
			encoding := messages.HeaderEncoding(i % 2)
			c := &messages.Command{Code: int32(i), Opaque: int32(i), Encoding: encoding, Body: make([]byte, i*997)}
			c.Ext.Set("n", fmt.Sprint(i))
			stream = remoting.AppendFrame(stream, c)
		}
		next := int32(0)
		framer := remoting.NewFramer(remoting.FramerOptions{}, func(b *remoting.Burst) error {
			for i := range b.Commands {
				require.Equal(t, next, b.Commands[i].Opaque)
				require.Equal(t, fmt.Sprint(next), b.Commands[i].Ext.Text("n"))
				require.Len(t, b.Commands[i].Body, int(next)*997)
				next++
			}
			b.Release()
			return nil
		})
		for i := 0; len(stream) > 0; i++ {
			want := len(stream)
			if len(cuts) > 0 {
				want = int(cuts[i%len(cuts)])*7 + 1
			}
			buf := framer.Buffer()
			n := copy(buf[:min(want, len(buf))], stream)
			stream = stream[n:]
			require.NoError(t, framer.Received(n))
		}
		framer.Close()
		require.Equal(t, int32(count%32)+1, next)
	})
}
