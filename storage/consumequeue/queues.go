package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// DefaultFileSize is the size of a ConsumeQueue file in bytes: 300,000 units
// (mappedFileSizeConsumeQueue).
const DefaultFileSize = 300_000 * UnitSize

// DefaultLag is Options.Lag if that is 0. After a kill -9 so much of the
// CommitLog is read again, which takes a fraction of a second.
const DefaultLag = 256 << 20

// maxUnwritten bounds the units that only memory has, all queues together.
const maxUnwritten = 512 << 10

// Options configures Queues.
type Options struct {
	FS       vfs.FS
	Dir      string
	FileSize int64 // bytes; rounded up to whole units; 0 means DefaultFileSize
	Handles  *segment.Cache
	// Lag is how far, in bytes, the CommitLog may grow beyond a record before Write
	// puts the record's unit into its file; 0 means DefaultLag.
	Lag int64
	// LogMin returns the offset of the first byte that the CommitLog has. LogMax is
	// its end as recovery left it. Both cut off units.
	LogMin func() int64
	LogMax int64
	// Crashed says that the last process did not end in order, so that anything may
	// lie behind the ends of queues.
	Crashed bool
	// Verify tells whether the record at u.Phys is the message of that queue and
	// offset; an error says that it could not be read. A power loss can leave units
	// of records that the CommitLog lost, and whose place others have taken since;
	// they are at the end of their queue. nil verifies nothing.
	Verify func(u Unit, topic string, queueID int32, offset int64) (bool, error)
}

// Queues is all ConsumeQueues of a store.
type Queues struct {
	fs       vfs.FS
	dir      string
	fileSize int64
	lag      int64
	handles  *segment.Cache
	logMin   func() int64
	logMax   atomic.Int64
	crashed  bool
	verify   func(u Unit, topic string, queueID int32, offset int64) (bool, error)

	mu     sync.RWMutex // topics; held for a look-up only
	topics map[string]*topic

	// Renewed says that the records of deleted topics may come again, see renew. It
	// belongs to Dispatch.
	Renewed bool

	// Dispatch's own.
	pool      tailPool
	last      int64     // physical offset of the record of the last Append; -1 none
	waiting   []waiting // queues with units that only memory has, by their pending
	unwritten int64     // units that only memory has

	cleaning sync.Mutex // one Clean, Truncate or Delete at a time

	touchMu sync.Mutex
	touched map[string]bool // files written to since the last Sync began
	dirs    map[string]bool // directories with new entries since then
	round   uint64          // number of the next Sync
	synced  atomic.Uint64   // number of the last Sync that succeeded
}

// waiting is a queue with units that only memory has.
type waiting struct {
	q      *Queue
	phys   int64 // record of the first one; another than q.pending: out of date
	before int64 // the record whose unit was appended before that one, to any queue; -1 unknown
}

