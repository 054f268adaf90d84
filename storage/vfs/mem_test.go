package vfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/storage/vfs"
)

func newMem(t require.TestingT) *vfs.Mem {
	mem := vfs.NewMem(nil)
	require.NoError(t, mem.MkdirAll("/dir"))
	return mem
}

func create(t require.TestingT, mem *vfs.Mem, name string) vfs.File {
	f, err := mem.Create(name)
	require.NoError(t, err)
	return f
}

// The model of a crash: each sector is, on its own, what the last Sync left, or
// what it was written with last.
func TestCrashTearsWhatWasNotSynced(t *testing.T) {
	const sectors = 6
	rapid.Check(t, func(t *rapid.T) {
		mem := newMem(t)
		f := create(t, mem, "/dir/f")
		require.NoError(t, f.Allocate(sectors*vfs.SectorSize))
		require.NoError(t, f.Sync())
		require.NoError(t, mem.SyncDir("/dir"))
		synced := make([]byte, sectors*vfs.SectorSize)
		live := bytes.Clone(synced)

		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "sync") {
				require.NoError(t, f.Sync())
				synced = bytes.Clone(live)
				continue
			}
			off := rapid.IntRange(0, len(live)-1).Draw(t, "off")
			n := rapid.IntRange(1, len(live)-off).Draw(t, "n")
			b := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
			if rapid.Bool().Draw(t, "zero") {
				clear(b)
				require.NoError(t, f.Zero(int64(off), int64(n)))
			} else {
				require.NoError(t, f.WriteVec([][]byte{b[:n/2], b[n/2:]}, int64(off)))
			}
			copy(live[off:], b)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		mem.Crash(random.IntN)

		after, err := mem.Open("/dir/f")
		require.NoError(t, err)
		got := make([]byte, len(live))
		_, err = after.ReadAt(got, 0)
		require.NoError(t, err)
		for s := range sectors {
			from, to := s*vfs.SectorSize, (s+1)*vfs.SectorSize
			if !bytes.Equal(got[from:to], synced[from:to]) {
				require.Equal(t, live[from:to], got[from:to], "sector %d is neither old nor new", s)
			}
		}
	})
}

func TestCrashLosesAndKeepsUnsyncedSectorsAndEntries(t *testing.T) {
	lostData, keptData, lostEntry, keptEntry := 0, 0, 0, 0
	for seed := range uint64(50) {
		mem := newMem(t)
		synced := create(t, mem, "/dir/synced")
		_, err := synced.WriteAt([]byte("old"), 0)
		require.NoError(t, err)
		require.NoError(t, synced.Sync())
		require.NoError(t, mem.SyncDir("/dir"))
		_, err = synced.WriteAt([]byte("new"), 0)
		require.NoError(t, err)
		create(t, mem, "/dir/unsynced")
		mem.Crash(rand.New(rand.NewPCG(seed, 0)).IntN)

		f, err := mem.Open("/dir/synced")
		require.NoError(t, err, "a synced entry stays")
		if b := make([]byte, 3); second(f.ReadAt(b, 0)) == nil && string(b) == "new" {
			keptData++
		} else {
			require.Equal(t, "old", string(b))
			lostData++
		}
		if _, err := mem.Stat("/dir/unsynced"); errors.Is(err, fs.ErrNotExist) {
			lostEntry++
		} else {
			keptEntry++
		}
	}
	for _, n := range []int{lostData, keptData, lostEntry, keptEntry} {
		require.Positive(t, n)
	}
}

func TestCrashIsAFunctionOfItsRandomNumbers(t *testing.T) {
	run := func() string {
		mem := newMem(t)
		f := create(t, mem, "/dir/f")
		require.NoError(t, f.Allocate(64*vfs.SectorSize))
		require.NoError(t, f.Sync())
		require.NoError(t, mem.SyncDir("/dir"))
		require.NoError(t, f.WriteVec([][]byte{bytes.Repeat([]byte("x"), 64*vfs.SectorSize)}, 0))
		mem.Crash(rand.New(rand.NewPCG(7, 7)).IntN)
		f, err := mem.Open("/dir/f")
		require.NoError(t, err)
		return read(t, f, 0, 64*vfs.SectorSize)
	}
	require.Equal(t, run(), run())
}

