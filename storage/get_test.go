package storage_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

var testHost = netip.MustParseAddrPort("127.0.0.1:10911")

// writer appends messages to a store and dispatches them, as the actors do.
type writer struct {
	store *storage.Store
	next  map[string]int64
	now   int64
}

func newWriter(t testing.TB, o storage.Options) *writer {
	o.Root, o.Now = "/store", func() time.Time { return time.UnixMilli(1_700_000_000_000) }
	s, err := storage.Open(o)
	require.NoError(t, err)
	return &writer{store: s, next: map[string]int64{}, now: 1_700_000_000_000}
}

// send appends a message with a body of size bytes and returns its request.
func (w *writer) send(t testing.TB, topic string, queueID int32, tags string, size int) messages.DispatchRequest {
	r := record.Record{
		QueueID: queueID, BornHost: testHost, StoreHost: testHost, Topic: []byte(topic), Body: []byte(strings.Repeat("b", size)),
	}
	if tags != "" {
		r.Properties = []byte("TAGS\x01" + tags + "\x02")
	}
	raw := r.Append(nil)
	phys, err := w.store.Log.Reserve(len(raw))
	require.NoError(t, err)
	w.now++
	record.Place(raw, phys, w.next[topic], w.now)
	w.store.Log.Put(raw)
	require.NoError(t, w.store.Log.Commit(w.now))
	_, err = record.Decode(raw, &r)
	require.NoError(t, err)
	d := r.Request(topic, len(raw), nil)
	w.next[topic]++
	require.NoError(t, w.store.Dispatch(&d))
	return d
}

func TestGetBoundsABatch(t *testing.T) {
	options := storage.Options{
		FS: vfs.NewMem(nil), SegmentSize: 1 << 20, InMemoryBytes: 40_000,
		MaxMessagesInMemory: 10, MaxBytesInMemory: 5000, MaxMessagesOnDisk: 4, MaxBytesOnDisk: 2500,
	}
	w := newWriter(t, options)
	for range 100 {
		w.send(t, "T", 0, "", 1000-92) // records of 1000 bytes
	}
	w.send(t, "T", 0, "", 9000)
	for name, c := range map[string]struct {
		offset     int64
		max, count int
	}{
		"as many as asked for":                      {offset: 70, max: 2, count: 2},
		"bytes in memory":                           {offset: 70, max: 99, count: 5},
		"bytes on disk":                             {offset: 1, max: 99, count: 2},
		"the first one however large":               {offset: 100, max: 99, count: 1},
		"the first one however few are wanted":      {offset: 70, max: 0, count: 1},
		"none that does not fit behind others":      {offset: 98, max: 99, count: 2},
		"the disk's bounds end where memory begins": {offset: 68, max: 99, count: 5},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.store.Get("T", 0, c.offset, c.max, nil, nil)
			require.Equal(t, storage.Found, got.Status)
			require.Equal(t, c.count, got.Count)
			require.Equal(t, c.offset+int64(c.count), got.Next)
		})
	}
}

func TestGetLooksAtSoManyUnitsOnly(t *testing.T) {
	w := newWriter(t, storage.Options{FS: vfs.NewMem(nil), SegmentSize: 1 << 20})
	for range 2000 {
		w.send(t, "T", 0, "no", 10)
	}
	filter := tagCodes{messages.TagsCode([]byte("yes"))}
	got := w.store.Get("T", 0, 0, 32, filter, nil)
	require.Equal(t, storage.NoMatchedMessage, got.Status)
	require.Equal(t, int64(800), got.Next)
	require.Equal(t, int64(900), w.store.Get("T", 0, 0, 900, filter, nil).Next)
}

