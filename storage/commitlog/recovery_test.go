package commitlog_test

import (
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

func TestRecoveryCutsOffWhatIsNoRecord(t *testing.T) {
	for name, spoil := range map[string]func(f vfs.File) error{
		"a flipped bit of the body":    func(f vfs.File) error { return write(f, 500+90, "?") },
		"a foreign magic":              func(f vfs.File) error { return write(f, 500+4, "?") },
		"zeros":                        func(f vfs.File) error { return f.Zero(500, 300) },
		"a record of another place":    func(f vfs.File) error { return write(f, 500+35, "\x00") },
		"a record that ends too late":  func(f vfs.File) error { return write(f, 500, "\x00\x00\x10\x00") },
		"a size beyond any":            func(f vfs.File) error { return write(f, 500, "\x7f\xff\xff\xff") },
		"a blank of another size":      func(f vfs.File) error { return write(f, 500, "\x00\x00\x00\x64\xcb\xd4\x31\x94") },
		"a negative size with a magic": func(f vfs.File) error { return write(f, 500, "\xff") },
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewMem(nil)
			log := openLog(t, mem)
			commit(t, log, 500, 300, 300, 3500)
			require.Equal(t, " 4096", files(t, mem))
			f, err := mem.Open("/log/" + segment.Name(0))
			require.NoError(t, err)
			require.NoError(t, spoil(f))

			log = reopened(t, mem, true)
			require.EqualValues(t, 500, log.MaxOffset())
			require.EqualValues(t, 500, log.FlushedOffset())
			require.Equal(t, "", files(t, mem), "later segments are gone")
			requireZeros(t, mem, 500, make([]byte, segmentSize-500))
			require.EqualValues(t, 500, commit(t, log, 100)[0])
		})
	}
}

func write(f vfs.File, off int64, text string) error {
	_, err := f.WriteAt([]byte(text), off)
	return err
}

// A sector of the properties that the disk did not write is not covered by the
// body's CRC.
func TestRecoveryNoticesTornProperties(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	r := record.Record{BornHost: host, StoreHost: host, Topic: []byte("Topic"), Body: make([]byte, 400), Properties: []byte("KEYS\x01a key of some length\x02")}
	size := r.Size()
	require.Greater(t, size, vfs.SectorSize)
	b := r.Append(nil)
	_, err := log.Reserve(size)
	require.NoError(t, err)
	record.Place(b, 0, 0, 1000)
	log.Put(b)
	require.NoError(t, log.Commit(1000))
	require.EqualValues(t, size, reopened(t, mem, true).MaxOffset())

	f, err := mem.Open("/log/" + segment.Name(0))
	require.NoError(t, err)
	require.NoError(t, f.Zero(vfs.SectorSize, vfs.SectorSize))
	require.Zero(t, reopened(t, mem, true).MaxOffset())
}

// The last records of a log that was truncated by Apache may be followed by stale
// ones that would fit.
func TestACleanStartZeroesStaleRecords(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	commit(t, log, 500, 300)
	require.NoError(t, openLog(t, mem).Truncate(500, false))
	requireZeros(t, mem, 500, make([]byte, segmentSize-500))
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	for name, size := range map[string]int64{
		"/log/readme":                   10,
		"/log/" + segment.Name(0):       100,
		"/log/" + segment.Name(100):     segmentSize,
		"/log/" + segment.Name(4096*3):  segmentSize,
		"/log/0000000000000000409":      segmentSize,
		"/log/0000000000000000409x":     segmentSize,
		"/log/99999999999999999999":     segmentSize,
		"/log/-0000000000000004096":     segmentSize,
		"/log/" + segment.Name(0) + "0": segmentSize,
	} {
		t.Run(path.Base(name), func(t *testing.T) {
			mem := vfs.NewMem(nil)
			log := openLog(t, mem)
			commit(t, log, 4000, 4000)
			require.NoError(t, log.Close())
			f, err := mem.Create(name)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(size))
			_, err = commitlog.Open(commitlog.Options{FS: mem, Dir: "/log", SegmentSize: segmentSize})
			var layout *segment.LayoutError
			require.ErrorAs(t, err, &layout)
		})
	}
}

func TestOpenPassesOverAnEmptyLastFile(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	commit(t, log, 4000)
	_, err := mem.Create("/log/" + segment.Name(segmentSize))
	require.NoError(t, err)
	log = reopened(t, mem, true)
	require.EqualValues(t, 4000, log.MaxOffset())
	require.EqualValues(t, segmentSize, commit(t, log, 4000)[0])
	require.Equal(t, " 4096", files(t, mem))
}

// FuzzScan recovers a log whose segment holds anything.
func FuzzScan(f *testing.F) {
	whole := append(encoded(200), encoded(300)...)
	record.Place(whole, 0, 0, 1)
	record.Place(whole[200:], 200, 1, 2)
	f.Add(whole)
	f.Add(whole[:350])
	f.Add([]byte("\x00\x00\x10\x00\xcb\xd4\x31\x94"))
	golden, err := os.ReadFile("../../messages/record/testdata/" + segment.Name(0))
	require.NoError(f, err)
	f.Add(golden[:2048])
	f.Fuzz(func(t *testing.T, b []byte) {
		mem := vfs.NewMem(nil)
		require.NoError(t, mem.MkdirAll("/log"))
		file, err := mem.Create("/log/" + segment.Name(0))
		require.NoError(t, err)
		require.NoError(t, file.Allocate(segmentSize))
		require.NoError(t, file.WriteVec([][]byte{b[:min(len(b), segmentSize)]}, 0))

		log := reopened(t, mem, true)
		end := log.MaxOffset()
		at := int64(0)
		again, err := log.Scan(0, true, func(r *record.Record, size int) error {
			require.Equal(t, at, r.PhysOffset)
			require.NoError(t, r.CheckCRC())
			at += int64(size)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, end, again)
		require.Equal(t, end, reopened(t, mem, true).MaxOffset())
		commit(t, log, 500)
	})
}