// Open lists the topics below o.Dir, which is created if missing. It must follow
// the recovery of the CommitLog. It fails with a *segment.LayoutError if the files
// are of another size than o says.
func Open(o Options) (*Queues, error) {
	if o.FileSize == 0 {
		o.FileSize = DefaultFileSize
	}
	if o.Lag == 0 {
		o.Lag = DefaultLag
	}
	s := &Queues{
		fs: o.FS, dir: path.Clean(o.Dir), fileSize: (o.FileSize + UnitSize - 1) / UnitSize * UnitSize, lag: o.Lag,
		handles: o.Handles, logMin: o.LogMin, verify: o.Verify, crashed: o.Crashed, last: -1, round: 1,
		topics: make(map[string]*topic), touched: make(map[string]bool), dirs: make(map[string]bool),
	}
	s.logMax.Store(o.LogMax)
	entries, err := o.FS.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, o.FS.MkdirAll(s.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	probes := maxProbes
	for _, e := range entries {
		if !e.Dir {
			continue
		}
		s.topics[e.Name] = &topic{name: e.Name}
		if probes > 0 {
			probes--
			found, err := s.probe(e.Name)
			if err != nil {
				return nil, err
			}
			if found {
				probes = 0
			}
		}
	}
	return s, nil
}

// maxProbes bounds the topics that Open looks into.
const maxProbes = 16

// probe looks at the files of one queue, so that a store that was written with
// another size of files is refused at once and not when a queue is first used. It
// reports whether there were any.
func (s *Queues) probe(topic string) (bool, error) {
	queues, err := s.Of(topic)
	if err != nil || len(queues) == 0 {
		return false, err
	}
	starts, err := segment.List(s.fs, queues[0].dir(), s.fileSize)
	return len(starts) > 0, err
}

// Queue returns a queue, nil if there is none, or if its files cannot be read,
// which Load tells apart. Any goroutine may call it.
func (s *Queues) Queue(topic string, queueID int32) *Queue {
	q, err := s.Load(topic, queueID)
	if err != nil {
		return nil
	}
	return q
}

// Load returns a queue, nil if there is none. It fails if the files cannot be
// read, or are not a queue's (*segment.LayoutError); the next call tries again.
// Any goroutine may call it.
func (s *Queues) Load(topic string, queueID int32) (*Queue, error) {
	q, err := s.find(topic, queueID)
	if q == nil || err != nil {
		return nil, err
	}
	if err := q.open(); err != nil {
		return nil, err
	}
	return q, nil
}

func (s *Queues) find(name string, queueID int32) (*Queue, error) {
	s.mu.RLock()
	t := s.topics[name]
	s.mu.RUnlock()
	if t == nil || queueID < 0 {
		return nil, nil
	}
	queues, err := t.list(s)
	if err != nil || int(queueID) >= len(queues) {
		return nil, err
	}
	return queues[queueID], nil
}

// Append adds the unit of a message, whose record follows that of the last call
// in the CommitLog. Dispatch alone calls it, and recovery before that; recovery
// may repeat what is there already. topic is not retained.
func (s *Queues) Append(topic string, queueID int32, offset int64, u Unit) error {
	q, err := s.find(topic, queueID)
	if err != nil {
		return err
	}
	if q == nil {
		if q, err = s.create(topic, queueID); err != nil {
			return err
		}
	}
	if err := q.append(offset, u); err != nil {
		return err
	}
	s.last = u.Phys
	return nil
}

// Passed notes that the record at phys, which follows that of the last Append, has no
// unit here, or one elsewhere that is written already. Dispatch alone calls it.
func (s *Queues) Passed(phys int64) { s.last = phys }

func (s *Queues) create(name string, queueID int32) (*Queue, error) {
	if queueID < 0 || queueID >= maxQueueID || name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return nil, fmt.Errorf("consumequeue: the queue %q-%d cannot exist", name, queueID)
	}
	s.mu.Lock()
	t := s.topics[name]
	if t == nil {
		t = newTopic(strings.Clone(name))
		s.topics[t.name] = t
	}
	s.mu.Unlock()
	return t.add(s, queueID), nil
}

// wait notes that q has a unit more that only memory has.
func (s *Queues) wait(q *Queue, phys int64) {
	s.unwritten++
	if q.pending < 0 {
		q.pending = phys
		s.waiting = append(s.waiting, waiting{q: q, phys: phys, before: s.last})
	}
}

// Write writes units that only memory has to the files, where they survive the
// process but not the machine, and gives back the memory of their tails: those
// that wait for longest, or all of them. It runs on Dispatch's goroutine.
//
// It returns the physical offset of the last record up to which all units are in
// the files, -1 if it is unknown. Once Sync has returned after Write, recovery may
// begin behind that record.
func (s *Queues) Write(all bool) (through int64, err error) {
	done := 0
	for ; done < len(s.waiting); done++ {
		w := s.waiting[done]
		if w.q.pending != w.phys {
			continue // its tail was full in between
		}
		if !all && s.last-w.phys < s.lag && s.unwritten < maxUnwritten {
			break
		}
		if err = w.q.write(); err != nil {
			break
		}
		w.q.rest()
	}
	s.waiting = slices.Delete(s.waiting, 0, done)
	if err != nil {
		return -1, err
	}
	if len(s.waiting) > 0 {
		return s.waiting[0].before, nil
	}
	return s.last, nil
}

// Topics returns the names of the topics that have, or had, queues, sorted.
func (s *Queues) Topics() []string {
	s.mu.RLock()
	list := make([]string, 0, len(s.topics))
	for name := range s.topics {
		list = append(list, name)
	}
	s.mu.RUnlock()
	slices.Sort(list)
	return list
}

// Of returns the queues of a topic, by number. Their bounds are valid only once
// Load has returned them.
func (s *Queues) Of(topic string) ([]*Queue, error) {
	s.mu.RLock()
	t := s.topics[topic]
	s.mu.RUnlock()
	if t == nil {
		return nil, nil
	}
	queues, err := t.list(s)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(queues), func(q *Queue) bool { return q == nil }), nil
}
