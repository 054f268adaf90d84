package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// DefaultFileSize is the size of a ConsumeQueue file in bytes: 300,000 units
// (mappedFileSizeConsumeQueue).
const DefaultFileSize = 300_000 * UnitSize

// Options configures Queues.
type Options struct {
	FS       vfs.FS
	Dir      string
	FileSize int64 // bytes; rounded up to whole units; 0 means DefaultFileSize
	Handles  *segment.Cache
	// LogMin and LogMax bound the CommitLog, whose recovery is done: units behind
	// LogMax are cut off.
	LogMin, LogMax int64
	// Verify tells whether the record at u.Phys is the message of that queue and
	// offset. A power loss can leave units of records that the CommitLog lost, and
	// whose place others have taken since; they are at the end of their queue.
	Verify func(u Unit, topic string, queueID int32, offset int64) bool
}

// Queues is all ConsumeQueues of a store.
type Queues struct {
	fs       vfs.FS
	dir      string
	fileSize int64
	handles  *segment.Cache
	logMin   int64
	logMax   int64
	verify   func(u Unit, topic string, queueID int32, offset int64) bool

	mu     sync.RWMutex // topics, and the slices in it; held for a look-up only
	topics map[string][]*Queue

	dirty []*Queue // Dispatch's: queues with units that only memory has

	touchMu sync.Mutex
	touched map[string]bool // files written since the last Sync
	dirs    map[string]bool // directories with new entries since then
}

// Open lists the queues below o.Dir. Their files are looked at when they are
// first used.
func Open(o Options) (*Queues, error) {
	if o.FileSize == 0 {
		o.FileSize = DefaultFileSize
	}
	o.FileSize = (o.FileSize + UnitSize - 1) / UnitSize * UnitSize
	s := &Queues{
		fs: o.FS, dir: o.Dir, fileSize: o.FileSize, handles: o.Handles, logMin: o.LogMin, logMax: o.LogMax, verify: o.Verify,
		topics: make(map[string][]*Queue), touched: make(map[string]bool), dirs: make(map[string]bool),
	}
	topics, err := o.FS.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, o.FS.MkdirAll(o.Dir)
	}
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if !topic.Dir {
			continue
		}
		entries, err := o.FS.ReadDir(path.Join(o.Dir, topic.Name))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			// As Java does, directories that are no queue are passed over.
			if id, err := strconv.ParseInt(e.Name, 10, 32); e.Dir && err == nil && id >= 0 && id < maxQueueID {
				s.create(topic.Name, int32(id))
			}
		}
	}
	return s, nil
}

// maxQueueID bounds the number of a queue, which is an index into a slice.
const maxQueueID = 1 << 16

// Queue returns a queue, nil if there is none or its files cannot be read. Any
// goroutine may call it.
func (s *Queues) Queue(topic string, queueID int32) *Queue {
	q := s.find(topic, queueID)
	if q == nil || q.open() != nil {
		return nil
	}
	return q
}

func (s *Queues) find(topic string, queueID int32) *Queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if queues := s.topics[topic]; queueID >= 0 && int(queueID) < len(queues) {
		return queues[queueID]
	}
	return nil
}

func (s *Queues) create(topic string, queueID int32) *Queue {
	q := &Queue{set: s, topic: topic, queueID: queueID}
	q.tail.Store(&emptyTail)
	s.mu.Lock()
	defer s.mu.Unlock()
	queues := s.topics[topic]
	for int(queueID) >= len(queues) {
		queues = append(queues, nil)
	}
	if queues[queueID] == nil {
		queues[queueID] = q
	}
	s.topics[topic] = queues
	return queues[queueID]
}

// emptyTail serves the queues that nobody has used yet.
var emptyTail tail

// Append adds the unit of a message. Dispatch alone calls it, and recovery before
// that.
func (s *Queues) Append(topic string, queueID int32, offset int64, u Unit) error {
	q := s.find(topic, queueID)
	if q == nil {
		if queueID < 0 || queueID >= maxQueueID {
			return fmt.Errorf("consumequeue: the queue %s-%d cannot exist", topic, queueID)
		}
		q = s.create(strings.Clone(topic), queueID)
	}
	return q.append(offset, u)
}

// Write writes the units that only memory has to the files, where they survive
// the process but not the machine, and gives back the memory of idle tails. It
// runs on Dispatch's goroutine.
func (s *Queues) Write() error {
	dirty := s.dirty
	s.dirty = nil
	for i, q := range dirty {
		if err := q.write(); err != nil {
			s.dirty = append(s.dirty, dirty[i:]...)
			return err
		}
		q.dirty = false
		q.rest()
	}
	return nil
}

func (s *Queues) touch(name string) {
	s.touchMu.Lock()
	s.touched[name] = true
	s.touchMu.Unlock()
}

func (s *Queues) touchDir(dir string) {
	s.touchMu.Lock()
	s.dirs[dir] = true
	s.dirs[path.Dir(dir)] = true
	s.dirs[s.dir] = true
	s.touchMu.Unlock()
}

// Sync makes what was written durable. It may run on any goroutine, one at a
// time, while Dispatch goes on.
func (s *Queues) Sync() error {
	s.touchMu.Lock()
	touched, dirs := s.touched, s.dirs
	s.touched, s.dirs = make(map[string]bool), make(map[string]bool)
	s.touchMu.Unlock()
	var failed error
	for _, name := range sorted(touched) {
		err := s.handles.With(name, func(f vfs.File) error { return f.Sync() })
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // else the topic was deleted
			failed = errors.Join(failed, err)
		}
	}
	for _, dir := range sorted(dirs) {
		if err := s.fs.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return fmt.Errorf("consumequeue: sync: %w", failed)
	}
	return nil
}

func sorted(names map[string]bool) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Topics returns the names of the topics that have queues, sorted.
func (s *Queues) Topics() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]string, 0, len(s.topics))
	for name := range s.topics {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Of returns the queues of a topic, by number.
func (s *Queues) Of(topic string) []*Queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*Queue
	for _, q := range s.topics[topic] {
		if q != nil {
			list = append(list, q)
		}
	}
	return list
}

// Clean removes the files of all queues that hold no message at or behind
// logMin, the first offset of the CommitLog, and returns how many.
func (s *Queues) Clean(logMin int64) (int, error) {
	removed := 0
	var failed error
	for _, topic := range s.Topics() {
		for _, q := range s.Of(topic) {
			n, err := q.clean(logMin)
			removed += n
			failed = errors.Join(failed, err)
		}
	}
	return removed, failed
}

// Delete removes a topic's queues and their files. It runs on Dispatch's
// goroutine; readers under way find nothing.
func (s *Queues) Delete(topic string) error {
	queues := s.Of(topic)
	s.mu.Lock()
	delete(s.topics, topic)
	s.mu.Unlock()
	var failed error
	for _, q := range queues {
		s.dirty = slices.DeleteFunc(s.dirty, func(d *Queue) bool { return d == q })
		entries, err := s.fs.ReadDir(q.dir())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		failed = errors.Join(failed, err)
		// From the end and one at a time, so that a crash leaves no gap.
		for _, e := range slices.Backward(entries) {
			name := path.Join(q.dir(), e.Name)
			s.handles.Evict(name)
			failed = errors.Join(failed, s.fs.Remove(name), s.fs.SyncDir(q.dir()))
		}
		failed = errors.Join(failed, s.fs.Remove(q.dir()))
	}
	if len(queues) > 0 {
		if err := s.fs.Remove(path.Join(s.dir, topic)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
