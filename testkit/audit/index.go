package audit

import (
	"encoding/binary"
	"fmt"
	"path"

	"github.com/actormq/actormq/messages"
)

const (
	indexHeader = 40
	slotSize    = 4
	entrySize   = 20
)

// reached is a place in the log that a hash leads to.
type reached struct {
	hash int32
	phys int64
}

// checkIndex follows the chain of every slot, and looks for the messages' keys in
// what they lead to. Entries of records that a crash has taken stay; they lead to
// nothing, or to another record, and queries pass over them.
func (a *auditor) checkIndex() error {
	if !a.Index {
		return nil
	}
	names, err := segments(a.fs, path.Join(a.root, "index"))
	if err != nil {
		return err
	}
	found := make(map[reached]bool)
	for i, name := range names {
		b, err := content(a.fs, name)
		if err != nil {
			return err
		}
		if len(b) != indexHeader+slotSize*a.Slots+entrySize*a.Entries {
			if len(b) == 0 && !a.Clean && i == len(names)-1 {
				continue
			}
			return fmt.Errorf("audit: %s has %d bytes", name, len(b))
		}
		if err := a.followChains(name, b, found); err != nil {
			return err
		}
	}
	if !a.Clean {
		return nil
	}
	for q, all := range a.queues {
		for _, m := range all {
			for _, key := range m.keys {
				if !found[reached{keyHash(key), m.phys}] {
					return fmt.Errorf("audit: the index does not lead from %q to the message of queue %v at %d", key, q, m.phys)
				}
			}
		}
	}
	return nil
}

// followChains notes what the slots of a file lead to.
func (a *auditor) followChains(name string, b []byte, found map[reached]bool) error {
	count := int32(binary.BigEndian.Uint32(b[36:]))
	if count < 0 || int(count) > a.Entries {
		return fmt.Errorf("audit: %s counts %d entries", name, count)
	}
	entries := b[indexHeader+slotSize*a.Slots:]
	for slot := range a.Slots {
		n := int32(binary.BigEndian.Uint32(b[indexHeader+slotSize*slot:]))
		if n >= max(count, 1) && a.Clean {
			return fmt.Errorf("audit: %s: slot %d names entry %d of %d", name, slot, n, count)
		}
		for n > 0 && n < count {
			e := entries[entrySize*int(n):]
			hash, phys := int32(binary.BigEndian.Uint32(e)), int64(binary.BigEndian.Uint64(e[4:]))
			if int(hash)%a.Slots != slot && a.Clean {
				return fmt.Errorf("audit: %s: entry %d of hash %d is in slot %d", name, n, hash, slot)
			}
			found[reached{hash, phys}] = true
			a.report.Entries++
			previous := int32(binary.BigEndian.Uint32(e[16:]))
			if previous >= n {
				return fmt.Errorf("audit: %s: entry %d comes behind entry %d", name, n, previous)
			}
			n = previous
		}
	}
	return nil
}

// keyHash is the hash of a key, of which a negative one is turned round
// (RocketMQ: IndexFile.indexKeyHashMethod).
func keyHash(key string) int32 {
	h := messages.HashCode([]byte(key))
	if h < 0 {
		h = -h
	}
	return max(h, 0)
}
