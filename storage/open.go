package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/batchqueue"
	"github.com/actormq/actormq/storage/checkpoint"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/index"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// UnsupportedError says that a directory was written by features of Apache's
// broker that keep messages elsewhere. Opening it would lose them.
type UnsupportedError struct{ Path string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("storage: %s was written by a storage engine that is not supported here (RocksDB queues or DLedger)", e.Path)
}

// Open locks and opens the store in o.Root, which is created if missing, and
// recovers what a crash left. It fails with vfs.ErrLocked when another process
// has the store open, a *segment.LayoutError or *UnsupportedError on a directory
// that it does not understand.
func Open(o Options) (*Store, error) {
	if o.CommitLogDir == "" {
		o.CommitLogDir = path.Join(o.Root, "commitlog")
	}
	for _, dir := range []string{o.Root, o.CommitLogDir} {
		if err := makeDir(o.FS, dir); err != nil {
			return nil, err
		}
	}
	lock, err := o.FS.Lock(path.Join(o.Root, "lock"))
	if err != nil {
		return nil, fmt.Errorf("storage: the store is in use: %w", err)
	}
	s := &Store{options: o, lock: lock, handles: segment.NewCache(o.FS, maxHandles)}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// makeDir creates a directory and its missing parents durably.
func makeDir(fsys vfs.FS, dir string) error {
	var made []string
	for d := path.Clean(dir); ; d = path.Dir(d) {
		if _, err := fsys.Stat(d); err == nil || d == path.Dir(d) {
			break
		}
		made = append(made, d)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for _, d := range made {
		if err := fsys.SyncDir(path.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) open() error {
	if err := s.refuseOthers(); err != nil {
		return err
	}
	_, err := s.options.FS.Stat(s.file("abort"))
	s.Recovery.Crashed = err == nil
	if s.Log, err = commitlog.Open(commitlog.Options{
		FS: s.options.FS, Dir: s.options.CommitLogDir, SegmentSize: s.options.SegmentSize,
	}); err != nil {
		return err
	}
	if s.checkpoint, err = checkpoint.Load(s.options.FS, s.file("checkpoint")); err != nil {
		return err
	}
	s.queued = s.checkpoint.ConsumeQueueOffset
	if s.Index, err = index.Open(index.Options{
		FS: s.options.FS, Dir: s.file("index"), Slots: s.options.IndexSlots, Entries: s.options.IndexEntries,
		Now: s.options.Now, Crashed: s.Recovery.Crashed,
		SyncLog: func() error { _, err := s.Log.Sync(); return err },
	}); err != nil {
		return err
	}
	if err := s.recover(); err != nil {
		return err
	}
	return s.markOpen()
}

// refuseOthers fails on directories that hold messages where we do not look.
func (s *Store) refuseOthers() error {
	entries, err := s.options.FS.ReadDir(s.options.Root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, "consumequeue_r") || strings.HasPrefix(e.Name, "dledger-") {
			return &UnsupportedError{Path: s.file(e.Name)}
		}
	}
	return nil
}

// recover finds the end of the log, cuts off what lies behind it, and dispatches
// again the records that the queues or the index may lack.
//
// The scan begins at the last record whose unit is known to be on disk, or, where
// no checkpoint says so, at the last segment that begins early enough
// (RocketMQ: CommitLog.recoverAbnormally).
func (s *Store) recover() error {
	from, queued, err := s.scanStart()
	if err != nil {
		return err
	}
	end, err := s.Log.Scan(from, s.options.CheckCRC, func(*record.Record, int) error { return nil })
	if err != nil {
		return err
	}
	if err := s.Log.Truncate(end, s.Recovery.Crashed); err != nil {
		return err
	}
	if err := s.Index.Truncate(end); err != nil {
		return err
	}
	s.Recovery.From, s.Recovery.End = from, end
	if s.Queues, err = consumequeue.Open(consumequeue.Options{
		FS: s.options.FS, Dir: s.file("consumequeue"), FileSize: s.options.ConsumeQueueSize,
		Handles: s.handles, LogMin: s.Log.MinOffset, LogMax: end, Verify: s.verify,
		Crashed: s.Recovery.Crashed,
	}); err != nil {
		return err
	}
	if s.Batches, err = batchqueue.Open(batchqueue.Options{
		FS: s.options.FS, Dir: s.file(batchDir), FileSize: s.options.BatchQueueSize,
		Handles: s.handles, LogMin: s.Log.MinOffset, LogMax: end, Verify: s.verifyBatch,
		Crashed: s.Recovery.Crashed,
	}); err != nil {
		return err
	}
	s.Queues.Renewed, s.Batches.Renewed = true, true
	topics := make(map[string]string) // one string per topic, not per record
	_, err = s.Log.Scan(from, false, func(r *record.Record, size int) error {
		topic, ok := topics[string(r.Topic)]
		if !ok {
			topic = string(r.Topic)
			topics[topic] = topic
		}
		d := r.Request(topic, size, s.delay)
		s.Recovery.Dispatched++
		if d.Phys > queued { // else its unit is there, or its topic was deleted
			if err := s.Dispatch(&d); err != nil {
				return err
			}
		}
		if s.options.IndexEnabled {
			return s.Index.Put(&d)
		}
		return nil
	})
	s.Queues.Renewed, s.Batches.Renewed = s.options.Follower, s.options.Follower
	return err
}

// Lost reports whether a record could not be read because it is not there, or is
// damaged, and not because the disk failed: another try would bring nothing else.
func Lost(err error) bool {
	var corrupt *record.CorruptError
	return errors.Is(err, commitlog.ErrOutOfRange) || errors.As(err, &corrupt) || errors.Is(err, record.ErrShort)
}

// verify tells whether a record is the message of a queue at an offset.
func (s *Store) verify(u consumequeue.Unit, topic string, queueID int32, offset int64) (bool, error) {
	_, r, err := s.Lookup(u.Phys, nil)
	if Lost(err) {
		return false, nil
	}
	return err == nil && string(r.Topic) == topic && r.QueueID == queueID && r.QueueOffset == offset, err
}

// scanStart returns where recovery has to begin: at a record, or at the start of
// a segment; and the offset of the last record whose unit is durable, -1 if that
// is not known.
func (s *Store) scanStart() (from, queued int64, err error) {
	starts := s.Log.Starts()
	if len(starts) == 0 {
		return 0, -1, nil
	}
	queues, err := s.options.FS.ReadDir(s.file("consumequeue"))
	if err == nil && len(queues) == 0 { // a store may have none but batch topics
		queues, err = s.options.FS.ReadDir(s.file(batchDir))
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(queues) == 0 {
		return starts[0], -1, nil // all of them are to be built again
	}
	if err != nil {
		return 0, 0, err
	}
	from, queued = s.checkpoint.ConsumeQueueOffset, s.checkpoint.ConsumeQueueOffset
	if from <= 0 || !s.isRecord(from) {
		from, queued = s.segmentBefore(starts, s.checkpoint.MinTime()), -1
	}
	if end := s.Index.EndPhys(); s.options.IndexEnabled && end > 0 && end < from && s.isRecord(end) {
		from = end
	}
	return max(from, starts[0]), queued, nil
}

func (s *Store) isRecord(phys int64) bool {
	_, err := s.Log.Record(phys, nil)
	return err == nil
}

// segmentBefore returns the start of the last segment whose first record was
// stored at time or before, else of the first one.
func (s *Store) segmentBefore(starts []int64, time int64) int64 {
	for i := len(starts) - 1; i > 0; i-- {
		if stored, ok := s.Log.FirstStoreTime(starts[i]); ok && stored != 0 && stored <= time {
			return starts[i]
		}
	}
	return starts[0]
}

// markOpen leaves the abort file, whose presence tells the next start that this
// process did not close the store.
func (s *Store) markOpen() error {
	f, err := s.options.FS.Create(s.file("abort"))
	if err != nil {
		return err
	}
	if _, err = f.WriteAt([]byte(strconv.Itoa(s.options.PID)), 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = s.options.FS.SyncDir(s.options.Root)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}
