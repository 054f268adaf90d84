package actormq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/messages"
)

// offsetFile keeps the offsets of a broadcasting consumer. The file is that of the
// Java client, which may go on with it, and the other way round; so are its
// neighbours <file>.tmp, which is being written, and <file>.bak, the one before
// (RocketMQ: LocalFileOffsetStore, MixAll.string2File):
//
//	{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:123,…}}
type offsetFile struct {
	path string

	mu    sync.Mutex
	known map[consumer.Queue]int64
}

// openOffsetFile reads the file, or the one before if it is damaged. A file that
// does not exist is empty. An empty path means Java's.
func openOffsetFile(path, client, group string) (*offsetFile, error) {
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("actormq: ConsumerOptions.OffsetFile is needed: %w", err)
		}
		path = filepath.Join(home, ".rocketmq_offsets", client, group, "offsets.json")
	}
	f := &offsetFile{path: path, known: make(map[consumer.Queue]int64)}
	table, err := readOffsets(path)
	if err != nil || table == nil {
		older, olderErr := readOffsets(path + ".bak")
		if olderErr != nil || older == nil && err != nil {
			return nil, fmt.Errorf("actormq: offset file: %w", errors.Join(err, olderErr))
		}
		table = older
	}
	for _, e := range table {
		f.known[e.Queue] = e.Value
	}
	return f, nil
}

// readOffsets reads a file, nil if there is none or it is empty.
func readOffsets(path string) (messages.QueueTable[int64], error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case len(text) == 0:
		return nil, nil
	}
	return decodeOffsets(text)
}

func decodeOffsets(text []byte) (messages.QueueTable[int64], error) {
	body, err := messages.DecodeResetOffset(text)
	if err != nil {
		return nil, err
	}
	for _, e := range body.OffsetTable {
		if e.Value < 0 || e.Queue.Topic == "" {
			return nil, fmt.Errorf("offset %d of a queue of topic %q", e.Value, e.Queue.Topic)
		}
	}
	return body.OffsetTable, nil
}

func encodeOffsets(known map[consumer.Queue]int64) ([]byte, error) {
	var body messages.ResetOffsetBody
	for q, offset := range known {
		body.OffsetTable = append(body.OffsetTable, messages.QueueEntry[int64]{Queue: q, Value: offset})
	}
	slices.SortFunc(body.OffsetTable, func(a, b messages.QueueEntry[int64]) int { return a.Queue.Compare(b.Queue) })
	return body.Encode()
}

// get returns the offset of a queue.
func (f *offsetFile) get(q consumer.Queue) (offset int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	offset, known = f.known[q]
	return offset, known
}

// set keeps offsets, those of other queues too, and writes the file.
func (f *offsetFile) set(offsets []consumer.Offset) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range offsets {
		f.known[o.Queue] = o.Offset
	}
	text, err := encodeOffsets(f.known)
	if err == nil {
		err = f.write(text)
	}
	if err != nil {
		return fmt.Errorf("actormq: offset file: %w", err)
	}
	return nil
}

// write replaces the file so that at any time it or the one before is whole.
func (f *offsetFile) write(text []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	if err := writeSynced(f.path+".tmp", text); err != nil {
		return err
	}
	if err := os.Rename(f.path, f.path+".bak"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(f.path+".tmp", f.path)
}

func writeSynced(path string, text []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
