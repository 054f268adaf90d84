package actormq

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// encoded returns the record of a message as a broker stores it.
func encoded(offset int64, body []byte, change func(*record.Record)) []byte {
	r := record.Record{
		QueueID: 3, QueueOffset: offset, PhysOffset: 1000 + offset, Flag: 4,
		BornTimestamp: 1_700_000_000_001, BornHost: netip.MustParseAddrPort("10.0.0.1:5"),
		StoreTimestamp: 1_700_000_000_002, StoreHost: netip.MustParseAddrPort("10.0.0.2:10911"),
		Body: body, Topic: []byte("t"),
		Properties: []byte("UNIQ_KEY\x01ID\x02TAGS\x01A\x02KEYS\x01k1 k2\x02shop\x017\x02"),
	}
	if change != nil {
		change(&r)
	}
	return r.Append(nil)
}

// pulledFrom serves one answer to all pulls.
func pulledFrom(t *testing.T, code messages.ResponseCode, body []byte) (*Client, *server) {
	broker := serve(t, func(request *messages.Command) *messages.Command {
		response := answer(code, "nextBeginOffset", 12, "minOffset", 2, "maxOffset", 20, "suggestWhichBrokerId", 0)
		response.Body = body
		return response
	})
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	return connect(t, names.addr), broker
}

var pulledQueue = Queue{Topic: "t", Broker: "broker-a", ID: 3}

func TestPullReadsMessages(t *testing.T) {
	body := append(encoded(10, []byte("ten"), nil), encoded(11, []byte("eleven"), func(r *record.Record) { r.ReconsumeTimes = 2 })...)
	c, broker := pulledFrom(t, messages.Success, body)
	result, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue, Offset: 10, Hold: time.Second, Tags: "A || B"})
	require.NoError(t, err)
	require.Equal(t, PullFound, result.Status)
	require.EqualValues(t, 12, result.Next)
	require.EqualValues(t, 2, result.Min)
	require.EqualValues(t, 20, result.Max)
	require.Len(t, result.Messages, 2)
	require.Equal(t, &Received{
		ID: "ID", OffsetID: "0A00000200002A9F00000000000003F2", Topic: "t", Tags: "A", Keys: []string{"k1", "k2"},
		Properties: map[string]string{"UNIQ_KEY": "ID", "TAGS": "A", "KEYS": "k1 k2", "shop": "7"},
		Body:       []byte("ten"), Flag: 4, Queue: pulledQueue, Offset: 10, PhysicalOffset: 1010,
		Born: time.UnixMilli(1_700_000_000_001), BornHost: netip.MustParseAddrPort("10.0.0.1:5"),
		Stored: time.UnixMilli(1_700_000_000_002), StoreHost: netip.MustParseAddrPort("10.0.0.2:10911"),
	}, result.Messages[0])
	require.Equal(t, 2, result.Messages[1].Attempts)

	var h messages.PullHeader
	require.NoError(t, messages.ParsePull(broker.await(messages.CodePullMessage, 1)[0], &h))
	require.Equal(t, messages.PullHeader{
		ConsumerGroup: "readers", Topic: "t", QueueID: 3, QueueOffset: 10, MaxMsgNums: 32, SysFlag: pullSuspend | pullSubscription,
		SuspendTimeoutMillis: 1000, Subscription: "A || B", ExpressionType: "TAG",
	}, h)
}

func TestPullWithoutMessages(t *testing.T) {
	for code, want := range map[messages.ResponseCode]PullStatus{
		messages.PullNotFound: PullNothing, messages.PullRetryImmediately: PullNoMatch, messages.PullOffsetMoved: PullMoved,
	} {
		c, _ := pulledFrom(t, code, nil)
		result, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue})
		require.NoError(t, err)
		require.Equal(t, want, result.Status)
		require.EqualValues(t, 12, result.Next)
		require.Empty(t, result.Messages)
	}
	c, _ := pulledFrom(t, messages.SubscriptionGroupUnknown, nil)
	_, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue})
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 26, refused.Code)
}

