package commitlog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/vfs"
)

const benchSegment = 1 << 28

// benchLog is a log on the real filesystem.
func benchLog(t testing.TB) *commitlog.Log {
	log, err := commitlog.Open(commitlog.Options{FS: vfs.OS(), Dir: t.TempDir(), SegmentSize: benchSegment})
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// burst is n records of size bytes each, back to back as a connection's reader
// encodes them.
func burst(n, size int) []byte {
	var b []byte
	for range n {
		b = append(b, encoded(size)...)
	}
	return b
}

// appendBurst appends a burst record by record, as the CommitLog writer does.
func appendBurst(log *commitlog.Log, b []byte, size int) error {
	for at := 0; at < len(b); at += size {
		rec := b[at : at+size]
		phys, err := log.Reserve(size)
		if err != nil {
			return err
		}
		record.Place(rec, phys, 1, 2)
		log.Put(b[at : at+size])
	}
	return log.Commit(2)
}

// expire keeps the disk of the machine from filling up.
func expire(t testing.TB, log *commitlog.Log) {
	if log.MaxOffset()-log.MinOffset() > 4*benchSegment {
		_, err := log.Sync()
		require.NoError(t, err)
		_, err = log.RemoveExpired(3, log.MaxOffset(), func(time.Time) bool { return true })
		require.NoError(t, err)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates on its own account")
	}
	log := benchLog(t)
	b := burst(64, 1100)
	other := burst(3, 1100)
	require.NoError(t, appendBurst(log, b, 1100))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, b := range [][]byte{b, other, b[:1100]} {
			if err := appendBurst(log, b, 1100); err != nil {
				panic(err)
			}
		}
	}))
}

func BenchmarkLog(b *testing.B) {
	const size = 1024
	for _, group := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("append-%dx1KiB", group), func(b *testing.B) {
			log := benchLog(b)
			records := burst(group, size)
			b.ReportAllocs()
			b.SetBytes(int64(len(records)))
			for b.Loop() {
				if err := appendBurst(log, records, size); err != nil {
					b.Fatal(err)
				}
				expire(b, log)
			}
			b.ReportMetric(float64(b.N*group)/b.Elapsed().Seconds(), "records/s")
		})
	}
	// As a group is in memory: each of 64 bursts in a buffer of its own.
	b.Run("append-64-bursts-of-1x1KiB", func(b *testing.B) {
		log := benchLog(b)
		bursts := make([][]byte, 64)
		for i := range bursts {
			bursts[i] = encoded(size)
		}
		b.ReportAllocs()
		b.SetBytes(64 * size)
		for b.Loop() {
			for _, rec := range bursts {
				phys, err := log.Reserve(size)
				if err != nil {
					b.Fatal(err)
				}
				record.Place(rec, phys, 1, 2)
				log.Put(rec)
			}
			if err := log.Commit(2); err != nil {
				b.Fatal(err)
			}
			expire(b, log)
		}
	})
	b.Run("append-sync-64x1KiB", func(b *testing.B) {
		log := benchLog(b)
		records := burst(64, size)
		b.ReportAllocs()
		b.SetBytes(int64(len(records)))
		for b.Loop() {
			if err := appendBurst(log, records, size); err != nil {
				b.Fatal(err)
			}
			if _, err := log.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	log := benchLog(b)
	records := burst(512, size)
	for log.MaxOffset() < benchSegment/2 {
		require.NoError(b, appendBurst(log, records, size))
	}
	b.Run("record-1KiB", func(b *testing.B) {
		random := rand.New(rand.NewPCG(1, 2))
		buf := make([]byte, 0, 8<<10)
		b.ReportAllocs()
		b.SetBytes(size)
		for b.Loop() {
			if _, err := log.Record(random.Int64N(log.MaxOffset()/size)*size, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan-128MiB", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(log.MaxOffset())
		for b.Loop() {
			end, err := log.Scan(0, true, func(*record.Record, int) error { return nil })
			if err != nil || end != log.MaxOffset() {
				b.Fatal(end, err)
			}
		}
	})
}
