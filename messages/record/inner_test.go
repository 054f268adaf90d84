package record_test

import (
	"math"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

var innerHost = netip.MustParseAddrPort("127.0.0.1:10911")

func TestInnerRecordKnowsItsPlace(t *testing.T) {
	for _, base := range []int64{0, 7, 1234567890123456789, math.MaxInt64} {
		r := record.Record{
			Topic: []byte("T"), Body: []byte("x"), SysFlag: messages.SysFlagInnerBatch, BornHost: innerHost, StoreHost: innerHost,
			Properties: record.AppendInner(messages.AppendProperty(nil, messages.PropertyKeys, "k"), 300),
		}
		raw := r.Append(nil)
		record.Place(raw, 99, base, 1)
		record.PlaceInner(raw, base)
		_, err := record.Decode(raw, &r)
		require.NoError(t, err)
		d := r.Request("T", len(raw), nil)
		require.EqualValues(t, 300, d.Inner)
		require.Equal(t, base, d.QueueOffset)
		got := messages.Properties(r.Properties)
		require.Equal(t, "k", got[messages.PropertyKeys])
		number, err := strconv.ParseInt(got[messages.PropertyInnerBase], 10, 64)
		require.NoError(t, err)
		require.Equal(t, base, number)
	}
}

func TestRequestOfWhatIsNoInnerRecord(t *testing.T) {
	for _, properties := range []string{
		"", "INNER_NUM\x013\x02", "INNER_BASE\x013\x02", "INNER_NUM\x01-3\x02INNER_BASE\x010\x02",
		"INNER_NUM\x0132768\x02INNER_BASE\x010\x02", "INNER_NUM\x01many\x02INNER_BASE\x010\x02", "INNER_NUM\x010\x02INNER_BASE\x010\x02",
	} {
		r := record.Record{Properties: []byte(properties), SysFlag: messages.SysFlagInnerBatch}
		d := r.Request("T", 100, nil)
		require.Zero(t, d.Inner, "%q", properties)
		require.Equal(t, d.QueueOffset+1, d.Next())
	}
	r := record.Record{Properties: record.AppendInner(nil, 3)}
	d := r.Request("T", 100, nil)
	require.Zero(t, d.Inner, "the flag is missing")
}

// FuzzEachMessage takes any body for a batch: its messages follow each other, and all
// of the body is theirs.
func FuzzEachMessage(f *testing.F) {
	batch := messages.AppendBatchRecord(nil, &messages.BatchRecord{Flag: 1, Body: []byte("one"), Properties: []byte("a\x01b\x02")})
	f.Add(batch)
	f.Add(messages.AppendBatchRecord(batch, &messages.BatchRecord{Body: []byte("two")}))
	f.Add(batch[:len(batch)-1])
	f.Fuzz(func(t *testing.T, body []byte) {
		r := record.Record{SysFlag: messages.SysFlagInnerBatch | messages.SysFlagNeedUnwrap, QueueOffset: 5, Body: body}
		next, sum := int64(5), 0
		err := r.EachMessage(len(body), func(one *record.Record, size int) error {
			require.Equal(t, next, one.QueueOffset)
			require.Zero(t, one.SysFlag)
			next++
			sum += size
			return nil
		})
		if err == nil {
			require.Equal(t, len(body), sum)
		} else {
			require.ErrorIs(t, err, messages.ErrBatch)
		}
	})
}
