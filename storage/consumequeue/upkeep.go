package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"

	"github.com/actormq/actormq/storage/vfs"
)

// touch notes that a file must be synced.
func (s *Queues) touch(name string) {
	s.touchMu.Lock()
	s.touched[name] = true
	s.touchMu.Unlock()
}

// touchNew notes that a file and its entry in the directory must be synced, and
// returns the round of Sync that will do it.
func (s *Queues) touchNew(name string) uint64 {
	dir := path.Dir(name)
	s.touchMu.Lock()
	defer s.touchMu.Unlock()
	s.touched[name] = true
	s.dirs[dir] = true
	s.dirs[path.Dir(dir)] = true
	s.dirs[s.dir] = true
	return s.round
}

// Sync makes what Write has written durable. It may run on any goroutine, one at a
// time, while Dispatch goes on. After an error nobody knows what is durable, and
// nothing may be said to be any more.
func (s *Queues) Sync() error {
	s.touchMu.Lock()
	touched, dirs, round := s.touched, s.dirs, s.round
	s.touched, s.dirs = make(map[string]bool), make(map[string]bool)
	s.round++
	s.touchMu.Unlock()
	var failed error
	for _, name := range sorted(touched) {
		err := s.handles.With(name, func(f vfs.File) error { return f.Sync() })
		failed = errors.Join(failed, unlessGone(err)) // a topic may be deleted meanwhile
	}
	for _, dir := range sorted(dirs) {
		failed = errors.Join(failed, unlessGone(s.fs.SyncDir(dir)))
	}
	if failed != nil {
		return fmt.Errorf("consumequeue: sync: %w", failed)
	}
	s.synced.Store(round)
	return nil
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func sorted(names map[string]bool) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Clean removes the files that hold no message at or behind logMin, the first
// offset of the CommitLog, and returns how many. It looks at every queue, so that
// it belongs on a goroutine for which nobody waits; any will do.
func (s *Queues) Clean(logMin int64) (int, error) {
	s.cleaning.Lock()
	defer s.cleaning.Unlock()
	removed := 0
	var failed error
	for _, name := range s.Topics() {
		queues, err := s.Of(name)
		failed = errors.Join(failed, err)
		for _, q := range queues {
			if idle, err := q.single(); idle || err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			n, err := q.clean(logMin)
			removed += n
			failed = errors.Join(failed, err)
		}
	}
	return removed, failed
}

// single reports whether Clean has nothing to do for the queue, because it was not
// used yet and has one file: its bounds will be found when it is used. Any other
// queue is loaded afterwards.
func (q *Queue) single() (bool, error) {
	if q.loaded.Load() {
		return false, nil
	}
	entries, err := q.set.fs.ReadDir(q.dir())
	if err = unlessGone(err); err != nil || len(entries) <= 1 {
		return true, err
	}
	return false, q.open()
}

// Truncate drops the units of records at or behind phys, which the CommitLog is
// about to lose. It runs on Dispatch's goroutine; readers under way may still see
// some of them. The checkpoint must not speak of a record behind phys any more.
func (s *Queues) Truncate(phys int64) error {
	s.cleaning.Lock()
	defer s.cleaning.Unlock()
	s.logMax.Store(min(s.logMax.Load(), phys)) // for the queues that nobody has used
	for _, name := range s.Topics() {
		queues, err := s.Of(name)
		if err != nil {
			return err
		}
		for _, q := range queues {
			if !q.loaded.Load() {
				continue
			}
			if err := q.truncate(phys); err != nil {
				return err
			}
		}
	}
	clear(s.waiting)
	s.waiting = s.waiting[:0] // everything was written
	s.last = -1
	return nil
}

func (q *Queue) truncate(phys int64) error {
	if err := q.write(); err != nil {
		return err
	}
	lo, hi := q.firstUnit(), q.max.Load()
	var failed error
	end := lo + int64(sort.Search(int(hi-lo), func(i int) bool {
		var u [1]Unit
		_, err := q.read(lo+int64(i), u[:])
		failed = errors.Join(failed, err)
		return u[0].Phys >= phys
	}))
	if failed != nil || end == hi {
		return failed
	}
	return q.cut(end)
}

// cut drops the units from a logical offset on. All of them are in the files.
func (q *Queue) cut(end int64) error {
	hi := q.max.Load()
	q.max.Store(end)
	q.rest()
	q.opened, q.written = end, end
	q.min.Store(min(q.min.Load(), end))
	return q.wipe(end, hi)
}

// wipe zeroes the units of [from, to), so that they are not found when the queue
// is opened again.
func (q *Queue) wipe(from, to int64) error {
	for from < to {
		next := min(q.NextFile(from), to)
		at, n := from*UnitSize%q.set.fileSize, (next-from)*UnitSize
		name := q.fileName(from)
		err := q.set.handles.With(name, func(f vfs.File) error { return f.Zero(at, n) })
		if err = unlessGone(err); err != nil {
			return q.wrap(err)
		}
		q.touch(name)
		from = next
	}
	return nil
}

// Delete removes a topic's queues and their files. It runs on Dispatch's
// goroutine; readers under way find nothing.
func (s *Queues) Delete(topic string) error {
	s.cleaning.Lock()
	defer s.cleaning.Unlock()
	queues, err := s.Of(topic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, known := s.topics[topic]
	delete(s.topics, topic)
	s.mu.Unlock()
	if !known {
		return nil
	}
	var failed error
	for _, q := range queues {
		if q.pending >= 0 {
			t := q.tail.Load()
			s.unwritten -= q.max.Load() - max(q.written, t.base)
			q.pending = -1
		}
		failed = errors.Join(failed, s.removeFiles(q.dir()))
	}
	err = unlessGone(s.fs.Remove(s.dir + "/" + topic))
	s.touchMu.Lock()
	s.dirs[s.dir] = true // an fsync here would hold up what becomes visible
	s.touchMu.Unlock()
	return errors.Join(failed, err)
}

// removeFiles removes a queue's directory, the last file first: a crash leaves a
// queue without its end, never one with a gap.
func (s *Queues) removeFiles(dir string) error {
	entries, err := s.fs.ReadDir(dir)
	if err != nil {
		return unlessGone(err)
	}
	var failed error
	for _, e := range slices.Backward(entries) {
		name := dir + "/" + e.Name
		failed = errors.Join(failed, unlessGone(s.fs.Remove(name)))
		s.handles.Evict(name)
	}
	return errors.Join(failed, unlessGone(s.fs.Remove(dir)))
}
