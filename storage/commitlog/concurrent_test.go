package commitlog_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/vfs"
)

// One goroutine appends while others read, sync, prepare segments and remove
// them: whatever lies between MinOffset and MaxOffset is whole.
func TestReadersNeedNoLock(t *testing.T) {
	log, err := commitlog.Open(commitlog.Options{FS: vfs.OS(), Dir: t.TempDir(), SegmentSize: segmentSize})
	require.NoError(t, err)
	var last atomic.Int64 // a record that was committed
	last.Store(-1)
	done := make(chan struct{})
	var wg sync.WaitGroup
	forever := func(step func() error) {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2 {
		var buf []byte
		forever(func() error {
			offset := last.Load()
			if offset < 0 {
				return nil
			}
			raw, err := log.Record(offset, buf)
			if errors.Is(err, commitlog.ErrOutOfRange) && log.MinOffset() > offset {
				return nil // removed meanwhile
			}
			if err != nil {
				return err
			}
			var r record.Record
			if _, err = record.Decode(raw, &r); err == nil {
				err = r.CheckCRC()
			}
			buf = raw
			return err
		})
	}
	forever(func() error {
		flushed, err := log.Sync()
		if err == nil && flushed > log.MaxOffset() {
			err = errors.New("more is durable than was written")
		}
		return err
	})
	forever(log.Prepare)
	forever(func() error {
		_, err := log.RemoveExpired(1, log.MaxOffset()-5*segmentSize, func(time.Time) bool { return true })
		return err
	})
	for i := range 400 {
		at := commit(t, log, 200+i%900, 300)
		last.Store(at[i%2])
	}
	close(done)
	wg.Wait()
	require.NoError(t, log.Close())
}
