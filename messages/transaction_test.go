package messages_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func endings(body string) (offsets []int64) {
	messages.EachEnded([]byte(body), func(offset int64) { offsets = append(offsets, offset) })
	return offsets
}

func TestOpBodiesListQueueOffsets(t *testing.T) {
	for _, c := range []struct {
		body string
		want []int64
	}{
		{"", nil},
		{"7,", []int64{7}},
		{"7,8,1000000000000,", []int64{7, 8, 1000000000000}},
		{"7", []int64{7}},    // RocketMQ 4 wrote one offset and no comma
		{",,7,", []int64{7}}, // what is not a number is passed over
		{"x,7,-1,9223372036854775808,8", []int64{7, 8}},
	} {
		require.Equal(t, c.want, endings(c.body), "%q", c.body)
	}
	body := messages.AppendEnded(messages.AppendEnded(nil, 0), math.MaxInt64)
	require.Equal(t, "0,9223372036854775807,", string(body))
}

func FuzzOpBody(f *testing.F) {
	f.Add("7,8,")
	f.Add("x,,-1,99999999999999999999")
	f.Fuzz(func(t *testing.T, body string) {
		offsets := endings(body)
		require.False(t, slices.ContainsFunc(offsets, func(o int64) bool { return o < 0 }))
		var again []byte
		for _, o := range offsets {
			again = messages.AppendEnded(again, o)
		}
		require.Equal(t, offsets, endings(string(again)))
	})
}

func TestTransactionHeadersKeepTheirFields(t *testing.T) {
	end := messages.EndTransaction{
		Topic: "Pay", ProducerGroup: "G", TableOffset: 5, LogOffset: 1 << 40, Outcome: messages.SysFlagRollback,
		FromCheck: true, MsgID: "ID", TransactionID: "TX",
	}
	var ext messages.Ext
	end.Set(&ext)
	got, err := messages.ParseEndTransaction(&ext)
	require.NoError(t, err)
	require.Equal(t, end, got)

	check := messages.CheckTransaction{
		Topic: messages.TopicTransHalf, TableOffset: 5, LogOffset: 6, MsgID: "ID", TransactionID: "ID", OffsetMsgID: "0A", Broker: "broker-a",
	}
	ext = messages.Ext{}
	check.Set(&ext)
	again, err := messages.ParseCheckTransaction(&ext)
	require.NoError(t, err)
	require.Equal(t, check, again)
}

func TestAnEndWithoutItsFieldsIsRefused(t *testing.T) {
	for _, missing := range []string{"producerGroup", "tranStateTableOffset", "commitLogOffset", "commitOrRollback", "msgId"} {
		var whole, ext messages.Ext
		(&messages.EndTransaction{ProducerGroup: "G", MsgID: "ID"}).Set(&whole)
		for _, f := range whole.Fields() {
			if string(f.Key) != missing {
				ext.Append(f.Key, f.Value)
			}
		}
		_, err := messages.ParseEndTransaction(&ext)
		var field *messages.FieldError
		require.ErrorAs(t, err, &field, missing)
	}
	var ext messages.Ext
	(&messages.EndTransaction{ProducerGroup: "G", MsgID: "ID", Outcome: messages.SysFlagPrepared}).Set(&ext)
	_, err := messages.ParseEndTransaction(&ext)
	require.ErrorContains(t, err, "commitOrRollback field wrong")
}
