package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// The files in testdata are the first two of a CommitLog that a broker of
// Apache RocketMQ 5.5.0 wrote with mappedFileSizeCommitLog=16384: messages with
// and without tags that are not ASCII, a delayed one, a batch, a compressed one,
// a committed transaction and one that was rolled back. records.txt is what
// Java's MessageDecoder reads in them, a line for each record.

func TestDecodeReadsWhatApacheWrote(t *testing.T) {
	var got []string
	eachGolden(t, func(phys int64, _ []byte, r *Record, size int, err error) {
		var blank *BlankError
		if errors.As(err, &blank) {
			got = append(got, fmt.Sprintf("%d blank %d", phys, blank.Size))
			return
		}
		require.NoError(t, err)
		require.NoError(t, r.CheckCRC())
		got = append(got, line(phys, r, size))
	})
	want, err := os.ReadFile("testdata/records.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), strings.Join(got, "\n")+"\n")
}

func TestAppendWritesWhatApacheWrote(t *testing.T) {
	records := 0
	eachGolden(t, func(_ int64, raw []byte, r *Record, _ int, err error) {
		if err != nil {
			return
		}
		records++
		require.Equal(t, len(raw), r.Size())
		require.Equal(t, raw, r.Append(nil))
	})
	require.Greater(t, records, 60)
}

func TestPlaceFillsInWhatTheLogAssigns(t *testing.T) {
	eachGolden(t, func(_ int64, raw []byte, r *Record, _ int, err error) {
		if err != nil {
			return
		}
		open := *r
		open.PhysOffset, open.QueueOffset, open.StoreTimestamp = 0, 0, 0
		encoded := open.Append(nil)
		Place(encoded, r.PhysOffset, r.QueueOffset, r.StoreTimestamp)
		require.Equal(t, raw, encoded)
		stored, err := StoreTimestamp(encoded)
		require.NoError(t, err)
		require.Equal(t, r.StoreTimestamp, stored)
	})
}

func TestRequestDescribesADelayedRecordByItsDelivery(t *testing.T) {
	found := 0
	eachGolden(t, func(phys int64, _ []byte, r *Record, size int, err error) {
		if err != nil || string(r.Topic) != messages.TopicSchedule {
			return
		}
		found++
		d := r.Request(string(r.Topic), size, func(level int) int64 {
			require.Equal(t, 3, level)
			return 10_000
		})
		require.Equal(t, r.StoreTimestamp+10_000, d.TagsCode)
		require.Equal(t, phys, d.Phys)
		require.True(t, d.Consumable())
		require.Equal(t, "key5 order-5", string(d.Keys))
	})
	require.Equal(t, 1, found)
}

func TestRequestTellsTransactionsApart(t *testing.T) {
	var half, committed int
	eachGolden(t, func(_ int64, _ []byte, r *Record, size int, err error) {
		if err != nil {
			return
		}
		d := r.Request(string(r.Topic), size, func(int) int64 { return 0 })
		switch {
		case d.Topic == messages.TopicTransHalf:
			half++
			require.True(t, d.Consumable(), "a half message is an ordinary one of its own topic")
		case d.SysFlag&messages.SysFlagTransactionMask == messages.SysFlagCommit:
			committed++
			require.True(t, d.Consumable())
			require.Positive(t, d.PreparedOffset)
		}
	})
	require.Equal(t, 2, half)
	require.Equal(t, 1, committed)
}

// line is what records.txt says of a record.
func line(phys int64, r *Record, size int) string {
	properties := messages.Properties(r.Properties)
	value := func(name string) string {
		if v, ok := properties[name]; ok {
			return v
		}
		return "null"
	}
	return fmt.Sprintf("%d size=%d phys=%d topic=%s queue=%d offset=%d flag=%d sysFlag=%d born=%d bornHost=%s store=%d storeHost=%s"+
		" reconsume=%d prepared=%d crc=%d body=%d tags=%d uniq=%s keys=%s properties=%d",
		phys, size, r.PhysOffset, r.Topic, r.QueueID, r.QueueOffset, r.Flag, r.SysFlag, r.BornTimestamp, r.BornHost,
		r.StoreTimestamp, r.StoreHost, r.ReconsumeTimes, r.PreparedOffset, r.BodyCRC, len(r.Body),
		TagsCode([]byte(properties[messages.PropertyTags])), value(messages.PropertyUniqKey), value(messages.PropertyKeys), len(properties))
}

// eachGolden visits what follows each other in the golden files, up to and with
// the blank at the end of each.
func eachGolden(t testing.TB, visit func(phys int64, raw []byte, r *Record, size int, err error)) {
	t.Helper()
	names, err := filepath.Glob("testdata/0*")
	require.NoError(t, err)
	require.Len(t, names, 2)
	for _, name := range names {
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		start, err := strconv.ParseInt(filepath.Base(name), 10, 64)
		require.NoError(t, err)
		for at := 0; at < len(file); {
			var r Record
			size, err := Decode(file[at:], &r)
			if err != nil {
				var blank *BlankError
				require.ErrorAs(t, err, &blank)
				require.Equal(t, len(file)-at, int(blank.Size), "a blank fills its file")
			}
			visit(start+int64(at), file[at:at+size], &r, size, err)
			if err != nil {
				break
			}
			at += size
		}
	}
}