// Records of a queue that lie apart, because other queues' are between them, come
// back to back.
func TestGetSkipsOtherQueuesRecords(t *testing.T) {
	w := newWriter(t, storage.Options{FS: vfs.NewMem(nil), SegmentSize: 64 << 10, InMemoryBytes: math.MaxInt64})
	for i := range 40 {
		w.send(t, "T", 0, "", 100)
		w.send(t, "other", 0, "", i*i*7) // gaps that are read along, and others
	}
	got := w.store.Get("T", 0, 0, 32, nil, make([]byte, 0, 100))
	require.Equal(t, 32, got.Count)
	offset := int64(0)
	eachRecord(t, got.Body, func(r *record.Record) {
		require.Equal(t, offset, r.QueueOffset)
		offset++
	})
}

// A disk that fails sends nobody past the messages that it does not give.
func TestGetOnAFailingDisk(t *testing.T) {
	mem := vfs.NewMem(nil)
	w := newWriter(t, storage.Options{FS: mem, SegmentSize: 16 << 10})
	for range 20 {
		w.send(t, "T", 0, "", 1000)
	}
	require.NoError(t, w.store.Close())
	w = newWriter(t, storage.Options{FS: mem, SegmentSize: 16 << 10})
	eio := errors.New("EIO")
	mem.SetFault(func(op vfs.Op, name string) error {
		if (op == vfs.OpRead || op == vfs.OpOpen) && strings.HasPrefix(name, "/store/consumequeue") {
			return eio
		}
		return nil
	})
	got := w.store.Get("T", 0, 3, 32, nil, nil)
	require.Equal(t, storage.OffsetFoundNull, got.Status)
	require.ErrorIs(t, got.Err, eio)
	require.Equal(t, int64(3), got.Next)

	mem.SetFault(nil)
	require.Equal(t, storage.Found, w.store.Get("T", 0, 3, 32, nil, nil).Status)

	mem.SetFault(func(op vfs.Op, name string) error {
		if op == vfs.OpRead && strings.HasSuffix(name, segment.Name(16<<10)) {
			return eio
		}
		return nil
	})
	got = w.store.Get("T", 0, 10, 32, nil, nil) // the first segment holds 15
	require.Equal(t, storage.Found, got.Status)
	require.ErrorIs(t, got.Err, eio)
	require.Equal(t, int64(10+got.Count), got.Next)
	last := got.Next
	got = w.store.Get("T", 0, last, 32, nil, nil)
	require.Equal(t, storage.OffsetFoundNull, got.Status)
	require.Equal(t, last, got.Next)

	mem.SetFault(nil)
	require.Equal(t, storage.Found, w.store.Get("T", 0, last, 32, nil, nil).Status)
}

// Without its files nobody knows a queue's next offset.
func TestNextOffsetOnAFailingDisk(t *testing.T) {
	mem := vfs.NewMem(nil)
	w := newWriter(t, storage.Options{FS: mem, SegmentSize: 16 << 10})
	w.send(t, "T", 0, "", 10)
	w.send(t, "U", 0, "", 10) // so that recovery does not look at T
	require.NoError(t, w.store.Close())
	w = newWriter(t, storage.Options{FS: mem, SegmentSize: 16 << 10})
	mem.SetFault(func(op vfs.Op, name string) error {
		if op == vfs.OpOpen && strings.HasPrefix(name, "/store/consumequeue") {
			return errors.New("EIO")
		}
		return nil
	})
	w.store.NextOffset("T", 0)
	_, err := w.store.Log.Reserve(100)
	require.ErrorIs(t, err, commitlog.ErrReadOnly)
}

