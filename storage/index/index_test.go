package index

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

func open(t require.TestingT, fs vfs.FS, crashed bool) *Index {
	x, err := Open(Options{
		FS: fs, Dir: "/index", Slots: 7, Entries: 20, Crashed: crashed,
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC) },
	})
	require.NoError(t, err)
	return x
}

func request(phys int64, id, keys, tags string) *messages.DispatchRequest {
	return &messages.DispatchRequest{
		Topic: "T", Phys: phys, StoreTime: 1_700_000_000_000 + phys, Size: 10,
		UniqKey: []byte(id), Keys: []byte(keys), Tags: []byte(tags),
	}
}

const always = int64(1) << 62

func TestQuery(t *testing.T) {
	x := open(t, vfs.NewMem(nil), false)
	require.NoError(t, x.Put(request(100, "ID1", "red green", "tag")))
	require.NoError(t, x.Put(request(200, "ID2", "green", "tag")))
	for name, c := range map[string]struct {
		key        string
		tags       bool
		limit      int
		begin, end int64
		want       []int64
	}{
		"the producer's id":      {key: "ID1", limit: 9, end: always, want: []int64{100}},
		"a word of the keys":     {key: "red", limit: 9, end: always, want: []int64{100}},
		"the newest first":       {key: "green", limit: 9, end: always, want: []int64{200, 100}},
		"no more than asked for": {key: "green", limit: 1, end: always, want: []int64{200}},
		"tags are no keys":       {key: "tag", limit: 9, end: always},
		"tags":                   {key: "tag", tags: true, limit: 9, end: always, want: []int64{200, 100}},
		"a key that nobody has":  {key: "blue", limit: 9, end: always},
		"stored too late":        {key: "green", limit: 9, end: 1},
		"stored too early":       {key: "green", limit: 9, begin: always, end: always},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.Query("T", c.key, c.tags, c.limit, c.begin, c.end)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	got, err := x.Query("other", "ID1", false, 9, 0, always)
	require.NoError(t, err)
	require.Empty(t, got, "a key belongs to its topic")
}

// journal stands for the CommitLog: the records in their order.
type journal []*messages.DispatchRequest

// replay does what recovery does: it puts every record from the end of the index
// on, and the last one again.
func (j journal) replay(t require.TestingT, x *Index) {
	for _, d := range j {
		if d.Phys >= x.EndPhys() {
			require.NoError(t, x.Put(d))
		}
	}
}

// Against a model: every key of every record is found, whatever stops and crashes
// come, over several files, some of which end amid the keys of a record.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem(nil)
		x := open(t, fs, false)
		var log journal
		flushed := int64(0)
		word := rapid.SampledFrom([]string{"a", "b", "c", "", "a b", "c  d", "b a b"})
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				id := fmt.Sprintf("id%d", rapid.IntRange(0, 8).Draw(t, "id"))
				d := request(int64(len(log))*10, id, word.Draw(t, "keys"), rapid.SampledFrom([]string{"", "x"}).Draw(t, "tags"))
				log = append(log, d)
				require.NoError(t, x.Put(d))
			},
			"flush": func(t *rapid.T) {
				require.NoError(t, x.Flush())
				flushed = x.EndPhys()
			},
			"restart": func(t *rapid.T) {
				require.NoError(t, x.Settle())
				require.NoError(t, x.Close())
				x = open(t, fs, false)
				flushed = x.EndPhys()
				log.replay(t, x)
			},
			"kill": func(t *rapid.T) {
				fs.CrashProcess()
				x = open(t, fs, true)
				log.replay(t, x)
			},
			"power loss": func(t *rapid.T) {
				fs.Crash(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "fate") })
				x = open(t, fs, true)
				require.GreaterOrEqual(t, x.EndPhys(), flushed)
				log.replay(t, x)
			},
			"": func(t *rapid.T) {
				for key, want := range log.places(false) {
					require.Equal(t, want, find(t, x, key, false), "key %q", key)
				}
				for tags, want := range log.places(true) {
					require.Equal(t, want, find(t, x, tags, true), "tags %q", tags)
				}
			},
		})
	})
}