func TestCrashProcessKeepsWhatWasWritten(t *testing.T) {
	mem := newMem(t)
	lock, err := mem.Lock("/dir/lock")
	require.NoError(t, err)
	_, err = mem.Lock("/dir/lock")
	require.ErrorIs(t, err, vfs.ErrLocked)
	f := create(t, mem, "/dir/f")
	_, err = f.WriteAt([]byte("unsynced"), 0)
	require.NoError(t, err)

	mem.CrashProcess()

	again, err := mem.Lock("/dir/lock")
	require.NoError(t, err, "the lock died with its process")
	require.NoError(t, lock.Close(), "a ghost's Close")
	_, err = mem.Lock("/dir/lock")
	require.ErrorIs(t, err, vfs.ErrLocked, "frees nobody else's lock")
	require.NoError(t, again.Close())

	_, err = f.WriteAt([]byte("ghost"), 0)
	require.Error(t, err, "files of the dead process are closed")
	after, err := mem.Open("/dir/f")
	require.NoError(t, err)
	require.Equal(t, "unsynced", read(t, after, 0, 8))
}

func TestCapacity(t *testing.T) {
	mem := newMem(t)
	mem.SetCapacity(1000)
	f := create(t, mem, "/dir/f")
	require.NoError(t, f.Allocate(600))
	require.NoError(t, f.WriteVec([][]byte{make([]byte, 600)}, 0), "what is allocated is there")
	g := create(t, mem, "/dir/g")
	require.ErrorIs(t, g.Allocate(401), syscall.ENOSPC)
	require.ErrorIs(t, second(g.WriteAt(make([]byte, 401), 0)), syscall.ENOSPC)
	require.Zero(t, size(t, g))
	require.NoError(t, mem.Remove("/dir/f"))
	require.NoError(t, g.Allocate(1000))
}

func TestFaults(t *testing.T) {
	mem := newMem(t)
	f := create(t, mem, "/dir/f")
	fault := func(want vfs.Op, err error) {
		mem.SetFault(func(op vfs.Op, name string) error {
			if op == want && name == "/dir/f" {
				return err
			}
			return nil
		})
	}
	fault(vfs.OpSync, syscall.EIO)
	require.ErrorIs(t, f.Sync(), syscall.EIO)
	var pathError *fs.PathError
	require.ErrorAs(t, f.Sync(), &pathError)
	require.Equal(t, "/dir/f", pathError.Path)

	fault(vfs.OpWrite, &vfs.ShortWrite{Bytes: 5, Err: syscall.EIO})
	require.ErrorIs(t, f.WriteVec([][]byte{[]byte("abc"), []byte("def")}, 0), syscall.EIO)
	mem.SetFault(nil)
	require.Equal(t, int64(5), size(t, f))
	require.Equal(t, "abcde", read(t, f, 0, 5))
}

func TestASnapshotIsACopy(t *testing.T) {
	mem := newMem(t)
	f := create(t, mem, "/dir/f")
	_, err := f.WriteAt([]byte("before"), 0)
	require.NoError(t, err)
	mem.SetFault(func(vfs.Op, string) error { return syscall.EIO })
	c := mem.Snapshot()
	mem.SetFault(nil)
	_, err = f.WriteAt([]byte("behind"), 0)
	require.NoError(t, err)
	c.Crash(func(int) int { return 0 })
	g, err := c.Open("/dir/f")
	require.NoError(t, err)
	require.Equal(t, "before", read(t, g, 0, 6))
	require.Equal(t, "behind", read(t, f, 0, 6))
}

func TestRot(t *testing.T) {
	mem := newMem(t)
	f := create(t, mem, "/dir/f")
	_, err := f.WriteAt([]byte("abc"), vfs.SectorSize)
	require.NoError(t, err)
	require.Error(t, mem.Rot("/dir/f", vfs.SectorSize, 0), "not durable")
	require.NoError(t, f.Sync())
	require.NoError(t, mem.SyncDir("/dir"))
	require.NoError(t, mem.Rot("/dir/f", vfs.SectorSize+1, 3))
	require.Equal(t, "ajc", read(t, f, vfs.SectorSize, 3))
	mem.Crash(func(int) int { return 0 })
	f, err = mem.Open("/dir/f")
	require.NoError(t, err)
	require.Equal(t, "ajc", read(t, f, vfs.SectorSize, 3), "on the medium, too")

	_, err = f.WriteAt([]byte("A"), vfs.SectorSize)
	require.NoError(t, err)
	require.Error(t, mem.Rot("/dir/f", vfs.SectorSize+1, 0), "another byte of the sector is being written")
	require.NoError(t, mem.Rot("/dir/f", 0, 7))
	require.Error(t, mem.Rot("/dir/f", vfs.SectorSize+3, 0), "beyond the end")
	require.Error(t, mem.Rot("/dir/f", -1, 0))
	require.Error(t, mem.Rot("/dir/f", 0, 8))
	require.ErrorIs(t, mem.Rot("/dir", 0, 0), fs.ErrNotExist)
}