func TestPullDropsTagsThatOnlyHashAlike(t *testing.T) {
	// "Aa" and "BB" have the same hash.
	body := append(
		encoded(10, []byte("x"), func(r *record.Record) { r.Properties = []byte("TAGS\x01Aa\x02") }),
		encoded(11, []byte("y"), func(r *record.Record) { r.Properties = []byte("TAGS\x01BB\x02") })...)
	c, _ := pulledFrom(t, messages.Success, body)
	result, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue, Tags: "BB"})
	require.NoError(t, err)
	require.Len(t, result.Messages, 1)
	require.Equal(t, "y", string(result.Messages[0].Body))
	require.Equal(t, result.Messages[0].OffsetID, result.Messages[0].ID, "a message without a producer's id")

	result, err = c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue, Tags: "C"})
	require.NoError(t, err)
	require.Equal(t, PullNoMatch, result.Status)
}

func TestPullOfDamagedMessages(t *testing.T) {
	whole := encoded(10, []byte("ten"), nil)
	for name, body := range map[string][]byte{
		"cut off":  whole[:len(whole)-1],
		"no magic": append(append(append([]byte{}, whole[:4]...), 0, 0, 0, 0), whole[8:]...),
		"no zlib":  encoded(10, []byte("ten"), func(r *record.Record) { r.SysFlag = messages.SysFlagCompressed }),
	} {
		c, _ := pulledFrom(t, messages.Success, body)
		_, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue})
		require.Error(t, err, name)
	}
}

func TestCompressedBodies(t *testing.T) {
	plain := bytes.Repeat([]byte("compress me "), 1000)
	var deflated, framed bytes.Buffer
	z := zlib.NewWriter(&deflated)
	_, err := z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	l := lz4.NewWriter(&framed)
	_, err = l.Write(plain)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	defer s.Close()

	for name, tt := range map[string]struct {
		body    []byte
		sysFlag int32
	}{
		"plain":        {plain, 0},
		"zlib of Java": {deflated.Bytes(), 0x301},
		"zlib of Go":   {deflated.Bytes(), 1},
		"lz4":          {framed.Bytes(), 0x101},
		"zstd":         {s.EncodeAll(plain, nil), 0x201},
	} {
		got, err := decompress(tt.body, tt.sysFlag)
		require.NoError(t, err, name)
		require.Equal(t, plain, got, name)
		if tt.sysFlag != 0 {
			_, err = decompress(tt.body[:len(tt.body)/2], tt.sysFlag)
			require.Error(t, err, name)
		}
	}
}

func FuzzDecompress(f *testing.F) {
	f.Add([]byte("x"), int32(0x301))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, int32(0x201))
	f.Add([]byte{0x04, 0x22, 0x4d, 0x18}, int32(0x101))
	f.Fuzz(func(t *testing.T, body []byte, sysFlag int32) { _, _ = decompress(body, sysFlag) })
}

func TestPullUnwrapsBatches(t *testing.T) {
	var inner []byte
	for _, text := range []string{"a", "b", "c"} {
		inner = messages.AppendBatchRecord(inner, &messages.BatchRecord{
			Flag: 9, Body: []byte(text), Properties: []byte("UNIQ_KEY\x01ID-" + text + "\x02TAGS\x01A\x02"),
		})
	}
	wrapped := func(r *record.Record) { r.SysFlag = messages.SysFlagInnerBatch | messages.SysFlagNeedUnwrap }
	body := append(encoded(5, inner, wrapped), encoded(8, []byte("alone"), nil)...)
	c, _ := pulledFrom(t, messages.Success, body)
	result, err := c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue, Offset: 6})
	require.NoError(t, err)
	var got []string
	for _, m := range result.Messages {
		got = append(got, fmt.Sprintf("%d %s %s %s %d", m.Offset, m.ID, m.Tags, m.Body, m.Flag))
	}
	require.Equal(t, []string{"6 ID-b A b 9", "7 ID-c A c 9", "8 ID A alone 4"}, got, "the batch begins before the offset that was asked for")

	c, _ = pulledFrom(t, messages.Success, encoded(5, inner[:len(inner)-1], wrapped))
	_, err = c.Pull(within(t), PullRequest{Group: "readers", Queue: pulledQueue, Offset: 5})
	require.ErrorIs(t, err, messages.ErrBatch)
}
