package vfs

import (
	"fmt"
	"path"
)

// Rot flips one bit, 0 to 7, of the byte at offset, as a medium does that forgets
// what it has kept for long: the sector must be durable as it is read. It fails
// with fs.ErrNotExist if there is no such file, and changes nothing if there is no
// such byte or its sector waits for a Sync.
func (m *Mem) Rot(name string, offset int64, bit uint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.entries[path.Clean(name)]
	switch {
	case n == nil || n.dir:
		return notExist("rot", name)
	case bit > 7:
		return fmt.Errorf("vfs: a byte has no bit %d", bit)
	case offset < 0 || offset >= int64(min(len(n.data), len(n.synced))) || n.dirty[offset/SectorSize]:
		return fmt.Errorf("vfs: %s has no durable byte at %d", name, offset)
	}
	n.data[offset] ^= 1 << bit
	n.synced[offset] ^= 1 << bit
	return nil
}
