package record

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
)

var (
	v4 = netip.MustParseAddrPort("10.1.2.3:50001")
	v6 = netip.MustParseAddrPort("[2001:db8::1]:50001")
)

// drawRecord draws any record that Append may be given.
func drawRecord(t *rapid.T) *Record {
	host := rapid.SampledFrom([]netip.AddrPort{v4, v6})
	number := rapid.Int32()
	offset := rapid.Int64()
	return &Record{
		QueueID: number.Draw(t, "queueID"), Flag: number.Draw(t, "flag"),
		QueueOffset: offset.Draw(t, "queueOffset"), PhysOffset: offset.Draw(t, "phys"),
		SysFlag:       number.Draw(t, "sysFlag"),
		BornTimestamp: offset.Draw(t, "born"), BornHost: host.Draw(t, "bornHost"),
		StoreTimestamp: offset.Draw(t, "stored"), StoreHost: host.Draw(t, "storeHost"),
		ReconsumeTimes: number.Draw(t, "reconsumed"), PreparedOffset: offset.Draw(t, "prepared"),
		Body:       rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "body"),
		Topic:      rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "topic"),
		Properties: rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "properties"),
	}
}

func TestDecodeReturnsWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		before := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "before")
		encoded := want.Append(before)
		require.Equal(t, want.Size(), len(encoded)-len(before))
		after := append(encoded, 1, 2, 3)

		var got Record
		size, err := Decode(after[len(before):], &got)
		require.NoError(t, err)
		require.Equal(t, want.Size(), size)
		require.NoError(t, got.CheckCRC())

		hosts := messages.SysFlagBornHostV6 | messages.SysFlagStoreHostV6
		require.Equal(t, want.SysFlag&^hosts, got.SysFlag&^hosts)
		require.Equal(t, want.BornHost == v6, got.SysFlag&messages.SysFlagBornHostV6 != 0)
		require.Equal(t, want.StoreHost == v6, got.SysFlag&messages.SysFlagStoreHostV6 != 0)
		want.SysFlag, want.BodyCRC = got.SysFlag, got.BodyCRC
		require.Equal(t, *want, got)
	})
}

func TestAnyPrefixOfARecordIsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		encoded := drawRecord(t).Append(nil)
		n := rapid.IntRange(0, len(encoded)-1).Draw(t, "n")
		_, err := Decode(encoded[:n], new(Record))
		require.ErrorIs(t, err, ErrShort)
	})
}

func TestLongTopicsAreVersion2(t *testing.T) {
	for _, test := range []struct {
		topic int
		magic uint32
	}{{0, MagicV1}, {127, MagicV1}, {128, MagicV2}, {255, MagicV2}} {
		r := Record{Topic: []byte(strings.Repeat("t", test.topic)), BornHost: v4, StoreHost: v4}
		require.Equal(t, test.magic, binary.BigEndian.Uint32(r.Append(nil)[4:]), "topic of %d bytes", test.topic)
	}
}

func TestIPv4InIPv6IsWrittenAsIPv4(t *testing.T) {
	r := Record{BornHost: netip.MustParseAddrPort("[::ffff:10.1.2.3]:50001"), StoreHost: v4}
	var got Record
	_, err := Decode(r.Append(nil), &got)
	require.NoError(t, err)
	require.Equal(t, v4, got.BornHost)
}

func TestDecodeRefusesWhatIsNoRecord(t *testing.T) {
	good := func() []byte {
		r := Record{BornHost: v4, StoreHost: v4, Body: []byte("body"), Topic: []byte("Topic"), Properties: []byte("a\x01b\x02")}
		return r.Append(nil)
	}
	put := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint32(b[at:], v); return b }
	}
	const bodyLength, topicLength = 84, 92
	for name, test := range map[string]struct {
		spoil func([]byte) []byte
		want  string
	}{
		"zeros":                   {func(b []byte) []byte { clear(b); return b }, "magic 0x0"},
		"a foreign magic":         {put(4, 0xDAA320A8), "magic 0xdaa320a8"},
		"no size":                 {put(0, 0), "size 0"},
		"a negative size":         {put(0, 0x80000000), "size -2147483648"},
		"a size below the least":  {put(0, MinSize-1), "size 90"},
		"a body beyond the end":   {put(bodyLength, 1000), "body length 1000"},
		"a negative body":         {put(bodyLength, 0xFFFFFFFF), "body length 4294967295"},
		"a topic beyond the end":  {func(b []byte) []byte { b[topicLength] = 0x7F; return b }, "topic length 127"},
		"properties too short":    {func(b []byte) []byte { b[len(b)-5]--; return b }, "properties length 3 where 4 bytes are left"},
		"a negative topic":        {func(b []byte) []byte { b[topicLength] = 0x80; return b }, "topic length -128"},
		"negative properties":     {func(b []byte) []byte { b[98] = 0x80; return b }, "properties length -32764 where 4 bytes are left"},
		"hosts that do not fit":   {func(b []byte) []byte { b[39] = 0x30; return append(put(0, MinSize)(b[:MinSize]), make([]byte, 50)...) }, "size 91 is too small for its hosts"},
		"the body takes the rest": {put(bodyLength, 4+1+5+2+4), "no topic"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(test.spoil(good()), new(Record))
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, test.want, corrupt.Reason)
		})
	}
}

