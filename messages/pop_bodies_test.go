package messages

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/fastjson"
)

// Apache's file has two members more, which nobody reads.
func TestOrderTablesAreReadAndWrittenAsApacheDoes(t *testing.T) {
	text := golden(t, "bodies/QueueLevelConsumerManager.json")
	table, err := DecodeOrderTable(text)
	require.NoError(t, err)
	require.Equal(t, &PopOrder{
		AttemptID: "attempt-2", Acked: 2, Invisible: 60000, LastConsumed: 1700000002000, Offsets: []int64{7, 1, 3},
		Times: map[int64]int32{7: 1, 8: 1}, Visible: map[int64]int64{7: 1700000099000}, PopTime: 1700000001000,
	}, table.Table["T@G"][3])

	standard, err := fastjson.Standard(text)
	require.NoError(t, err)
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(standard, &want))
	got, err := table.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"table":`+string(want["table"])+`}`, string(got))
}

func offsetsOf(a *BatchAck) (all []int64) {
	a.Each(func(offset int64) { all = append(all, offset) })
	return all
}

func TestBatchAcksNameTheirMessagesByBits(t *testing.T) {
	a := BatchAck{StartOffset: 100}
	want := []int64{100, 101, 107, 108, 131, 900}
	for _, offset := range want {
		a.Add(offset)
	}
	require.Equal(t, want, offsetsOf(&a))
	require.Len(t, a.Bits, 101)
	require.Empty(t, offsetsOf(&BatchAck{}))
}

// fastjson knows both spellings of each member.
func TestBatchAcksHaveTwoSpellings(t *testing.T) {
	long := `{"acks":[{"consumerGroup":"G","topic":"T","retry":"1","startOffset":7,"queueId":3,"reviveQueueId":2,"popTime":17,"invisibleTime":60,"bitSet":"Aw=="}]}`
	short := `{"acks":[{"c":"G","t":"T","r":"1","so":7,"q":3,"rq":2,"pt":17,"it":60,"b":"Aw=="}]}`
	one, err := DecodeBatchAck([]byte(long))
	require.NoError(t, err)
	two, err := DecodeBatchAck([]byte(short))
	require.NoError(t, err)
	require.Equal(t, one, two)
	require.Equal(t, []int64{7, 8}, offsetsOf(&one.Acks[0]))
}

func TestBatchAcksAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no base64":     `{"acks":[{"b":"!"}]}`,
		"a number":      `{"acks":[{"b":7}]}`,
		"no list":       `{"acks":{}}`,
		"a long queue":  `{"acks":[{"q":4294967296}]}`,
		"no JSON":       `acks`,
		"half a member": `{"acks":[{"so":1`,
	} {
		_, err := DecodeBatchAck([]byte(text))
		require.Error(t, err, name)
	}
}

func FuzzBatchAck(f *testing.F) {
	f.Add([]byte(`{"acks":[{"b":"AQIAgA==","c":"G","it":60000,"pt":1,"q":3,"r":"0","rq":2,"so":7,"t":"T"}],"brokerName":"b"}`))
	f.Add([]byte(`{"acks":[{"bitSet":"AQ==","startOffset":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := DecodeBatchAck(text)
		if err != nil {
			return
		}
		for i := range body.Acks {
			a := &body.Acks[i]
			require.LessOrEqual(t, len(offsetsOf(a)), 8*maxAckBits)
		}
		encoded, err := body.Encode()
		require.NoError(t, err)
		again, err := DecodeBatchAck(encoded)
		require.NoError(t, err)
		require.Len(t, again.Acks, len(body.Acks))
	})
}

func FuzzOrderTable(f *testing.F) {
	f.Add([]byte(`{"table":{"T@G":{3:{"cm":2,"i":1,"l":2,"o":[7,1],"oc":{7:1},"popTime":3}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if table, err := DecodeOrderTable(text); err == nil {
			_, err := table.Encode()
			require.NoError(t, err)
		}
	})
}

func TestPopHeaders(t *testing.T) {
	pop := PopHeader{
		ConsumerGroup: "G", Topic: "T", QueueID: -1, MaxMsgNums: 32, Invisible: 60000, PollTime: 15000, BornTime: 17, InitMode: PopFromMax,
		ExpType: "TAG", Exp: "a || b", Order: true, AttemptID: "x",
	}
	change := ChangeInvisibleHeader{
		AckHeader: AckHeader{ConsumerGroup: "G", Topic: "T", QueueID: 3, Handle: "1 2 3 4 0 b 3 7", Offset: 7}, Invisible: 5, Suspend: true,
	}
	response := PopResponse{
		PopTime: 1, Invisible: 2, ReviveQueue: 3, RestNum: 4, StartOffsets: "0 1 7", MsgOffsets: "0 1 7,8", OrderCounts: "0 1 0",
	}
	for _, test := range []struct {
		name     string
		set      func(*Ext)
		parse    func(*Ext) (any, error)
		want     any
		optional []string
	}{
		{"pop", pop.Set, func(e *Ext) (any, error) { return ParsePop(e) }, pop, []string{"expType", "exp", "order", "attemptId"}},
		{"ack", change.AckHeader.Set, func(e *Ext) (any, error) { return ParseAck(e) }, change.AckHeader, nil},
		{"change", change.Set, func(e *Ext) (any, error) { return ParseChangeInvisible(e) }, change, []string{"suspend"}},
		{"response", response.Set, func(e *Ext) (any, error) { return ParsePopResponse(e) }, response, []string{"startOffsetInfo", "msgOffsetInfo", "orderCountInfo"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ext Ext
			test.set(&ext)
			got, err := test.parse(&ext)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			for _, missing := range ext.Fields() {
				var less Ext
				for _, f := range ext.Fields() {
					if string(f.Key) != string(missing.Key) {
						less.Append(f.Key, f.Value)
					}
				}
				_, err := test.parse(&less)
				var field *FieldError
				if slices.Contains(test.optional, string(missing.Key)) {
					require.NoError(t, err, "without %s", missing.Key)
				} else {
					require.ErrorAs(t, err, &field, "without %s", missing.Key)
				}
			}
		})
	}
}
