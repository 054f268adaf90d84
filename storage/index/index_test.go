package index

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
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

// Against a model: whatever is flushed is found after a clean stop and after a
// crash, over several files, and nothing twice.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem(nil)
		x := open(t, fs, false)
		model, flushed := map[string][]int64{}, map[string][]int64{}
		phys, flushedPhys := int64(0), int64(0)
		keep := func(m map[string][]int64) map[string][]int64 {
			c := map[string][]int64{}
			for k, v := range m {
				c[k] = slices.Clone(v)
			}
			return c
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"put", "put", "put", "flush", "reopen", "crash"}).Draw(t, "op") {
			case "put":
				phys += 10
				id := fmt.Sprintf("id%d", rapid.IntRange(0, 8).Draw(t, "id"))
				require.NoError(t, x.Put(request(phys, id, "", "")))
				model[id] = append(model[id], phys)
			case "flush":
				require.NoError(t, x.Flush())
				flushed, flushedPhys = keep(model), phys
			case "reopen":
				require.NoError(t, x.Flush())
				require.NoError(t, x.Close())
				x = open(t, fs, false)
				flushed, flushedPhys = keep(model), phys
			case "crash":
				fs.Crash(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "fate") })
				x = open(t, fs, true)
				require.GreaterOrEqual(t, x.EndPhys(), flushedPhys)
				// What came later is indexed again from the log.
				model, phys = keep(flushed), flushedPhys
				for id, places := range model {
					model[id] = places
				}
				if x.EndPhys() > flushedPhys {
					t.Skip("a full file was flushed on the way")
				}
			}
		}
		for id, want := range model {
			got, err := x.Query("T", id, false, 1000, 0, always)
			require.NoError(t, err)
			slices.Reverse(got)
			require.Equal(t, want, got, id)
		}
	})
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
	f.Fuzz(func(t *testing.T, content []byte, crashed bool) {
		fs := vfs.NewMem(nil)
		require.NoError(t, fs.MkdirAll("/index"))
		file, err := fs.Create("/index/20260102030405006")
		require.NoError(t, err)
		_, err = file.WriteAt(content, 0)
		require.NoError(t, err)
		x, err := Open(Options{FS: fs, Dir: "/index", Slots: 7, Entries: 20, Crashed: crashed, Now: time.Now})
		if err != nil {
			return
		}
		_, _ = x.Query("T", "a", false, 64, 0, always)
		if x.Put(request(always, "ID", "a", "t")) == nil {
			_, _ = x.Query("T", "a", false, 64, 0, always)
		}
	})
}