// Consumers beside Dispatch, the queues' writes and syncs, and the cleaner.
func TestGetBesideEverythingElse(t *testing.T) {
	w := newWriter(t, storage.Options{FS: vfs.NewMem(nil), SegmentSize: 8 << 10, ConsumeQueueSize: 37 * 20})
	const total = 1500
	var consumers sync.WaitGroup
	for range 2 {
		consumers.Go(func() {
			var buf []byte
			for at := int64(0); at < total; {
				got := w.store.Get("T", 0, at, 32, nil, buf)
				if got.Status == storage.Found {
					expect := got.Next - int64(got.Count)
					if got.Count != eachRecord(t, got.Body, func(r *record.Record) {
						if r.QueueOffset != expect {
							t.Errorf("offset %d where %d was expected", r.QueueOffset, expect)
						}
						expect++
					}) {
						t.Error("the count is wrong")
					}
				}
				if got.Next < at || got.Err != nil {
					t.Errorf("%+v", got)
					return
				}
				at, buf = got.Next, got.Body
			}
		})
	}
	for i := range total {
		w.send(t, "T", 0, "", 50)
		if i%50 == 0 {
			require.NoError(t, w.store.DeleteTopic("none")) // writes and syncs
			_, err := w.store.RemoveSegments(&storage.CleanOptions{BatchMax: 1}, storage.Verdict{Remove: true, Force: true}, time.Now())
			require.NoError(t, err)
			_, err = w.store.Queues.Clean(w.store.Log.MinOffset())
			require.NoError(t, err)
		}
	}
	consumers.Wait()
}

func BenchmarkStore(b *testing.B) {
	for _, c := range []struct {
		name   string
		queues int
		filter storage.Filter
	}{
		{"get-32x1KiB", 1, nil},
		{"get-32x1KiB-of-8-queues", 8, nil},
		{"get-32x1KiB-by-property", 1, tagged("")},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := storage.Open(storage.Options{
				FS: vfs.OS(), Root: b.TempDir(), SegmentSize: 64 << 20, InMemoryBytes: math.MaxInt64, Now: time.Now,
			})
			require.NoError(b, err)
			w := &writer{store: s, next: map[string]int64{}}
			for i := range 8192 {
				w.send(b, fmt.Sprint("T", i%c.queues), 0, "", 1024-94)
			}
			sync, err := s.WriteQueues()
			require.NoError(b, err)
			require.NoError(b, sync())
			buf := make([]byte, 0, 512<<10)
			b.ReportAllocs()
			b.SetBytes(32 << 10)
			at := int64(0)
			for b.Loop() {
				got := s.Get("T0", 0, at, 32, c.filter, buf)
				if got.Count != 32 {
					b.Fatal(got.Status, got.Count)
				}
				if at = got.Next; at+32 > got.Max {
					at = 0
				}
			}
			require.NoError(b, s.Close())
		})
	}
}

// tagged is a filter that wants a tag and looks for it in the properties, as if
// tags codes said nothing.
type tagged string

func (tagged) MatchTagsCode(int64) bool { return true }

func (f tagged) MatchProperties(properties []byte) bool {
	return string(messages.FindProperty(properties, messages.PropertyTags)) == string(f)
}

// Records that a filter rejects once they were read make room for others.
func TestGetFiltersByProperties(t *testing.T) {
	w := newWriter(t, storage.Options{FS: vfs.NewMem(nil), SegmentSize: 1 << 20, InMemoryBytes: math.MaxInt64, MaxMessagesInMemory: 4, MaxBytesInMemory: 1000})
	for i := range 2000 {
		w.send(t, "T", 0, map[bool]string{true: "yes"}[i%100 == 0], 10)
	}
	offsets := func(got storage.GetResult) (all []int64) {
		eachRecord(t, got.Body, func(r *record.Record) { all = append(all, r.QueueOffset) })
		return all
	}
	got := w.store.Get("T", 0, 0, 32, tagged("yes"), nil)
	require.Equal(t, storage.Found, got.Status)
	require.Equal(t, []int64{0, 100, 200, 300}, offsets(got))
	require.Equal(t, 4, got.Count)
	require.Equal(t, int64(301), got.Next)

	got = w.store.Get("T", 0, got.Next, 32, tagged("yes"), nil)
	require.Equal(t, []int64{400, 500, 600, 700}, offsets(got))

	got = w.store.Get("T", 0, 0, 2, tagged("yes"), nil)
	require.Equal(t, []int64{0, 100}, offsets(got))

	got = w.store.Get("T", 0, 0, 32, tagged("never"), nil)
	require.Equal(t, storage.NoMatchedMessage, got.Status)
	require.Equal(t, int64(800), got.Next)
	require.Empty(t, got.Body)
}
