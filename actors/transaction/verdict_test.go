package transaction

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

var rules = Rules{Timeout: 6 * time.Second, MaxChecks: 15, Reserved: 72 * time.Hour}

const now = 1_700_000_000_000

// half returns a half that is as old as given, in seconds, and was stored a second
// after its birth.
func half(age int64, properties ...string) *record.Record {
	h := &record.Record{BornTimestamp: now - age*1000, StoreTimestamp: now - age*1000 + 1000}
	for i := 0; i < len(properties); i += 2 {
		h.Properties = messages.AppendProperty(h.Properties, properties[i], properties[i+1])
	}
	return h
}

func TestVerdicts(t *testing.T) {
	const (
		times    = messages.PropertyTransactionCheckTimes
		immunity = messages.PropertyCheckImmunityTime
		earlier  = messages.PropertyTransactionPreparedQueueOffset
	)
	for _, c := range []struct {
		name string
		half *record.Record
		want verdict
	}{
		{"young", half(6), wait},
		{"old enough", half(7), ask},
		{"born in the future, for its clock is wrong", &record.Record{BornTimestamp: now + 1, StoreTimestamp: now - 1}, ask},
		{"stored in this round", &record.Record{BornTimestamp: now - 60_000, StoreTimestamp: now}, wait},
		{"asked 14 times", half(60, times, "14"), ask},
		{"asked 15 times", half(60, times, "15"), discard},
		{"asked too often, though stored in this round", &record.Record{
			BornTimestamp: now - 60_000, StoreTimestamp: now, Properties: half(0, times, "15").Properties}, discard},
		{"asked who knows how often", half(60, times, "often"), ask},
		{"72 hours old", half(72 * 3600), ask},
		{"older than the log is kept", half(72*3600 + 1), discard},
		{"immune", half(30, immunity, "30"), renew},
		{"immune no more", half(31, immunity, "30"), ask},
		{"immune for less than the time-out", half(3, immunity, "2"), ask},
		{"immune for garbage, which is the time-out", half(6, immunity, "x"), renew},
		{"immune for ever", half(600, immunity, "9223372036854775807"), renew},
		{"immune for a negative time", half(2, immunity, "-9223372036854775808"), ask},
		{"immune, and ended under its first offset", half(20, immunity, "30", earlier, "7"), pass},
		{"immune, and not ended", half(20, immunity, "30", earlier, "8"), renew},
		{"immune, with garbage for its first offset", half(20, immunity, "30", earlier, "x"), ask},
	} {
		got := rules.judge(c.half, now, now, func(offset int64) bool { return offset == 7 })
		require.Equal(t, c.want, got, c.name)
	}
}

func TestWhoEndsTooLate(t *testing.T) {
	const immunity = messages.PropertyCheckImmunityTime
	require.False(t, rules.late(half(100_000), now), "without an immunity it is never too late")
	require.False(t, rules.late(half(30, immunity, "30"), now))
	require.True(t, rules.late(half(31, immunity, "30"), now))
	require.False(t, rules.late(half(6, immunity, "1"), now), "the time-out is the least")
	require.True(t, rules.late(half(7, immunity, "1"), now))
	require.True(t, rules.late(half(7, immunity, "x"), now))
}

func TestAQuestionShowsTheMessageAsItWillBe(t *testing.T) {
	h := half(60, messages.PropertyProducerGroup, "payers", messages.PropertyUniqKey, "ID",
		messages.PropertyRealTopic, "pay", messages.PropertyRealQueueID, "3")
	h.Topic, h.Flag, h.Body = []byte(messages.TopicTransHalf), 9, []byte("body")
	a := messages.NewAppend(0)
	again(a, h, ask)
	r := &a.Records[0]
	r.QueueOffset, r.Phys, r.StoreTime = 11, 1<<40, now
	request, group := question(a.Buf, r, "broker-a")
	require.Equal(t, "payers", group)
	header, err := messages.ParseCheckTransaction(&request.Ext)
	require.NoError(t, err)
	require.Equal(t, int64(11), header.TableOffset)
	require.Equal(t, int64(1<<40), header.LogOffset)
	require.Equal(t, "ID", header.MsgID)
	var shown record.Record
	_, err = record.Decode(request.Body, &shown)
	require.NoError(t, err)
	require.Equal(t, "pay", string(shown.Topic))
	require.Equal(t, int32(3), shown.QueueID)
	require.Equal(t, int32(9), shown.Flag)
	require.Equal(t, int64(11), shown.QueueOffset)
	require.Equal(t, "body", string(shown.Body))
	require.Equal(t, "1", string(messages.FindProperty(shown.Properties, messages.PropertyTransactionCheckTimes)))

	h.Properties = nil
	a = messages.NewAppend(0)
	again(a, h, ask)
	request, _ = question(a.Buf, &a.Records[0], "broker-a")
	require.Nil(t, request, "it does not say where it goes")
}
