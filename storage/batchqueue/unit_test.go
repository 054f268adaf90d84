package batchqueue

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

func TestUnitLayout(t *testing.T) {
	u := Unit{Phys: 0x0102030405060708, Size: 0x11121314, TagsCode: -2, StoreTime: 0x2122232425262728, Base: 0x3132333435363738, Count: 0x4142}
	var b [UnitSize]byte
	u.put(b[:])
	require.Equal(t, "0102030405060708"+"11121314"+"fffffffffffffffe"+"2122232425262728"+"3132333435363738"+"4142"+"ffffffff"+"00000000", hex.EncodeToString(b[:]))
	require.Equal(t, u, decodeUnit(b[:]))
}

// FuzzLoad opens a queue over any bytes. Its units are then valid and ascend, and it
// takes another one.
func FuzzLoad(f *testing.F) {
	good := make([]byte, 3*UnitSize)
	(&Unit{Phys: 0, Size: 9, Base: 0, Count: 3}).put(good)
	(&Unit{Phys: 9, Size: 9, Base: 3, Count: 1}).put(good[UnitSize:])
	f.Add(good)
	f.Add([]byte("a batch queue of another kind, and nothing but text in it: there are no units"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const perFile, logMax = 8, 1 << 40
		fs := vfs.NewMem(nil)
		require.NoError(t, fs.MkdirAll("/b/T/0"))
		file, err := fs.Create("/b/T/0/" + segment.Name(0))
		require.NoError(t, err)
		_, err = file.WriteAt(b[:min(len(b), perFile*UnitSize)], 0)
		require.NoError(t, err)
		require.NoError(t, file.Truncate(perFile*UnitSize))
		s, err := Open(Options{
			FS: fs, Dir: "/b", FileSize: perFile * UnitSize, Handles: segment.NewCache(fs, 2),
			LogMin: func() int64 { return 0 }, LogMax: logMax, Crashed: true,
		})
		require.NoError(t, err)
		q, err := s.Load("T", 0)
		require.NoError(t, err)
		_, next := q.Bounds()
		require.NoError(t, s.Append("T", 0, Unit{Phys: logMax, Size: 1, Base: next, Count: 2}))
		first, err := q.Find(0)
		require.NoError(t, err)
		last := Unit{Phys: -1}
		for i := first; ; i++ {
			var u [1]Unit
			n, err := q.Read(i, u[:])
			require.NoError(t, err)
			if n == 0 {
				break
			}
			require.True(t, u[0].Valid() && u[0].Phys > last.Phys && u[0].Base >= last.Next(), "%+v behind %+v", u[0], last)
			found, err := q.Find(u[0].Next() - 1)
			require.NoError(t, err)
			require.Equal(t, i, found)
			last = u[0]
		}
		require.Equal(t, next+2, last.Next())
	})
}
