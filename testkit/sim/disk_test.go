package sim_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
)

func TestDisksOutliveTheirProcesses(t *testing.T) {
	lost, kept := 0, 0
	for seed := range uint64(40) {
		w := sim.New(seed, sim.Options{})
		h := w.Host("h")
		fs := h.Env().FS
		require.NoError(t, fs.MkdirAll("/data"))
		file, err := fs.Create("/data/f")
		require.NoError(t, err)
		_, err = file.WriteAt([]byte("synced"), 0)
		require.NoError(t, err)
		require.NoError(t, file.Sync())
		require.NoError(t, fs.SyncDir("/data"))
		_, err = file.WriteAt([]byte("written"), 0)
		require.NoError(t, err)

		h.Crash(sim.ProcessKill)
		h.Restart()
		_, err = file.WriteAt([]byte("a ghost"), 0)
		require.Error(t, err)
		require.Equal(t, "written", content(t, h))

		h.Crash(sim.PowerLoss)
		h.Restart()
		switch text := content(t, h); text[:6] {
		case "synced":
			lost++
		case "writte":
			kept++
		default:
			t.Fatalf("%q is neither of the two", text)
		}
	}
	require.Positive(t, lost)
	require.Positive(t, kept)
}

func content(t *testing.T, h *sim.Host) string {
	file, err := h.Env().FS.Open("/data/f")
	require.NoError(t, err)
	size, err := file.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	_, err = file.ReadAt(b, 0)
	require.NoError(t, err)
	return string(b)
}

func TestDisksFail(t *testing.T) {
	w := sim.New(1, sim.Options{DiskSize: 1000})
	h := w.Host("h")
	fs := h.Env().FS
	file, err := fs.Create("/f")
	require.NoError(t, err)
	require.Error(t, file.Allocate(1001))
	broken := errors.New("sector")
	h.Disk().SetFault(func(op vfs.Op, name string) error {
		if op == vfs.OpSync && name == "/f" {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, file.Sync(), broken)
	require.NotSame(t, h.Disk(), w.Host("other").Disk())
}
