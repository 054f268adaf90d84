package messages_test

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func TestHABytes(t *testing.T) {
	require.Equal(t, "0000000001020304", hex.EncodeToString(messages.AppendHAReport(nil, 0x01020304)))
	require.Equal(t, "00000001000000020000a00b",
		hex.EncodeToString(messages.HAHeader{Offset: 1<<32 + 2, Size: 0xA00B}.Append(nil)))
	// What a master with 3507 bytes of log sends a slave that has them, every 5 s.
	require.Equal(t, "0000000000000db300000000", hex.EncodeToString(messages.HAHeader{Offset: 3507}.Append(nil)))
}

// reports decodes a stream that comes in the given pieces.
func reports(pieces ...[]byte) []int64 {
	var all []int64
	var r messages.HAReports
	for _, b := range pieces {
		for offset, rest, ok := r.Next(b); ok; offset, rest, ok = r.Next(rest) {
			all = append(all, offset)
		}
	}
	return all
}

func TestHAReportsComeInAnyPieces(t *testing.T) {
	want := []int64{0, 3507, math.MaxInt64, -1}
	var stream []byte
	for _, offset := range want {
		stream = messages.AppendHAReport(stream, offset)
	}
	for cut := range stream {
		require.Equal(t, want, reports(stream[:cut], nil, stream[cut:]), "cut at %d", cut)
	}
	require.Equal(t, want[:3], reports(stream[:len(stream)-1]), "an unfinished report is none")
}

func TestHAHeaderRefusesWhatNoMasterSends(t *testing.T) {
	tests := map[string]struct {
		header messages.HAHeader
		ok     bool
	}{
		"heartbeat of an empty log":    {messages.HAHeader{}, true},
		"the largest frame":            {messages.HAHeader{Offset: 1 << 40, Size: messages.MaxHABody}, true},
		"more than a slave's buffer":   {messages.HAHeader{Size: messages.MaxHABody + 1}, false},
		"a negative offset":            {messages.HAHeader{Offset: -1}, false},
		"a negative size":              {messages.HAHeader{Offset: 1, Size: -1}, false},
		"an end behind every offset":   {messages.HAHeader{Offset: math.MaxInt64, Size: 1}, false},
		"a heartbeat at the very last": {messages.HAHeader{Offset: math.MaxInt64}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, err := messages.ParseHAHeader(test.header.Append(nil))
			if !test.ok {
				var bad *messages.HAHeaderError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, test.header, bad.HAHeader)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.header, h)
		})
	}
}

// However the network cuts a stream, the same reports come out.
func FuzzHAReports(f *testing.F) {
	f.Add(messages.AppendHAReport(messages.AppendHAReport(nil, 1), 2), uint8(3))
	f.Add([]byte{0xFF}, uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole := reports(stream)
		require.Len(t, whole, len(stream)/messages.HAReportSize)
		var encoded []byte
		for _, offset := range whole {
			encoded = messages.AppendHAReport(encoded, offset)
		}
		require.Equal(t, string(stream[:len(encoded)]), string(encoded))
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		require.Equal(t, whole, reports(pieces...))
	})
}

func FuzzHAHeader(f *testing.F) {
	f.Add(messages.HAHeader{Offset: 1 << 40, Size: 1 << 15}.Append(nil))
	f.Add([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < messages.HAHeaderSize {
			return
		}
		if h, err := messages.ParseHAHeader(b); err == nil {
			require.LessOrEqual(t, h.Size, messages.MaxHABody)
			require.GreaterOrEqual(t, h.Offset+int64(h.Size), h.Offset)
			require.Equal(t, b[:messages.HAHeaderSize], h.Append(nil))
		}
	})
}

func TestHAStatusAsMqadminReadsIt(t *testing.T) {
	tests := map[string]struct {
		status messages.HAStatus
		text   string
	}{
		"a master without slaves": {
			messages.HAStatus{Master: true, MasterCommitLogMaxOffset: 5},
			`{"haClientRuntimeInfo":{"lastReadTimestamp":0,"lastWriteTimestamp":0,"masterFlushOffset":0,"maxOffset":0,"transferredByteInSecond":0},` +
				`"haConnectionInfo":[],"inSyncSlaveNums":0,"master":true,"masterCommitLogMaxOffset":5}`,
		},
		"a master with a slave": {
			messages.HAStatus{Master: true, MasterCommitLogMaxOffset: 5, InSyncSlaveNums: 1, Connections: []messages.HAConnectionStatus{
				{Addr: "10.0.0.2:4711", Diff: 2, InSync: true, SlaveAckOffset: 3, TransferFromWhere: 4, TransferredByteInSecond: 9}}},
			`{"haClientRuntimeInfo":{"lastReadTimestamp":0,"lastWriteTimestamp":0,"masterFlushOffset":0,"maxOffset":0,"transferredByteInSecond":0},` +
				`"haConnectionInfo":[{"addr":"10.0.0.2:4711","diff":2,"inSync":true,"slaveAckOffset":3,"transferFromWhere":4,"transferredByteInSecond":9}],` +
				`"inSyncSlaveNums":1,"master":true,"masterCommitLogMaxOffset":5}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := test.status.Encode()
			require.NoError(t, err)
			require.Equal(t, test.text, string(text))
			again, err := messages.DecodeHAStatus(text)
			require.NoError(t, err)
			if test.status.Connections == nil {
				test.status.Connections = []messages.HAConnectionStatus{}
			}
			require.Equal(t, &test.status, again)
		})
	}
}
