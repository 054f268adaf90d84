// Package checkpoint is the file that says how far the parts of a store are on
// disk (RocketMQ: StoreCheckpoint). 4096 bytes, numbers big-endian:
//
//	offset  bytes  meaning
//	0       8      store time of the last durable CommitLog record, ms
//	8       8      store time of the last record whose ConsumeQueue unit is durable
//	16      8      store time of the last record whose index entry is durable
//	24      8      masterFlushedOffset
//	32      8      confirmPhyOffset
//	40      8      physical offset of the last record whose unit is durable; 0 unknown
//
// Recovery starts there. Too low a value costs time; too high a one loses units.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/actormq/actormq/storage/vfs"
)

// Size is the size of the file in bytes.
const Size = 4096

// Checkpoint is the content of the file. Zero values mean "nothing is known".
type Checkpoint struct {
	CommitLogTime       int64 // Unix milliseconds
	ConsumeQueueTime    int64
	IndexTime           int64
	MasterFlushedOffset int64
	ConfirmOffset       int64
	ConsumeQueueOffset  int64
}

// MinTime is the store time from which on records may lack their unit, ms. The
// clock of a record is taken before it is written, hence the margin.
func (c *Checkpoint) MinTime() int64 {
	return max(min(c.CommitLogTime, c.ConsumeQueueTime)-3000, 0)
}

func (c *Checkpoint) fields() []*int64 {
	return []*int64{&c.CommitLogTime, &c.ConsumeQueueTime, &c.IndexTime, &c.MasterFlushedOffset, &c.ConfirmOffset, &c.ConsumeQueueOffset}
}

// Decode decodes the content of a file. Missing bytes count as zero.
func Decode(b []byte) Checkpoint {
	var c Checkpoint
	for i, f := range c.fields() {
		if len(b) >= (i+1)*8 {
			*f = max(int64(binary.BigEndian.Uint64(b[i*8:])), 0)
		}
	}
	return c
}

// Append appends the file's content to dst.
func (c *Checkpoint) Append(dst []byte) []byte {
	start := len(dst)
	for _, f := range c.fields() {
		dst = binary.BigEndian.AppendUint64(dst, uint64(*f))
	}
	return append(dst, make([]byte, Size-(len(dst)-start))...)
}

// Load reads a checkpoint; a missing file is a zero one.
func Load(fsys vfs.FS, name string) (Checkpoint, error) {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	b := make([]byte, Size)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	return Decode(b[:n]), nil
}

// Save writes and syncs a checkpoint. The fields fit into one sector, so that a
// crash leaves the old or the new ones.
func Save(fsys vfs.FS, name string, c *Checkpoint) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = fsys.Create(name)
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(c.Append(nil), 0); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
