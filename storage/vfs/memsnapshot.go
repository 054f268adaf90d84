package vfs

import "slices"

// Snapshot returns a copy of m as processes see it: without faults, limits, locks
// and open files, and with everything durable.
func (m *Mem) Snapshot() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMem(m.now)
	copies := make(map[*node]*node)
	for name, n := range m.entries {
		if copies[n] == nil {
			data := slices.Clone(n.data)
			copies[n] = &node{dir: n.dir, data: data, synced: slices.Clone(data), modTime: n.modTime}
		}
		c.entries[name], c.durable[name] = copies[n], copies[n]
	}
	return c
}