func TestCheckCRCNoticesAnyFlippedBitOfTheBody(t *testing.T) {
	r := Record{BornHost: v4, StoreHost: v4, Body: []byte("some body"), Topic: []byte("T")}
	encoded := r.Append(nil)
	for bit := range 8 * len(r.Body) {
		encoded[88+bit/8] ^= 1 << (bit % 8)
		var got Record
		_, err := Decode(encoded, &got)
		require.NoError(t, err)
		require.Error(t, got.CheckCRC())
		encoded[88+bit/8] ^= 1 << (bit % 8)
	}
}

// The codes are what Java's String.hashCode returns.
func TestTagsCodeIsJavasHashCode(t *testing.T) {
	for tags, want := range map[string]int64{
		"":                           0,
		"a":                          97,
		"TagA":                       2598919,
		"TagA || TagB":               1359775119,
		"标签":                         857175,
		"😀 tag":                      927985501,
		"polygenelubricants":         -2147483648,
		"abcdefghijklmnopqrstuvwxyz": 958031277,
	} {
		require.Equal(t, want, TagsCode([]byte(tags)), tags)
	}
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	r := benchmarkRecord()
	buf := make([]byte, 0, 2*r.Size())
	var got Record
	require.Zero(t, testing.AllocsPerRun(100, func() {
		encoded := r.Append(buf[:0])
		Place(encoded, 1, 2, 3)
		size, err := Decode(encoded, &got)
		if err != nil {
			panic(err)
		}
		_ = got.Request("Topic", size, nil)
	}))
}

func FuzzDecode(f *testing.F) {
	eachGolden(f, func(_ int64, raw []byte, _ *Record, _ int, err error) {
		if err == nil {
			f.Add(raw)
		}
	})
	long := Record{BornHost: v6, StoreHost: v6, Topic: []byte(strings.Repeat("t", 200)), Body: []byte("b")}
	f.Add(long.Append(nil))
	f.Add([]byte("\x00\x00\x00\x64\xcb\xd4\x31\x94"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		size, err := Decode(b, &r)
		if err != nil {
			return
		}
		require.LessOrEqual(t, size, len(b))
		_ = r.CheckCRC()
		_ = r.Request(string(r.Topic), size, func(int) int64 { return 0 })
		var again Record
		encoded := r.Append(nil)
		_, err = Decode(encoded, &again)
		require.NoError(t, err)
		require.NoError(t, again.CheckCRC())
		// The CRC is computed anew, and addresses are normalised.
		again.BodyCRC, again.SysFlag = r.BodyCRC, r.SysFlag
		again.BornHost, again.StoreHost = r.BornHost, r.StoreHost
		require.Equal(t, r, again)
	})
}

func benchmarkRecord() *Record {
	return &Record{
		BornHost: v4, StoreHost: v4, Body: make([]byte, 1024), Topic: []byte("BenchmarkTest"),
		Properties: []byte("KEYS\x01k1\x02UNIQ_KEY\x017F0000010DBD16A67495AE470000\x02WAIT\x01true\x02TAGS\x01TagA\x02"),
	}
}

func BenchmarkRecord(b *testing.B) {
	r := benchmarkRecord()
	encoded := r.Append(nil)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(encoded)))
			for b.Loop() {
				f()
			}
		})
	}
	buf := make([]byte, 0, len(encoded))
	run("append-1KiB", func() { buf = r.Append(buf[:0]) })
	run("place", func() { Place(encoded, 1, 2, 3) })
	var got Record
	run("decode-1KiB", func() { _, _ = Decode(encoded, &got) })
	run("request", func() { _ = got.Request("BenchmarkTest", len(encoded), nil) })
}
