package batchqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// DefaultFileSize is the size of a file in bytes: 300,000 units
// (mapperFileSizeBatchConsumeQueue).
const DefaultFileSize = 300_000 * UnitSize

// maxQueueID bounds the number of a queue.
const maxQueueID = 1 << 16

// Options configures Queues.
type Options struct {
	FS       vfs.FS
	Dir      string
	FileSize int64 // bytes; rounded up to whole units; 0 means DefaultFileSize
	Handles  *segment.Cache
	// LogMin returns the offset of the first byte that the CommitLog has. LogMax is
	// its end as recovery left it. Both cut off units.
	LogMin func() int64
	LogMax int64
	// Crashed says that the last process did not end in order, so that anything may
	// lie behind the ends of queues.
	Crashed bool
	// Verify tells whether the record at u.Phys is the batch of that queue; an error
	// says that it could not be read. nil verifies nothing.
	Verify func(u Unit, topic string, queueID int32) (bool, error)
}

// Queues is all batch queues of a store.
type Queues struct {
	fs      vfs.FS
	dir     string
	perFile int64 // units
	handles *segment.Cache
	logMin  func() int64
	logMax  int64
	crashed bool
	verify  func(u Unit, topic string, queueID int32) (bool, error)
	// Renewed says that the records of deleted topics may come again, see renew. It
	// belongs to whoever appends.
	Renewed bool

	used   atomic.Bool // whether there are topics
	mu     sync.RWMutex
	topics map[string]map[int32]*Queue // the queues are nil until the directory is read

	touchMu sync.Mutex
	touched map[string]bool // files written to since the last Sync began
	dirs    map[string]bool // directories with new entries since then
}

// Open lists the topics below o.Dir, which need not exist: it is created with the
// first queue. It must follow the recovery of the CommitLog.
func Open(o Options) (*Queues, error) {
	if o.FileSize == 0 {
		o.FileSize = DefaultFileSize
	}
	s := &Queues{
		fs: o.FS, dir: path.Clean(o.Dir), perFile: (o.FileSize + UnitSize - 1) / UnitSize, handles: o.Handles,
		logMin: o.LogMin, logMax: o.LogMax, crashed: o.Crashed, verify: o.Verify, topics: make(map[string]map[int32]*Queue),
		touched: make(map[string]bool), dirs: make(map[string]bool),
	}
	entries, err := o.FS.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("batchqueue: %w", err)
	}
	for _, e := range entries {
		if e.Dir {
			s.topics[e.Name] = nil
		}
	}
	s.used.Store(len(s.topics) > 0)
	return s, nil
}

// Used reports whether there is any topic with batch queues. It is cheap.
func (s *Queues) Used() bool { return s.used.Load() }

// Load returns a queue, nil if there is none. It fails if the files cannot be read,
// or are not a queue's (*segment.LayoutError); the next call tries again. Any
// goroutine may call it.
func (s *Queues) Load(topic string, queueID int32) (*Queue, error) {
	if !s.used.Load() {
		return nil, nil
	}
	q, err := s.find(topic, queueID)
	if q == nil || err != nil {
		return nil, err
	}
	return q, q.open()
}

func (s *Queues) find(topic string, queueID int32) (*Queue, error) {
	s.mu.RLock()
	queues, known := s.topics[topic]
	q := queues[queueID]
	s.mu.RUnlock()
	if !known || queues != nil {
		return q, nil
	}
	queues, err := s.list(topic)
	return queues[queueID], err
}

// list returns the queues of a topic, after looking at its directory the first time.
// The map is not changed any more: create makes another one.
func (s *Queues) list(topic string) (map[int32]*Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queues, known := s.topics[topic]
	if !known || queues != nil {
		return queues, nil
	}
	entries, err := s.fs.ReadDir(s.dir + "/" + topic)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("batchqueue: %w", err)
	}
	queues = make(map[int32]*Queue)
	for _, e := range entries {
		// As Java does, directories that are no queue are passed over.
		if id, err := strconv.ParseInt(e.Name, 10, 32); e.Dir && err == nil && id >= 0 && id < maxQueueID {
			queues[int32(id)] = &Queue{set: s, topic: topic, id: int32(id)}
		}
	}
	s.topics[topic] = queues
	return queues, nil
}

// Append adds the unit of a record, which follows that of the last call in the
// CommitLog. Dispatch alone calls it, and recovery before that; recovery may repeat
// what is there already. topic is not retained.
func (s *Queues) Append(topic string, queueID int32, u Unit) error {
	q, err := s.find(topic, queueID)
	if err != nil {
		return err
	}
	if q == nil {
		if q, err = s.create(topic, queueID); err != nil {
			return err
		}
	}
	return q.append(u)
}

func (s *Queues) create(topic string, queueID int32) (*Queue, error) {
	if queueID < 0 || queueID >= maxQueueID || topic == "" || strings.ContainsAny(topic, "/\x00") || topic == "." || topic == ".." {
		return nil, fmt.Errorf("batchqueue: the queue %q-%d cannot exist", topic, queueID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	topic = strings.Clone(topic)
	q := &Queue{set: s, topic: topic, id: queueID, last: -1}
	q.loaded.Store(true)
	queues := maps.Clone(s.topics[topic])
	if queues == nil {
		queues = make(map[int32]*Queue)
	}
	queues[queueID] = q
	s.topics[topic] = queues
	s.used.Store(true)
	return q, nil
}

// Topics returns the names of the topics that have, or had, batch queues, sorted.
func (s *Queues) Topics() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.topics))
}

// Of returns the queues of a topic, by number. Their bounds are valid only once Load
// has returned them.
func (s *Queues) Of(topic string) ([]*Queue, error) {
	queues, err := s.list(topic)
	if err != nil {
		return nil, err
	}
	list := make([]*Queue, 0, len(queues))
	for _, id := range slices.Sorted(maps.Keys(queues)) {
		list = append(list, queues[id])
	}
	return list, nil
}

// each calls f for every queue and joins the errors.
func (s *Queues) each(f func(*Queue) error) error {
	var failed error
	for _, topic := range s.Topics() {
		queues, err := s.Of(topic)
		failed = errors.Join(failed, err)
		for _, q := range queues {
			failed = errors.Join(failed, f(q))
		}
	}
	return failed
}
