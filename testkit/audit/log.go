package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/vfs"
)

// message is what the log says of one message.
type message struct {
	phys, size, tagsCode int64
	topic                string
	keys                 []string // as they are hashed
	storeTime            int64
	base, count          int64 // of a batch topic: its first offset, and how many; else count is 0
}

type queueID struct {
	topic string
	id    int32
}

func (q queueID) String() string { return q.topic + "/" + strconv.Itoa(int(q.id)) }

// segments returns the names of a directory's files that are numbers, ascending;
// none if there is no such directory.
func segments(fsys vfs.FS, dir string) ([]string, error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if _, bad := strconv.ParseInt(e.Name, 10, 64); bad == nil && !e.Dir {
			names = append(names, path.Join(dir, e.Name))
		}
	}
	return names, err
}

func content(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// readLog reads all records.
func (a *auditor) readLog() error {
	names, err := segments(a.fs, path.Join(a.root, "commitlog"))
	if err != nil {
		return err
	}
	for i, name := range names {
		b, err := content(a.fs, name)
		if err != nil {
			return err
		}
		start, _ := strconv.ParseInt(path.Base(name), 10, 64)
		if i == 0 {
			a.begin, a.end = start, start
		}
		if a.over && (len(b) == 0 || allZero(b)) {
			continue // made ahead
		}
		if a.over || start != a.end {
			if !a.Clean {
				return nil // the log ends in the segment before; recovery removes the rest
			}
			return fmt.Errorf("audit: %s begins where the log, which ends at %d, does not", name, a.end)
		}
		if err := a.readSegment(name, start, b); err != nil {
			return err
		}
	}
	return nil
}

// readSegment reads the records of one segment, and sets over if the log ends in it.
func (a *auditor) readSegment(name string, start int64, b []byte) error {
	at := 0
	for at < len(b) {
		var r record.Record
		n, err := record.Decode(b[at:], &r)
		var blank *record.BlankError
		if errors.As(err, &blank) {
			a.end = start + int64(len(b))
			return nil
		}
		if err == nil {
			err = r.CheckCRC()
		}
		if err == nil && r.PhysOffset != start+int64(at) {
			err = fmt.Errorf("the record says that it is at %d", r.PhysOffset)
		}
		if err != nil {
			a.over = true
			if a.Clean && !allZero(b[at:]) {
				return fmt.Errorf("audit: %s at %d: %w", name, at, err)
			}
			return nil
		}
		if err := a.take(&r, n); err != nil {
			return fmt.Errorf("audit: %s at %d: %w", name, at, err)
		}
		at += n
		a.end = start + int64(at)
	}
	return nil
}

// take notes a record.
func (a *auditor) take(r *record.Record, size int) error {
	q := queueID{string(r.Topic), r.QueueID}
	all, seen := a.queues[q]
	if !seen {
		a.first[q] = r.QueueOffset
	}
	if want := a.due(q); r.QueueOffset != want || !seen && a.begin == 0 && want != 0 {
		return fmt.Errorf("offset %d of queue %v comes where %d is due", r.QueueOffset, q, max(want*boolInt(seen), 0))
	}
	m := message{phys: r.PhysOffset, size: int64(size), topic: q.topic, storeTime: r.StoreTimestamp, base: r.QueueOffset}
	properties := messages.Properties(r.Properties)
	if base, err := strconv.ParseInt(properties[messages.PropertyInnerBase], 10, 64); err == nil {
		if m.count, err = strconv.ParseInt(properties[messages.PropertyInnerNum], 10, 64); err != nil || base != r.QueueOffset {
			return fmt.Errorf("offset %d of queue %v is a batch of %q from %d on", r.QueueOffset, q, properties[messages.PropertyInnerNum], base)
		}
	}
	tags := properties[messages.PropertyTags]
	m.tagsCode = messages.TagsCode([]byte(tags))
	if level, err := strconv.Atoi(properties[messages.PropertyDelay]); err == nil && level > 0 && q.topic == messages.TopicSchedule {
		m.tagsCode = r.StoreTimestamp + a.Delays.Millis(a.Delays.Clamp(level))
	}
	if id := properties[messages.PropertyUniqKey]; id != "" {
		m.keys = append(m.keys, q.topic+"#"+id)
	}
	for _, key := range splitWords(properties[messages.PropertyKeys]) {
		m.keys = append(m.keys, q.topic+"#"+key)
	}
	if tags != "" {
		m.keys = append(m.keys, q.topic+"#T#"+tags)
	}
	a.queues[q] = append(all, m)
	a.report.Records++
	a.report.Bytes += m.size
	return nil
}

// due returns the offset that the next record of a queue must have.
func (a *auditor) due(q queueID) int64 {
	all := a.queues[q]
	if len(all) == 0 {
		return a.first[q]
	}
	last := &all[len(all)-1]
	return last.base + max(last.count, 1)
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
