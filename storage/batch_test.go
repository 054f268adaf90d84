package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/vfs"
)

// sendBatch appends a record of n messages to a batch topic.
func (w *writer) sendBatch(t testing.TB, topic string, n int) messages.DispatchRequest {
	r := record.Record{
		BornHost: testHost, StoreHost: testHost, Topic: []byte(topic), Body: []byte("a batch"),
		SysFlag: messages.SysFlagInnerBatch, Properties: record.AppendInner(nil, n),
	}
	raw := r.Append(nil)
	phys, err := w.store.Log.Reserve(len(raw))
	require.NoError(t, err)
	w.now += 10
	record.Place(raw, phys, w.next[topic], w.now)
	record.PlaceInner(raw, w.next[topic])
	w.store.Log.Put(raw)
	require.NoError(t, w.store.Log.Commit(w.now))
	_, err = record.Decode(raw, &r)
	require.NoError(t, err)
	d := r.Request(topic, len(raw), nil)
	require.EqualValues(t, n, d.Inner)
	w.next[topic] += int64(n)
	require.NoError(t, w.store.Dispatch(&d))
	return d
}

// batchStore has batches of 5, 3 and 1 messages, in files of two units.
func batchStore(t *testing.T) *writer {
	w := newWriter(t, storage.Options{FS: vfs.NewMem(nil), BatchQueueSize: 2 * 46, InMemoryBytes: 1 << 20})
	for _, n := range []int{5, 3, 1} {
		w.sendBatch(t, "T", n)
	}
	return w
}

func TestGetGivesWholeBatches(t *testing.T) {
	w := batchStore(t)
	for _, c := range []struct {
		offset      int64
		limit       int
		status      storage.GetStatus
		count, next int
	}{
		{0, 32, storage.Found, 9, 9},
		{0, 1, storage.Found, 5, 5}, // the first batch always fits
		{0, 7, storage.Found, 5, 5}, // half of the second does not
		{0, 8, storage.Found, 8, 8},
		{4, 5, storage.Found, 5, 5}, // the batch that the offset lies in
		{7, 32, storage.Found, 4, 9},
		{8, 32, storage.Found, 1, 9},
		{9, 32, storage.OffsetOverflowOne, 0, 9},
		{10, 32, storage.OffsetOverflowBadly, 0, 9},
		{-1, 32, storage.OffsetTooSmall, 0, 0},
	} {
		got := w.store.Get("T", 0, c.offset, c.limit, nil, nil)
		require.NoError(t, got.Err)
		require.Equal(t, c.status, got.Status, "%+v", c)
		require.Equal(t, c.count, got.Count, "%+v", c)
		require.EqualValues(t, c.next, got.Next, "%+v", c)
		require.EqualValues(t, 9, got.Max)
		require.EqualValues(t, 0, got.Min)
	}
	require.Equal(t, storage.NoMatchedLogicQueue, w.store.Get("T", 1, 0, 32, nil, nil).Status)
}

func TestBatchesByTime(t *testing.T) {
	w := batchStore(t)
	first := w.now - 20
	for _, c := range []struct {
		time         int64
		lower, upper int64
	}{
		{first - 1, 0, 0},
		{first, 0, 0},
		{first + 1, 5, 0},
		{first + 10, 5, 5},
		{first + 11, 8, 5},
		{first + 20, 8, 8},
		{first + 21, 8, 8}, // the last batch, as at Apache's
	} {
		lower, err := w.store.OffsetByTime("T", 0, c.time, false)
		require.NoError(t, err)
		upper, err := w.store.OffsetByTime("T", 0, c.time, true)
		require.NoError(t, err)
		require.Equal(t, []int64{c.lower, c.upper}, []int64{lower, upper}, "%d after the first", c.time-first)
	}
	require.Equal(t, first, w.store.EarliestStoreTime("T", 0))
	require.Equal(t, first+10, w.store.StoreTimeAt("T", 0, 6))
	require.EqualValues(t, -1, w.store.StoreTimeAt("T", 0, 9))
}

