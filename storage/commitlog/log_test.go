package commitlog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

const segmentSize = 4096

func openLog(t testing.TB, fsys vfs.FS) *commitlog.Log {
	t.Helper()
	log, err := commitlog.Open(commitlog.Options{FS: fsys, Dir: "/log", SegmentSize: segmentSize})
	require.NoError(t, err)
	return log
}

var host = netip.MustParseAddrPort("127.0.0.1:10911")

// encoded returns a record of exactly size bytes.
func encoded(size int) []byte {
	r := record.Record{BornHost: host, StoreHost: host, Topic: []byte("Topic")}
	if size > 110 {
		r.Properties = []byte("KEYS\x01k\x02")
	}
	r.Body = make([]byte, size-r.Size())
	for i := range r.Body {
		r.Body[i] = byte(size + i)
	}
	return r.Append(nil)
}

// put reserves the place of a record of size bytes, puts it there and returns the
// place.
func put(t testing.TB, log *commitlog.Log, size int) int64 {
	t.Helper()
	b := encoded(size)
	phys, err := log.Reserve(size)
	require.NoError(t, err)
	record.Place(b, phys, 0, 1000)
	log.Put(b)
	return phys
}

func commit(t testing.TB, log *commitlog.Log, sizes ...int) []int64 {
	t.Helper()
	var at []int64
	for _, size := range sizes {
		at = append(at, put(t, log, size))
	}
	require.NoError(t, log.Commit(1000))
	return at
}

// reopened returns the log as the next process finds it, after recovery from its
// first offset.
func reopened(t testing.TB, fsys vfs.FS, crashed bool) *commitlog.Log {
	t.Helper()
	log := openLog(t, fsys)
	end, err := log.Scan(log.MinOffset(), true, func(*record.Record, int) error { return nil })
	require.NoError(t, err)
	require.NoError(t, log.Truncate(end, crashed))
	return log
}

func files(t testing.TB, fsys vfs.FS) string {
	t.Helper()
	entries, err := fsys.ReadDir("/log")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		require.EqualValues(t, segmentSize, e.Size, e.Name)
		names = append(names, strings.TrimLeft(e.Name, "0"))
	}
	return strings.Join(names, " ")
}

func TestAppend(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	require.Zero(t, log.MaxOffset())

	at := put(t, log, 200)
	require.Zero(t, at)
	require.Zero(t, log.MaxOffset(), "nothing is readable before Commit")
	_, err := log.Record(at, nil)
	require.ErrorIs(t, err, commitlog.ErrOutOfRange)
	require.EqualValues(t, 200, put(t, log, 300))
	require.NoError(t, log.Commit(1000))
	require.EqualValues(t, 500, log.MaxOffset())
	require.Zero(t, log.FlushedOffset())

	raw, err := log.Record(200, make([]byte, 0, 10))
	require.NoError(t, err)
	require.Len(t, raw, 300)
	for _, offset := range []int64{-1, 500, 499, 1 << 40} {
		_, err = log.Record(offset, nil)
		require.ErrorIs(t, err, commitlog.ErrOutOfRange, "%d", offset)
	}
	var corrupt *record.CorruptError
	_, err = log.Record(100, nil)
	require.ErrorAs(t, err, &corrupt)

	flushed, err := log.Sync()
	require.NoError(t, err)
	require.EqualValues(t, 500, flushed)
	require.EqualValues(t, 500, log.FlushedOffset())
	require.EqualValues(t, 1000, log.SyncedTime())
}

// A record and the blank behind it fit into a segment, or the record begins the
// next one.
func TestSegmentsRoll(t *testing.T) {
	for _, test := range []struct {
		second int   // size of the record behind one of 1000 bytes
		at     int64 // where it goes
	}{
		{segmentSize - 1000 - 8, 1000},
		{segmentSize - 1000 - 7, segmentSize},
		{segmentSize - 8, segmentSize},
	} {
		t.Run(fmt.Sprint(test.second), func(t *testing.T) {
			mem := vfs.NewMem(nil)
			log := openLog(t, mem)
			at := commit(t, log, 1000, test.second, 100)
			require.Equal(t, test.at, at[1])
			if test.at == segmentSize {
				blank := make([]byte, 8)
				require.NoError(t, log.ReadAt(blank, 1000))
				var r record.Record
				_, err := record.Decode(append(blank, make([]byte, 100)...), &r)
				require.Equal(t, &record.BlankError{Size: segmentSize - 1000}, err)
			}
			sizes := []int{1000, test.second, 100}
			log = reopened(t, mem, false)
			for i, offset := range at {
				raw, err := log.Record(offset, nil)
				require.NoError(t, err)
				require.Len(t, raw, sizes[i])
			}
			require.Equal(t, at[2]+100, log.MaxOffset())
		})
	}
}

