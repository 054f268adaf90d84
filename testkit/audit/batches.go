package audit

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strconv"
)

// batchUnitSize is the size of a unit of a batch topic's queue.
const batchUnitSize = 46

// checkBatches compares the queues of batch topics with their records.
func (a *auditor) checkBatches() error {
	for q, all := range a.queues {
		if !a.isBatch(q) {
			continue
		}
		if err := a.checkBatchQueue(q, all); err != nil {
			return err
		}
	}
	return nil
}

// isBatch reports whether there is a batch queue, or has to be.
func (a *auditor) isBatch(q queueID) bool {
	_, err := a.fs.Stat(a.batchDir(q))
	return err == nil || slices.ContainsFunc(a.queues[q], func(m message) bool { return m.count > 0 })
}

func (a *auditor) batchDir(q queueID) string {
	return path.Join(a.root, "batchconsumequeue", q.topic, strconv.Itoa(int(q.id)))
}

func (a *auditor) checkBatchQueue(q queueID, all []message) error {
	names, err := segments(a.fs, a.batchDir(q))
	if err != nil {
		return err
	}
	found, ended := 0, false
	for _, name := range names {
		b, err := content(a.fs, name)
		if err != nil {
			return err
		}
		for ; len(b) >= batchUnitSize; b = b[batchUnitSize:] {
			phys, size := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))
			switch {
			case size == 0 || phys < a.begin:
				ended = ended || size == 0
				continue
			case !a.Clean && (phys > a.durable || ended):
				continue // recovery cuts it or writes it again
			case ended || found == len(all):
				return fmt.Errorf("audit: %s has a batch at %d, of which the log knows nothing", name, phys)
			}
			if err := sameBatch(&all[found], b); err != nil {
				return fmt.Errorf("audit: %s: %w", name, err)
			}
			found++
		}
	}
	a.report.Units += found
	if a.Clean && found != len(all) {
		return fmt.Errorf("audit: batch queue %v has %d units of %d", q, found, len(all))
	}
	return nil
}

// sameBatch compares a message with the unit in b.
func sameBatch(m *message, b []byte) error {
	u := message{
		phys: int64(binary.BigEndian.Uint64(b)), size: int64(binary.BigEndian.Uint32(b[8:])),
		tagsCode: int64(binary.BigEndian.Uint64(b[12:])), storeTime: int64(binary.BigEndian.Uint64(b[20:])),
		base: int64(binary.BigEndian.Uint64(b[28:])), count: int64(binary.BigEndian.Uint16(b[36:])),
	}
	if u.phys != m.phys || u.size != m.size || u.tagsCode != m.tagsCode || u.storeTime != m.storeTime || u.base != m.base || u.count != max(m.count, 1) {
		return fmt.Errorf("the unit %+v, and the log has %+v", u, *m)
	}
	return nil
}
