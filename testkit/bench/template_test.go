package bench

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

var queue = actormq.Queue{Topic: "t", Broker: "broker-a", ID: 5}

const testKey = "0123456789ABCDEF0123"

func TestTemplateIsARequest(t *testing.T) {
	for _, binaryHeader := range []bool{false, true} {
		o := Defaults()
		o.Size, o.Binary = 100, binaryHeader
		tmpl, err := newTemplate(queue, testKey, &o, false)
		require.NoError(t, err)
		frames := tmpl.append(nil, request{opaque: 17, born: 1_700_000_123_456, count: 0xABC, stamp: 0x0102030405060708})
		frames = tmpl.append(frames, request{opaque: 8191, born: 1_700_000_123_457, count: 0xABD, stamp: 9})

		first, rest := decodeFrame(t, frames)
		require.EqualValues(t, firstOpaque+17, first.Opaque)
		require.EqualValues(t, messages.CodeSendMessageV2, first.Code)
		var h messages.SendHeader
		require.NoError(t, messages.ParseSend(first, &h))
		require.Equal(t, "t", string(h.Topic))
		require.EqualValues(t, 5, h.QueueID)
		require.EqualValues(t, 1_700_000_123_456, h.BornTimestamp)
		require.Equal(t, testKey+"000000000ABC", messages.Properties(h.Properties)["UNIQ_KEY"])
		require.Len(t, first.Body, 100)
		require.EqualValues(t, 0x0102030405060708, binary.BigEndian.Uint64(first.Body))

		second, rest := decodeFrame(t, rest)
		require.EqualValues(t, firstOpaque+8191, second.Opaque)
		require.NoError(t, messages.ParseSend(second, &h))
		require.Equal(t, testKey+"000000000ABD", messages.Properties(h.Properties)["UNIQ_KEY"])
		require.Empty(t, rest)
	}
}

func TestTemplateOfABatch(t *testing.T) {
	o := Defaults()
	o.Mode, o.Batch, o.Size = Batch, 3, 20
	tmpl, err := newTemplate(queue, testKey, &o, false)
	require.NoError(t, err)
	c, _ := decodeFrame(t, tmpl.append(nil, request{count: 0x10, stamp: 7}))
	require.EqualValues(t, messages.CodeSendBatchMessage, c.Code)
	require.Equal(t, "true", c.Ext.Text("m"))
	ids := make(map[string]bool)
	for body := c.Body; len(body) > 0; {
		var r messages.BatchRecord
		r, body, err = messages.NextBatchRecord(body)
		require.NoError(t, err)
		require.Len(t, r.Body, 20)
		require.EqualValues(t, 7, binary.BigEndian.Uint64(r.Body))
		ids[messages.Properties(r.Properties)["UNIQ_KEY"]] = true
	}
	require.Len(t, ids, 3, "the messages of a batch have ids of their own")
}

func TestTemplateWithoutAnswer(t *testing.T) {
	o := Defaults()
	tmpl, err := newTemplate(queue, testKey, &o, true)
	require.NoError(t, err)
	c, _ := decodeFrame(t, tmpl.append(nil, request{}))
	require.True(t, c.IsOneway())
}

func decodeFrame(t *testing.T, b []byte) (*messages.Command, []byte) {
	t.Helper()
	require.GreaterOrEqual(t, len(b), 4)
	n := 4 + int(binary.BigEndian.Uint32(b))
	require.LessOrEqual(t, n, len(b))
	c := new(messages.Command)
	require.NoError(t, remoting.Decode(bytes.Clone(b[4:n]), c))
	return c, b[n:]
}

func TestScanFindsWhatDecodeFinds(t *testing.T) {
	for _, encoding := range []messages.HeaderEncoding{messages.JSONHeader, messages.BinaryHeader} {
		for _, code := range []int32{0, 2, -1, 208} {
			c := messages.Command{Code: code, Opaque: firstOpaque + 3, Flag: messages.FlagResponse, Encoding: encoding, Version: 513}
			c.Remark = `with "opaque":7,"code":9 in it`
			c.Ext.Set("msgId", "7F00000100002A9F0000000000000000")
			c.Ext.Set("odd", `"code":5`)
			frame := remoting.AppendFrame(nil, &c)[4:]
			gotCode, opaque, err := scan(frame)
			require.NoError(t, err)
			require.Equal(t, code, gotCode)
			require.Equal(t, c.Opaque, opaque)
		}
		push := messages.Command{Code: 40, Opaque: firstOpaque, Flag: messages.FlagOneway, Encoding: encoding}
		_, opaque, err := scan(remoting.AppendFrame(nil, &push)[4:])
		require.NoError(t, err)
		require.EqualValues(t, -1, opaque, "a request of the broker is no response")
	}
	// As Java writes it.
	header := `{"code":0,"extFields":{"queueId":"2","TRACE_ON":"true"},"flag":1,"language":"JAVA","opaque":1000004,"serializeTypeCurrentRPC":"JSON","version":513}`
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(header))), header...)
	code, opaque, err := scan(frame)
	require.NoError(t, err)
	require.EqualValues(t, 0, code)
	require.EqualValues(t, 1000004, opaque)
}

func FuzzScan(f *testing.F) {
	c := messages.Command{Code: 2, Opaque: firstOpaque, Flag: messages.FlagResponse}
	f.Add(remoting.AppendFrame(nil, &c)[4:])
	c.Encoding = messages.BinaryHeader
	f.Add(remoting.AppendFrame(nil, &c)[4:])
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) >= 4 {
			_, _, _ = scan(frame)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	o := Defaults()
	tmpl, err := newTemplate(queue, testKey, &o, false)
	require.NoError(b, err)
	b.SetBytes(int64(len(tmpl.frame)))
	b.ReportAllocs()
	var out []byte
	for i := range b.N {
		out = tmpl.append(out[:0], request{opaque: int32(i & 63), born: 1_700_000_123_456, count: uint64(i), stamp: int64(i)})
	}
}

func BenchmarkScan(b *testing.B) {
	c := messages.Command{Opaque: firstOpaque + 3, Flag: messages.FlagResponse, Version: 513}
	for _, f := range [][2]string{{"msgId", "7F00000100002A9F0000000000000000"}, {"queueId", "3"}, {"queueOffset", "123456"}, {"transactionId", testKey}, {"MSG_REGION", "DefaultRegion"}, {"TRACE_ON", "true"}} {
		c.Ext.Set(f[0], f[1])
	}
	frame := remoting.AppendFrame(nil, &c)[4:]
	b.ReportAllocs()
	for range b.N {
		_, _, _ = scan(frame)
	}
}