func TestTooLargeRecordsAreRefused(t *testing.T) {
	log := openLog(t, vfs.NewMem(nil))
	_, err := log.Reserve(segmentSize - 7)
	require.Equal(t, &commitlog.TooLargeError{Size: segmentSize - 7, Limit: segmentSize - 8}, err)
	commit(t, log, 100)
}

func TestAGroupIsOneWritePerSegment(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	commit(t, log, 100)
	writes := map[string]int{}
	mem.SetFault(func(op vfs.Op, name string) error {
		if op == vfs.OpWrite {
			writes[path.Base(name)]++
		}
		return nil
	})
	require.NoError(t, log.Prepare())
	commit(t, log, 1000, 1000, 1000, 1000, 1000)
	require.Equal(t, map[string]int{segment.Name(0): 1, segment.Name(segmentSize): 2}, writes, "and one to allocate the second")
}

// However far the write of a group gets, the log is read-only afterwards and
// shows nothing of the group; the next process finds whole records only.
func TestAFailedWriteEndsWriting(t *testing.T) {
	for _, written := range []int64{0, 1, 100, 399, 400, 401, 999} {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			mem := vfs.NewMem(nil)
			log := openLog(t, mem)
			commit(t, log, 200)
			put(t, log, 400)
			put(t, log, 600)
			mem.SetFault(func(op vfs.Op, _ string) error {
				if op == vfs.OpWrite {
					return &vfs.ShortWrite{Bytes: written, Err: syscall.EIO}
				}
				return nil
			})
			err := log.Commit(1000)
			require.ErrorIs(t, err, commitlog.ErrReadOnly)
			require.ErrorIs(t, err, syscall.EIO)
			mem.SetFault(nil)

			require.EqualValues(t, 200, log.MaxOffset())
			_, err = log.Reserve(100)
			require.ErrorIs(t, err, commitlog.ErrReadOnly)
			require.ErrorIs(t, log.Commit(1000), commitlog.ErrReadOnly)
			require.ErrorIs(t, log.AppendRaw(200, []byte("raw")), commitlog.ErrReadOnly)
			_, err = log.Sync()
			require.ErrorIs(t, err, commitlog.ErrReadOnly)
			require.ErrorIs(t, log.Err(), syscall.EIO)
			raw, err := log.Record(0, nil)
			require.NoError(t, err, "what was committed is still read")
			require.Len(t, raw, 200)

			mem.CrashProcess()
			log = reopened(t, mem, true)
			want := int64(200)
			if written >= 400 {
				want = 600
			}
			require.Equal(t, want, log.MaxOffset())
			rest := make([]byte, segmentSize-want)
			requireZeros(t, mem, want, rest)
			commit(t, log, 300)
		})
	}
}

// requireZeros checks the bytes of the first segment from offset on.
func requireZeros(t *testing.T, fsys vfs.FS, offset int64, b []byte) {
	t.Helper()
	f, err := fsys.Open("/log/" + segment.Name(0))
	require.NoError(t, err)
	_, err = f.ReadAt(b, offset)
	require.NoError(t, err)
	require.Equal(t, make([]byte, len(b)), b, "stale bytes are left behind the end")
}

func TestAFailedSyncEndsWriting(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	commit(t, log, 200)
	_, err := log.Sync()
	require.NoError(t, err)
	commit(t, log, 200)
	mem.SetFault(func(op vfs.Op, _ string) error {
		if op == vfs.OpSync {
			return syscall.EIO
		}
		return nil
	})
	flushed, err := log.Sync()
	require.ErrorIs(t, err, syscall.EIO)
	require.EqualValues(t, 200, flushed)
	mem.SetFault(nil)
	_, err = log.Sync()
	require.ErrorIs(t, err, commitlog.ErrReadOnly, "a second fsync could lie")
	require.EqualValues(t, 200, log.FlushedOffset())
	_, err = log.Reserve(100)
	require.ErrorIs(t, err, commitlog.ErrReadOnly)
}

// A disk without room for another segment refuses the record that needs it, and
// nothing else.
func TestAFullDiskIsNotAFailure(t *testing.T) {
	mem := vfs.NewMem(nil)
	mem.SetCapacity(segmentSize + segmentSize/2)
	log := openLog(t, mem)
	commit(t, log, 3000)
	_, err := log.Reserve(2000)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotErrorIs(t, err, commitlog.ErrReadOnly)
	require.NoError(t, log.Err())
	require.ErrorIs(t, log.Prepare(), nil, "not needed yet")
	commit(t, log, 500)
	require.ErrorIs(t, log.Prepare(), syscall.ENOSPC)
	require.Equal(t, "", strings.TrimSpace(files(t, mem)), "only the segment at 0")

	mem.SetCapacity(0)
	require.EqualValues(t, segmentSize, commit(t, log, 2000)[0])
	require.EqualValues(t, 3000+500, mustScan(t, mem, 3000))
}

