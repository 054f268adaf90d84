package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// traces are lines as Apache's client 5.5.0 writes them; separators are shown as
// | and ;.
var traces = []struct {
	name, line string
	trace      messages.Trace
}{
	{"a stored message", "Pub|1700000000000|DefaultRegion|writers|orders|7F01|red|k1 k2|10.0.0.1:10911|3|12|0|0A00|true;", messages.Trace{
		Type: messages.TracePub, Time: 1700000000000, Region: "DefaultRegion", Group: "writers", Topic: "orders", ID: "7F01",
		Tags: "red", Keys: "k1 k2", StoreHost: "10.0.0.1:10911", BodyLength: 3, Cost: 12, OffsetID: "0A00", Success: true,
	}},
	{"without tags and keys", "Pub|1|r|g|t|7F01|null|null|h|3|0|3|0A00|false;", messages.Trace{
		Type: messages.TracePub, Time: 1, Region: "r", Group: "g", Topic: "t", ID: "7F01", StoreHost: "h", BodyLength: 3,
		Kind: messages.TraceDelayed, OffsetID: "0A00",
	}},
	{"before a handler", "SubBefore|1|r|g|7F02|7F01|2|null;", messages.Trace{
		Type: messages.TraceSubBefore, Time: 1, Region: "r", Group: "g", RequestID: "7F02", ID: "7F01", Retries: 2,
	}},
	{"after a handler", "SubAfter|7F02|7F01|7|false|k|4|9|g;", messages.Trace{
		Type: messages.TraceSubAfter, RequestID: "7F02", ID: "7F01", Cost: 7, Keys: "k", Code: messages.TraceFailed, Time: 9, Group: "g",
	}},
	{"a transaction", "EndTransaction|1|r|g|t|7F01|red|k|h|2|7F01|ROLLBACK_MESSAGE|true;", messages.Trace{
		Type: messages.TraceEndTransaction, Time: 1, Region: "r", Group: "g", Topic: "t", ID: "7F01", Tags: "red", Keys: "k", StoreHost: "h",
		Kind: messages.TraceCommitted, TransactionID: "7F01", State: messages.TraceRollback, FromCheck: true,
	}},
	{"a recall", "Recall|1|r|g|t|7F01|true;", messages.Trace{
		Type: messages.TraceRecall, Time: 1, Region: "r", Group: "g", Topic: "t", ID: "7F01", Success: true,
	}},
}

func shown(line []byte) string {
	text := make([]byte, len(line))
	for i, c := range line {
		switch c {
		case 1:
			c = '|'
		case 2:
			c = ';'
		}
		text[i] = c
	}
	return string(text)
}

func hidden(text string) []byte {
	line := []byte(text)
	for i, c := range line {
		switch c {
		case '|':
			line[i] = 1
		case ';':
			line[i] = 2
		}
	}
	return line
}

func TestTracesAreWrittenAsJavaWritesThem(t *testing.T) {
	var body []byte
	var want []messages.Trace
	for _, c := range traces {
		t.Run(c.name, func(t *testing.T) {
			line, err := messages.AppendTrace(nil, &c.trace)
			require.NoError(t, err)
			require.Equal(t, c.line, shown(line))
			got, err := messages.DecodeTraces(line)
			require.NoError(t, err)
			require.Equal(t, []messages.Trace{c.trace}, got)
		})
		body = append(body, hidden(c.line)...)
		want = append(want, c.trace)
	}
	got, err := messages.DecodeTraces(body)
	require.NoError(t, err)
	require.Equal(t, want, got, "a body has many")
}

func TestTracesOfOtherClientsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want messages.Trace
	}{
		"4.x without the offset id": {"Pub|1|r|g|t|7F01|null|null|h|3|0|0|true;", messages.Trace{
			Type: messages.TracePub, Time: 1, Region: "r", Group: "g", Topic: "t", ID: "7F01", StoreHost: "h", BodyLength: 3, Success: true}},
		"with the client's address": {"Pub|1|r|g|t|7F01|null|null|h|3|0|0|0A00|true|10.0.0.2;", messages.Trace{
			Type: messages.TracePub, Time: 1, Region: "r", Group: "g", Topic: "t", ID: "7F01", StoreHost: "h", BodyLength: 3, OffsetID: "0A00", Success: true}},
		"after, in the cloud": {"SubAfter|7F02|7F01|7|true|null|0|;", messages.Trace{
			Type: messages.TraceSubAfter, RequestID: "7F02", ID: "7F01", Cost: 7, Success: true}},
		"after, without a code": {"SubAfter|7F02|7F01|7|true|null;", messages.Trace{
			Type: messages.TraceSubAfter, RequestID: "7F02", ID: "7F01", Cost: 7, Success: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := messages.DecodeTraces(hidden(c.line))
			require.NoError(t, err)
			require.Equal(t, []messages.Trace{c.want}, got)
		})
	}
	got, err := messages.DecodeTraces(hidden("Heartbeat|1;;"))
	require.NoError(t, err)
	require.Empty(t, got, "unknown types are left out")
}

func TestTracesThatAreWrong(t *testing.T) {
	for _, line := range []string{"Pub|1|r;", "Pub|now|r|g|t|7F01|null|null|h|3|0|0|0A00|true;", "SubBefore|1|r|g|7F02|7F01|many|k;", "Recall;"} {
		_, err := messages.DecodeTraces(hidden(line))
		require.Error(t, err, line)
	}
	_, err := messages.AppendTrace(nil, &messages.Trace{Type: "Heartbeat"})
	require.Error(t, err)
	dst, err := messages.AppendTrace([]byte("kept"), &messages.Trace{Type: messages.TraceRecall, ID: "a\x01b"})
	require.Error(t, err)
	require.Equal(t, "kept", string(dst))
}

func FuzzDecodeTraces(f *testing.F) {
	for _, c := range traces {
		f.Add(hidden(c.line))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := messages.DecodeTraces(body)
		if err != nil {
			return
		}
		var again []byte
		for i := range all {
			again, err = messages.AppendTrace(again, &all[i])
			require.NoError(t, err)
		}
		got, err := messages.DecodeTraces(again)
		require.NoError(t, err)
		require.Equal(t, all, got)
	})
}
