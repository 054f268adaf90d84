package segment_test

import (
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

func TestNames(t *testing.T) {
	for name, offset := range map[string]int64{
		"00000000000000000000": 0,
		"00000000001073741824": 1 << 30,
		"09223372036854775807": 1<<63 - 1,
	} {
		require.Equal(t, name, segment.Name(offset))
		got, ok := segment.ParseName(name)
		require.True(t, ok)
		require.Equal(t, offset, got)
	}
}

func FuzzParseName(f *testing.F) {
	for _, name := range []string{"", "00000000001073741824", "0000000000107374182", "-0000000000000000001", "99999999999999999999", "0000000000000000000 ", "+0000000000000000001"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		offset, ok := segment.ParseName(name)
		if !ok {
			return
		}
		require.GreaterOrEqual(t, offset, int64(0))
		require.Equal(t, name, segment.Name(offset))
	})
}

func TestList(t *testing.T) {
	const size = 100
	for _, test := range []struct {
		name  string
		files map[string]int64
		want  []int64
		err   string
	}{
		{name: "no directory"},
		{name: "from 0", files: map[string]int64{segment.Name(0): size, segment.Name(100): size}, want: []int64{0, 100}},
		{name: "from the middle", files: map[string]int64{segment.Name(700): size}, want: []int64{700}},
		{name: "an empty last file", files: map[string]int64{segment.Name(0): size, segment.Name(100): 0}, want: []int64{0}},
		{name: "nothing but an empty file", files: map[string]int64{segment.Name(0): 0}},
		{name: "an empty file in between", files: map[string]int64{segment.Name(0): 0, segment.Name(100): size}, err: "0 bytes where the configuration says 100"},
		{name: "another size", files: map[string]int64{segment.Name(0): 99}, err: "99 bytes where the configuration says 100"},
		{name: "a gap", files: map[string]int64{segment.Name(0): size, segment.Name(200): size}, err: "a gap behind 00000000000000000000"},
		{name: "a start between", files: map[string]int64{segment.Name(50): size}, err: "starts at no multiple of 100"},
		{name: "a foreign file", files: map[string]int64{"0.bak": size}, err: "a file that does not belong here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := vfs.NewMem(nil)
			for name, size := range test.files {
				require.NoError(t, mem.MkdirAll("/q/subdirectory"))
				f, err := mem.Create("/q/" + name)
				require.NoError(t, err)
				require.NoError(t, f.Truncate(size))
			}
			if len(test.files) > 0 {
				require.NoError(t, mem.Remove("/q/subdirectory"))
			}
			got, err := segment.List(mem, "/q", size)
			require.Equal(t, test.want, got)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			var layout *segment.LayoutError
			require.ErrorAs(t, err, &layout)
			require.Equal(t, test.err, layout.Reason)
		})
	}
}

// counting counts the files that are open.
type counting struct {
	vfs.FS
	open, opens atomic.Int64
}

type counted struct {
	vfs.File
	fs *counting
}

func (c *counting) Open(name string) (vfs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	c.opens.Add(1)
	return &counted{f, c}, nil
}

func (f *counted) Close() error {
	f.fs.open.Add(-1)
	return f.File.Close()
}

func newCounting(t *testing.T, files int) *counting {
	mem := vfs.NewMem(nil)
	for i := range files {
		f, err := mem.Create(fmt.Sprintf("/%d", i))
		require.NoError(t, err)
		_, err = f.WriteAt([]byte(fmt.Sprintf("%04d", i)), 0)
		require.NoError(t, err)
	}
	return &counting{FS: mem}
}

func contents(c *segment.Cache, i int) (string, error) {
	b := make([]byte, 4)
	err := c.With(fmt.Sprintf("/%d", i), func(f vfs.File) error {
		_, err := f.ReadAt(b, 0)
		return err
	})
	return string(b), err
}

func TestCacheKeepsTheFilesUsedLastOpen(t *testing.T) {
	fsys := newCounting(t, 10)
	c := segment.NewCache(fsys, 3)
	for _, step := range []struct {
		file        int
		open, opens int64
	}{
		{0, 1, 1}, {1, 2, 2}, {2, 3, 3}, {0, 3, 3}, {3, 3, 4}, {0, 3, 4}, {2, 3, 4}, {1, 3, 5}, {3, 3, 6},
	} {
		got, err := contents(c, step.file)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%04d", step.file), got)
		require.Equal(t, step.open, fsys.open.Load())
		require.Equal(t, step.opens, fsys.opens.Load())
	}
	_, err := contents(c, 99)
	require.ErrorIs(t, err, fs.ErrNotExist)
	c.Close()
	require.Zero(t, fsys.open.Load())
}

func TestCacheClosesNoFileInUse(t *testing.T) {
	fsys := newCounting(t, 10)
	c := segment.NewCache(fsys, 1)
	err := c.With("/0", func(f vfs.File) error {
		for i := range 10 {
			_, err := contents(c, i)
			require.NoError(t, err)
		}
		c.Evict("/0")
		got, err := contents(c, 0)
		require.NoError(t, err)
		require.Equal(t, "0000", got, "another handle")
		require.EqualValues(t, 2, fsys.open.Load())
		_, err = f.ReadAt(make([]byte, 4), 0)
		return err
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, fsys.open.Load())
	c.Evict("/0")
	c.Evict("/0")
	require.Zero(t, fsys.open.Load())
}

func TestCacheServesManyGoroutines(t *testing.T) {
	fsys := newCounting(t, 10)
	c := segment.NewCache(fsys, 3)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				n := (i*7 + g) % 10
				if got, err := contents(c, n); err != nil || got != fmt.Sprintf("%04d", n) {
					t.Errorf("%d: %q, %v", n, got, err)
				}
				if i%50 == 0 {
					c.Evict(fmt.Sprintf("/%d", n))
				}
			}
		})
	}
	wg.Wait()
	c.Close()
	require.Zero(t, fsys.open.Load())
}

func BenchmarkCache(b *testing.B) {
	mem := vfs.NewMem(nil)
	_, err := mem.Create("/f")
	require.NoError(b, err)
	c := segment.NewCache(mem, 10)
	b.Run("with", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = c.With("/f", func(vfs.File) error { return nil })
		}
	})
}