// mustScan returns the offset behind the record at offset.
func mustScan(t *testing.T, fsys vfs.FS, offset int64) int64 {
	log := openLog(t, fsys)
	next := int64(-1)
	stop := errors.New("stop")
	_, err := log.Scan(offset, true, func(r *record.Record, size int) error {
		next = r.PhysOffset + int64(size)
		return stop
	})
	require.ErrorIs(t, err, stop)
	return next
}

func TestPrepareMakesTheNextSegmentAheadOfNeed(t *testing.T) {
	mem := vfs.NewMem(nil)
	log := openLog(t, mem)
	commit(t, log, 3000)
	require.NoError(t, log.Prepare())
	require.Equal(t, "", files(t, mem))
	commit(t, log, 200)
	require.NoError(t, log.Prepare())
	require.NoError(t, log.Prepare())
	require.Equal(t, " 4096", files(t, mem))
	mem.SetFault(func(op vfs.Op, name string) error {
		if op == vfs.OpCreate {
			return errors.New("the writer creates no file")
		}
		return nil
	})
	commit(t, log, 2000)
	require.EqualValues(t, segmentSize+2000, log.MaxOffset())
}

func TestAppendRawCopiesALog(t *testing.T) {
	source := vfs.NewMem(nil)
	log := openLog(t, source)
	commit(t, log, 3000, 2000, 1500, 2000, 500)
	_, err := log.RemoveExpired(1, 1<<40, func(time.Time) bool { return true })
	require.NoError(t, err)
	require.Zero(t, log.MinOffset(), "nothing goes that is not durable")
	_, err = log.Sync()
	require.NoError(t, err)
	n, err := log.RemoveExpired(5, segmentSize, func(time.Time) bool { return true })
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.EqualValues(t, segmentSize, log.MinOffset())

	mem := vfs.NewMem(nil)
	replica := openLog(t, mem)
	require.ErrorIs(t, replica.AppendRaw(100, []byte("x")), commitlog.ErrOutOfRange)
	random := rand.New(rand.NewPCG(1, 2))
	for at := log.MinOffset(); at < log.MaxOffset(); {
		b := make([]byte, min(1+random.IntN(700), int(log.MaxOffset()-at), int(segmentSize-at%segmentSize)))
		require.NoError(t, log.ReadAt(b, at))
		require.NoError(t, replica.AppendRaw(at, b))
		at += int64(len(b))
		require.Equal(t, at, replica.MaxOffset())
	}
	require.ErrorIs(t, replica.AppendRaw(replica.MaxOffset()-1, []byte("x")), commitlog.ErrOutOfRange)
	require.EqualValues(t, segmentSize, replica.MinOffset())
	require.Equal(t, log.MaxOffset(), reopened(t, mem, true).MaxOffset())

	whole := make([]byte, 3*segmentSize)
	require.NoError(t, openLog(t, vfs.NewMem(nil)).AppendRaw(0, whole), "over segments")
}

func TestRemoveExpired(t *testing.T) {
	now := time.UnixMilli(0)
	mem := vfs.NewMem(func() time.Time { return now })
	log := openLog(t, mem)
	for range 4 {
		now = now.Add(time.Hour)
		commit(t, log, 4000)
	}
	_, err := log.Sync()
	require.NoError(t, err)
	reader := make([]byte, 100)
	older := func(age time.Duration) func(time.Time) bool {
		return func(modified time.Time) bool { return now.Sub(modified) >= age }
	}
	for _, step := range []struct {
		limit  int
		before int64
		age    time.Duration
		want   string
	}{
		{10, 1 << 40, 4 * time.Hour, " 4096 8192 12288"}, // none is that old
		{10, 4095, time.Hour, " 4096 8192 12288"},
		{1, 1 << 40, time.Hour, "4096 8192 12288"},
		{10, 1 << 40, 2 * time.Hour, "4096 8192 12288"}, // their blanks are younger
		{10, 1 << 40, time.Hour, "8192 12288"},
		{10, 1 << 40, 0, "12288"}, // the last one stays
	} {
		_, err := log.RemoveExpired(step.limit, step.before, older(step.age))
		require.NoError(t, err)
		require.Equal(t, step.want, files(t, mem), "%+v", step)
	}
	require.EqualValues(t, 12288, log.MinOffset())
	require.ErrorIs(t, log.ReadAt(reader, 0), commitlog.ErrOutOfRange)
	mem.CrashProcess()
	require.EqualValues(t, 12288+4000, reopened(t, mem, true).MaxOffset())
}