// TestBatchTopicAlone tells that a store without any other topic moves its
// checkpoint, on which retention depends, and finds its queues again.
func TestBatchTopicAlone(t *testing.T) {
	fs := vfs.NewMem(nil)
	options := storage.Options{FS: fs, SegmentSize: 4096, BatchQueueSize: 2 * 46}
	w := newWriter(t, options)
	var last messages.DispatchRequest
	for last.Phys < 3*4096 {
		last = w.sendBatch(t, "T", 7)
	}
	sync, err := w.store.WriteQueues()
	require.NoError(t, err)
	require.NoError(t, sync())
	removed, err := w.store.RemoveSegments(&storage.CleanOptions{BatchMax: 9}, storage.Verdict{Remove: true, Force: true}, time.UnixMilli(w.now))
	require.NoError(t, err)
	require.Positive(t, removed)
	_, err = w.store.CleanQueues(w.store.Log.MinOffset())
	require.NoError(t, err)
	lo, hi, err := w.store.Bounds("T", 0)
	require.NoError(t, err)
	require.Positive(t, lo)
	require.Zero(t, lo%7)
	require.Equal(t, w.next["T"], hi)
	require.Equal(t, storage.OffsetTooSmall, w.store.Get("T", 0, lo-1, 1, nil, nil).Status)

	fs.CrashProcess()
	again := newWriter(t, options)
	require.LessOrEqual(t, again.store.Recovery.Dispatched, 1)
	gotLo, gotHi, err := again.store.Bounds("T", 0)
	require.NoError(t, err)
	require.Equal(t, []int64{lo, hi}, []int64{gotLo, gotHi})
	require.NoError(t, again.store.DeleteTopic("T"))
	require.Zero(t, again.store.NextOffset("T", 0))
	require.False(t, again.store.Batches.Used())
}

// A power loss can keep a unit and take its record. If nobody looks at that queue
// before the log has grown over the place, only the record tells.
func TestUnitWithoutItsRecordIsNoMessage(t *testing.T) {
	fs := vfs.NewMem(nil)
	options := storage.Options{FS: fs, SegmentSize: 1 << 16}
	w := newWriter(t, options)
	w.send(t, "other", 0, "", 10)
	_, err := w.store.Log.Sync()
	require.NoError(t, err)
	lost := w.sendBatch(t, "T", 3)
	require.NoError(t, w.store.Batches.Sync()) // without the log
	fs.Crash(func(int) int { return 0 })

	w = newWriter(t, options)
	require.LessOrEqual(t, w.store.Log.MaxOffset(), lost.Phys, "the record is gone")
	w.next["other"] = w.store.NextOffset("other", 0)
	for w.store.Log.MaxOffset() < lost.Phys+int64(lost.Size) {
		w.send(t, "other", 0, "", 10)
	}
	require.NoError(t, w.store.Close())

	w = newWriter(t, options)
	lo, hi, err := w.store.Bounds("T", 0)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 0}, []int64{lo, hi})
	again := w.sendBatch(t, "T", 2)
	got := w.store.Get("T", 0, 0, 32, nil, nil)
	require.Equal(t, storage.Found, got.Status)
	require.Equal(t, int(again.Size), len(got.Body))
}

// A slave may hear of the kind of a topic after its first messages.
func TestTopicThatTurnsOutToBeABatchTopic(t *testing.T) {
	known := false
	options := storage.Options{FS: vfs.NewMem(nil), SegmentSize: 1 << 16, InMemoryBytes: 1 << 20, IsBatch: func(string) bool { return known }}
	w := newWriter(t, options)
	for range 3 {
		w.send(t, "T", 0, "", 10)
	}
	require.Equal(t, 3, w.store.Get("T", 0, 0, 32, nil, nil).Count)
	w.sendBatch(t, "T", 4)
	known = true
	w.send(t, "T", 0, "", 10)
	for range 2 {
		got := w.store.Get("T", 0, 0, 32, nil, nil)
		require.Equal(t, 8, got.Count)
		var offsets []int64
		eachRecord(t, got.Body, func(r *record.Record) { offsets = append(offsets, r.QueueOffset) })
		require.Equal(t, []int64{0, 1, 2, 3, 7}, offsets)
		require.EqualValues(t, 8, w.store.NextOffset("T", 0))

		options.FS.(*vfs.Mem).CrashProcess()
		w = newWriter(t, options)
	}
}

func BenchmarkBatches(b *testing.B) {
	s, err := storage.Open(storage.Options{FS: vfs.OS(), Root: b.TempDir(), SegmentSize: 64 << 20, InMemoryBytes: 1 << 30, Now: time.Now})
	require.NoError(b, err)
	w := &writer{store: s, next: map[string]int64{}}
	for range 8192 {
		w.sendBatch(b, "T", 4)
	}
	buf := make([]byte, 0, 64<<10)
	for _, c := range []struct {
		name string
		step int64 // from one Get to the next; the first continues where the last ended
	}{{"get-8-in-order", 32}, {"get-8-anywhere", 32 * 97}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			at := int64(0)
			for b.Loop() {
				got := s.Get("T", 0, at, 32, nil, buf)
				if got.Count != 32 {
					b.Fatal(got.Status, got.Count)
				}
				if at += c.step; at+32 > got.Max {
					at %= 32
				}
			}
		})
	}
	require.NoError(b, s.Close())
}
