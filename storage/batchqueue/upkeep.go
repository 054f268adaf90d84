package batchqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/actormq/actormq/storage/vfs"
)

// touch notes that a file must be synced.
func (s *Queues) touch(name string) {
	s.touchMu.Lock()
	s.touched[name] = true
	s.touchMu.Unlock()
}

// touchNew notes that a file and its entry in the directory must be synced.
func (s *Queues) touchNew(name string) {
	dir := path.Dir(name)
	s.touchMu.Lock()
	s.touched[name] = true
	s.dirs[dir], s.dirs[path.Dir(dir)], s.dirs[s.dir] = true, true, true
	s.touchMu.Unlock()
}

// Sync makes all that was appended before durable. It may run on any goroutine, one
// at a time. After an error nobody knows what is durable.
func (s *Queues) Sync() error {
	s.touchMu.Lock()
	touched, dirs := s.touched, s.dirs
	if len(touched)+len(dirs) > 0 {
		s.touched, s.dirs = make(map[string]bool), make(map[string]bool)
	}
	s.touchMu.Unlock()
	var failed error
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		err := s.handles.With(name, func(f vfs.File) error { return f.Sync() })
		failed = errors.Join(failed, unlessGone(err)) // a topic may be deleted meanwhile
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		failed = errors.Join(failed, unlessGone(s.fs.SyncDir(dir)))
	}
	if failed != nil {
		return fmt.Errorf("batchqueue: sync: %w", failed)
	}
	return nil
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Clean removes the files that hold no message at or behind logMin, the first offset
// of the CommitLog, but never the last file of a queue, which knows its end. It
// returns how many, and runs on Dispatch's goroutine.
func (s *Queues) Clean(logMin int64) (int, error) {
	removed := 0
	err := s.each(func(q *Queue) error {
		if err := q.open(); err != nil {
			return err
		}
		n, err := q.clean(logMin)
		removed += n
		return err
	})
	return removed, err
}

func (q *Queue) clean(logMin int64) (removed int, err error) {
	b := q.bounds()
	if err := q.correct(&b, logMin); err != nil {
		return 0, q.wrap(err)
	}
	q.publish(b) // before the files go, so that nobody is sent to them
	if !q.expired(&b) {
		return 0, nil
	}
	// Without its length the last file would be no file to the next process, which
	// would begin the queue under another name.
	err = q.set.handles.With(q.fileName(b.end-q.set.perFile), func(f vfs.File) error { return f.Sync() })
	if err = errors.Join(err, q.set.fs.SyncDir(q.dir())); err != nil {
		return 0, q.wrap(err)
	}
	for q.expired(&b) {
		name := q.fileName(b.files)
		b.files += q.set.perFile
		q.publish(b)
		// One at a time, so that a crash leaves no gap.
		err := unlessGone(q.set.fs.Remove(name))
		q.set.handles.Evict(name) // after it, so that nobody opens it anew
		if err == nil {
			err = q.set.fs.SyncDir(path.Dir(name))
		}
		if err != nil {
			return removed, q.wrap(err)
		}
		removed++
	}
	return removed, nil
}

// expired reports whether the first file has nothing that is kept, and is not the one
// of the last unit.
func (q *Queue) expired(b *bounds) bool { return b.files+q.set.perFile <= min(b.lo, b.hi-1) }

func (q *Queue) publish(b bounds) {
	q.mu.Lock()
	q.at = b
	q.mu.Unlock()
}

// Delete removes a topic's queues and their files. It runs on Dispatch's goroutine;
// readers under way find nothing.
func (s *Queues) Delete(topic string) error {
	queues, err := s.Of(topic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, known := s.topics[topic]
	delete(s.topics, topic)
	s.used.Store(len(s.topics) > 0)
	s.mu.Unlock()
	if !known {
		return nil
	}
	var failed error
	for _, q := range queues {
		failed = errors.Join(failed, s.removeFiles(q.dir()))
	}
	err = unlessGone(s.fs.Remove(s.dir + "/" + topic))
	if err == nil {
		err = unlessGone(s.fs.SyncDir(s.dir))
	}
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