// places tells where the messages of each key, or of all tags, are.
func (j journal) places(tags bool) map[string][]int64 {
	m := map[string][]int64{}
	for _, d := range j {
		keys := append(strings.Fields(string(d.Keys)), string(d.UniqKey))
		if tags {
			keys = strings.Fields(string(d.Tags))
		}
		for _, key := range keys {
			m[key] = slices.Compact(append(m[key], d.Phys))
		}
	}
	return m
}

// find returns the places of a key in ascending order. A record that was put twice
// counts once.
func find(t require.TestingT, x *Index, key string, tags bool) []int64 {
	got, err := x.Query("T", key, tags, 10_000, 0, always)
	require.NoError(t, err)
	slices.Reverse(got)
	require.True(t, slices.IsSorted(got), "the newest come first")
	return slices.Compact(got)
}

// A restart does not index the last record again.
func TestRestartAddsNothing(t *testing.T) {
	fs := vfs.NewMem(nil)
	x := open(t, fs, false)
	log := journal{request(0, "ID0", "a", ""), request(10, "ID1", "a b", "x")}
	log.replay(t, x)
	count := x.last().count
	require.NoError(t, x.Settle())
	require.NoError(t, x.Close())
	x = open(t, fs, false)
	log.replay(t, x)
	require.Equal(t, count, x.last().count)
}

func TestCleanRemovesWhatTheLogNoLongerHas(t *testing.T) {
	x := open(t, vfs.NewMem(nil), false)
	for i := range int64(100) { // a key each: five files of 19 entries and one of 5
		require.NoError(t, x.Put(request(i, fmt.Sprint(i), "", "")))
	}
	require.Len(t, x.files, 6)
	removed, err := x.Clean(38) // the second file ends with record 37
	require.NoError(t, err)
	require.Equal(t, 2, removed)
	require.Empty(t, find(t, x, "37", false))
	require.Equal(t, []int64{38}, find(t, x, "38", false))
	removed, err = x.Clean(1000)
	require.NoError(t, err)
	require.Equal(t, 3, removed, "the last file stays")
}

func TestOpenRefusesAnotherSizeAndPassesOverOtherFiles(t *testing.T) {
	fs := vfs.NewMem(nil)
	x := open(t, fs, false)
	require.NoError(t, x.Put(request(1, "ID", "", "")))
	require.NoError(t, x.Settle())
	other, err := fs.Create("/index/notes.txt")
	require.NoError(t, err)
	_, err = other.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, find(t, open(t, fs, false), "ID", false))
	_, err = Open(Options{FS: fs, Dir: "/index", Slots: 8, Entries: 20, Now: time.Now})
	var layout *segment.LayoutError
	require.ErrorAs(t, err, &layout)
}

// When nothing comes any more, Flush completes the file and lets go of the memory.
func TestIdleFlushSettles(t *testing.T) {
	fs := vfs.NewMem(nil)
	x := open(t, fs, false)
	require.NoError(t, x.Put(request(1, "ID", "", "")))
	require.NoError(t, x.Flush())
	require.NotNil(t, x.last().pages)
	require.NoError(t, x.Flush())
	require.Nil(t, x.last().pages)
	fs.CrashProcess()
	require.Equal(t, []int64{1}, find(t, open(t, fs, false), "ID", false), "the slots are in the file")
}

// A broker that trusts the slots it finds, as Apache's does, takes over after a
// kill -9.
func TestFlushLeavesSlotsForThoseWhoDoNotRebuildThem(t *testing.T) {
	fs := vfs.NewMem(nil)
	x := open(t, fs, false)
	for i := range int64(10) {
		require.NoError(t, x.Put(request(i, fmt.Sprint(i), "", "")))
	}
	require.NoError(t, x.Flush())
	require.NoError(t, x.Put(request(10, "10", "", "")))
	fs.CrashProcess()
	x = open(t, fs, false)
	for i := range int64(10) {
		require.Equal(t, []int64{i}, find(t, x, fmt.Sprint(i), false))
	}
	require.Equal(t, int64(9), x.EndPhys(), "from where the log is to be indexed again")
}

// What an index says of the log must not outlive a power loss that the log did not.
func TestTheLogIsDurableBeforeAFullFile(t *testing.T) {
	fs := vfs.NewMem(nil)
	synced := 0
	x, err := Open(Options{FS: fs, Dir: "/index", Slots: 7, Entries: 20, Now: time.Now, SyncLog: func() error { synced++; return nil }})
	require.NoError(t, err)
	for i := range int64(19) {
		require.NoError(t, x.Put(request(i, fmt.Sprint(i), "", "")))
	}
	require.Zero(t, synced)
	require.NoError(t, x.Put(request(19, "19", "", "")))
	require.Len(t, x.files, 2)
	require.Equal(t, 1, synced)
}

