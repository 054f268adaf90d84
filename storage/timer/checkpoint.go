package timer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
)

// CheckpointSize is the size of a checkpoint on the wire (RocketMQ:
// TimerCheckpoint.encode); the file is larger.
const (
	CheckpointSize     = 56
	checkpointFileSize = 4096
)

// Checkpoint is the content of config/timercheck, numbers big-endian:
//
//	offset  bytes  meaning
//	0       8      slots before that time were delivered, ms
//	8       8      units before that position are durable
//	16      8      messages of the timer topic before that offset were taken up
//	24      8      the same at the master
//	32      24     version: state version, time in ms, counter
type Checkpoint struct {
	ReadTime          int64
	LogFlushed        int64
	QueueOffset       int64
	MasterQueueOffset int64
	Version           messages.DataVersion
}

// Append appends the encoding for the wire.
func (c *Checkpoint) Append(dst []byte) []byte {
	for _, v := range [...]int64{
		c.ReadTime, c.LogFlushed, c.QueueOffset, c.MasterQueueOffset, c.Version.StateVersion, c.Version.Timestamp, c.Version.Counter,
	} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

// ParseCheckpoint decodes a checkpoint, with or without its version. Numbers that
// cannot be are zero, with which everything is looked at again.
func ParseCheckpoint(b []byte) (Checkpoint, error) {
	var c Checkpoint
	fields := [...]*int64{
		&c.ReadTime, &c.LogFlushed, &c.QueueOffset, &c.MasterQueueOffset, &c.Version.StateVersion, &c.Version.Timestamp, &c.Version.Counter,
	}
	if len(b) < 32 {
		return c, fmt.Errorf("timer: a checkpoint of %d bytes", len(b))
	}
	for i, f := range fields {
		if len(b) >= (i+1)*8 {
			*f = max(int64(binary.BigEndian.Uint64(b[i*8:])), 0)
		}
	}
	c.ReadTime = min(c.ReadTime, maxTime)
	return c, nil
}

// LoadCheckpoint reads a checkpoint; a missing file is a zero one.
func LoadCheckpoint(fsys vfs.FS, name string) (Checkpoint, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("timer: %w", err)
	}
	defer f.Close()
	b := make([]byte, checkpointFileSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return Checkpoint{}, fmt.Errorf("timer: %w", err)
	}
	if n < 32 {
		return Checkpoint{}, nil // created, and never written
	}
	return ParseCheckpoint(b[:min(n, CheckpointSize)])
}

// SaveCheckpoint writes and syncs a checkpoint, which fits into one sector.
func SaveCheckpoint(fsys vfs.FS, name string, c *Checkpoint) error {
	f, err := openOrCreate(fsys, name)
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	defer f.Close()
	b := make([]byte, checkpointFileSize)
	c.Append(b[:0])
	if _, err := f.WriteAt(b, 0); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

// openOrCreate opens a file, or creates one that is there after a crash.
func openOrCreate(fsys vfs.FS, name string) (vfs.File, error) {
	f, err := fsys.Open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	dir := path.Dir(name)
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	if f, err = fsys.Create(name); err != nil {
		return nil, err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
