package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
	"github.com/actormq/actormq/storage/vfs"
)

// Options says what a store must be like.
type Options struct {
	// Clean says that the store was closed in order.
	Clean bool
	// Delays are the broker's delay levels.
	Delays messages.DelayLevels
	// Index says that messages are indexed (messageIndexEnable).
	Index bool
	// Slots and Entries are the size of an index file (maxHashSlotNum, maxIndexNum).
	Slots, Entries int
}

// Report counts what was checked.
type Report struct {
	Records, Units, Entries int
	Bytes                   int64 // of records
}

type auditor struct {
	Options
	fs   vfs.FS
	root string

	begin, end int64 // of the log
	durable    int64 // the last record whose unit the checkpoint vouches for
	over       bool  // the log ends in the segment that was read last
	queues     map[queueID][]message
	first      map[queueID]int64 // offset of queues[q][0]
	report     Report
}

// Store checks the store at root. It reads only. An error names the file, and what
// is wrong with it.
func Store(fsys vfs.FS, root string, o Options) (*Report, error) {
	a := &auditor{Options: o, fs: fsys, root: root, queues: make(map[queueID][]message), first: make(map[queueID]int64)}
	for _, check := range []func() error{a.readLog, a.readCheckpoint, a.checkQueues, a.checkBatches, a.checkIndex, a.checkDelays} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return &a.report, nil
}

// readCheckpoint finds out which units a crash must not have torn: those of records
// up to the one that the checkpoint names (see storage/checkpoint).
func (a *auditor) readCheckpoint() error {
	b, err := content(a.fs, path.Join(a.root, "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it vouches for nothing
	}
	if err == nil && len(b) >= 48 {
		a.durable = int64(binary.BigEndian.Uint64(b[40:]))
	}
	if err == nil && a.durable >= max(a.end, 1) {
		err = fmt.Errorf("audit: the checkpoint is at %d, and the log ends at %d", a.durable, a.end)
	}
	return err
}

func (a *auditor) checkQueues() error {
	dir := path.Join(a.root, "consumequeue")
	topics, err := a.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		topics, err = nil, nil
	}
	if err != nil {
		return err
	}
	checked := make(map[queueID]bool)
	for _, topic := range topics {
		ids, err := a.fs.ReadDir(path.Join(dir, topic.Name))
		if err != nil {
			return err
		}
		for _, id := range ids {
			n, err := strconv.ParseInt(id.Name, 10, 32)
			if err != nil {
				return fmt.Errorf("audit: %s in %s is no queue", id.Name, path.Join(dir, topic.Name))
			}
			q := queueID{topic.Name, int32(n)}
			checked[q] = true
			if a.isBatch(q) {
				continue // left by a slave that did not know the topic yet
			}
			if err := a.checkQueue(q, path.Join(dir, topic.Name, id.Name)); err != nil {
				return err
			}
		}
	}
	for q, all := range a.queues {
		if a.Clean && !checked[q] && !a.isBatch(q) {
			return fmt.Errorf("audit: queue %v has %d messages and no file", q, len(all))
		}
	}
	return nil
}

const (
	unitSize = 20
	// fillSize is the size that a unit has which only fills a queue that does not
	// begin at 0 (RocketMQ: ConsumeQueue.fillPreBlank).
	fillSize = 0x7fffffff
)

// checkQueue compares the units of a queue with its records.
func (a *auditor) checkQueue(q queueID, dir string) error {
	names, err := segments(a.fs, dir)
	if err != nil {
		return err
	}
	first, all := a.first[q], a.queues[q]
	found, ended := 0, false
	for _, name := range names {
		b, err := content(a.fs, name)
		if err != nil {
			return err
		}
		start, _ := strconv.ParseInt(path.Base(name), 10, 64)
		for at := 0; at+unitSize <= len(b); at += unitSize {
			offset := (start + int64(at)) / unitSize
			phys, size := int64(binary.BigEndian.Uint64(b[at:])), int64(binary.BigEndian.Uint32(b[at+8:]))
			tags := int64(binary.BigEndian.Uint64(b[at+12:]))
			switch {
			case size == 0 || size == fillSize || phys < a.begin:
				ended = ended || size == 0 && offset >= first
				continue
			case !a.Clean && (phys > a.durable || ended):
				continue // recovery cuts it or writes it again
			case ended || offset < first || offset >= first+int64(len(all)):
				return fmt.Errorf("audit: %s has offset %d, of which the log knows nothing", name, offset)
			}
			m := all[offset-first]
			if phys != m.phys || size != m.size || tags != m.tagsCode {
				return fmt.Errorf("audit: %s offset %d is (%d, %d, %d), and the log has it at (%d, %d, %d)",
					name, offset, phys, size, tags, m.phys, m.size, m.tagsCode)
			}
			found++
		}
	}
	a.report.Units += found
	if a.Clean && found != len(all) {
		return fmt.Errorf("audit: queue %v has %d units of %d", q, found, len(all))
	}
	return nil
}

func (a *auditor) checkDelays() error {
	var delivered struct {
		OffsetTable map[string]int64 `json:"offsetTable"`
	}
	if err := jsonfile.Load(a.fs, path.Join(a.root, "config", "delayOffset.json"), &delivered); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for text, offset := range delivered.OffsetTable {
		level, err := strconv.ParseInt(text, 10, 32)
		q := queueID{messages.TopicSchedule, int32(level) - 1}
		if end := a.first[q] + int64(len(a.queues[q])); err != nil || offset > end {
			return fmt.Errorf("audit: delay level %s was delivered up to %d and ends at %d", text, offset, end)
		}
	}
	return nil
}

func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
}