// Where recovery has cut the log, the index ends for good.
func TestACutIsDurable(t *testing.T) {
	fs := vfs.NewMem(nil)
	x := open(t, fs, false)
	for i := range int64(10) {
		require.NoError(t, x.Put(request(i*10, fmt.Sprint(i), "", "")))
	}
	require.NoError(t, x.Flush())
	x = open(t, fs, true)
	require.NoError(t, x.Truncate(45))
	fs.Crash(func(n int) int { return 0 })
	require.Equal(t, int64(44), open(t, fs, true).EndPhys())
}

func TestFileNamesAscend(t *testing.T) {
	x := open(t, vfs.NewMem(nil), false) // whose clock stands still
	for i := range int64(40) {
		require.NoError(t, x.Put(request(i, fmt.Sprint(i), "", "")))
	}
	require.Equal(t, "/index/20260102030405006", x.files[0].name)
	require.Equal(t, "/index/20260102030405007", x.files[1].name)
	require.Equal(t, "/index/20260102030405008", x.files[2].name)
}

func BenchmarkIndex(b *testing.B) {
	x, err := Open(Options{FS: vfs.OS(), Dir: b.TempDir(), Now: time.Now})
	require.NoError(b, err)
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		var id [16]byte
		phys, keys := x.EndPhys(), []byte("order-1234")
		for b.Loop() {
			phys += 1024
			binary.BigEndian.PutUint64(id[:], uint64(phys))
			d := messages.DispatchRequest{Topic: "T", Phys: phys, StoreTime: 1_700_000_000_000 + phys, Size: 1024, UniqKey: id[:], Keys: keys}
			if err := x.Put(&d); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("query", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if found, err := x.Query("T", "order-1234", false, 32, 0, always); err != nil || len(found) == 0 {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("flush", func(b *testing.B) {
		phys := x.EndPhys()
		for b.Loop() {
			for range 1000 {
				phys += 1024
				require.NoError(b, x.Put(request(phys, fmt.Sprint(phys), "", "")))
			}
			require.NoError(b, x.Flush())
		}
	})
	b.Run("rebuild", func(b *testing.B) {
		require.NoError(b, x.Settle())
		for b.Loop() {
			require.NoError(b, x.last().rebuild())
		}
		b.ReportMetric(float64(x.last().count), "entries")
	})
	require.NoError(b, x.Close())
}

// No bytes of a file may make a query panic or run for ever.
func FuzzQueryOfAnyFile(f *testing.F) {
	fs := vfs.NewMem(nil)
	x := open(f, fs, false)
	for i := range int64(5) {
		require.NoError(f, x.Put(request(i*10, "ID", "a b", "t")))
	}
	require.NoError(f, x.Flush())
	name := x.files[0].name
	file, err := fs.Open(name)
	require.NoError(f, err)
	size, err := file.Size()
	require.NoError(f, err)
	golden := make([]byte, size)
	_, err = file.ReadAt(golden, 0)
	require.NoError(f, err)
	f.Add(golden, false)
	f.Add(golden, true)
	f.Add(golden[:50], true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, content []byte, crashed bool) {
		fs := vfs.NewMem(nil)
		require.NoError(t, fs.MkdirAll("/index"))
		file, err := fs.Create("/index/20260102030405006")
		require.NoError(t, err)
		_, err = file.WriteAt(content, 0)
		require.NoError(t, err)
		_, _ = Open(Options{FS: fs, Dir: "/index", Slots: 7, Entries: 20, Crashed: crashed, Now: time.Now})
		require.NoError(t, fs.MkdirAll("/index"))
		require.NoError(t, file.Truncate(size)) // else it is refused for its size
		x := open(t, fs, crashed)
		_, err = x.Query("T", "a", false, 64, 0, always)
		require.NoError(t, err)
		require.NoError(t, x.Put(request(always, "ID", "a", "t")))
		_, err = x.Query("T", "a", false, 64, 0, always)
		require.NoError(t, err)
		require.NoError(t, x.Settle())
	})
}
