package index

import "encoding/binary"

const (
	headerSize = 40
	slotSize   = 4
	entrySize  = 20
)

// header is the head of a file.
type header struct {
	beginTime, endTime int64 // Unix milliseconds
	beginPhys, endPhys int64
	usedSlots          int32
	count              int32 // of entries, plus one
}

func (h *header) append(dst []byte) []byte {
	be := binary.BigEndian
	dst = be.AppendUint64(dst, uint64(h.beginTime))
	dst = be.AppendUint64(dst, uint64(h.endTime))
	dst = be.AppendUint64(dst, uint64(h.beginPhys))
	dst = be.AppendUint64(dst, uint64(h.endPhys))
	dst = be.AppendUint32(dst, uint32(h.usedSlots))
	return be.AppendUint32(dst, uint32(h.count))
}

func decodeHeader(b []byte) header {
	be := binary.BigEndian
	return header{
		beginTime: int64(be.Uint64(b)), endTime: int64(be.Uint64(b[8:])),
		beginPhys: int64(be.Uint64(b[16:])), endPhys: int64(be.Uint64(b[24:])),
		usedSlots: int32(be.Uint32(b[32:])), count: int32(be.Uint32(b[36:])),
	}
}

// entry is one key of one record.
type entry struct {
	hash     int32
	phys     int64
	seconds  int32 // since the file's first store time
	previous int32 // the entry that the slot named before; 0 none
}

func (e *entry) append(dst []byte) []byte {
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(e.hash))
	dst = be.AppendUint64(dst, uint64(e.phys))
	dst = be.AppendUint32(dst, uint32(e.seconds))
	return be.AppendUint32(dst, uint32(e.previous))
}

func decodeEntry(b []byte) entry {
	be := binary.BigEndian
	_ = b[entrySize-1]
	return entry{
		hash: int32(be.Uint32(b)), phys: int64(be.Uint64(b[4:])),
		seconds: int32(be.Uint32(b[12:])), previous: int32(be.Uint32(b[16:])),
	}
}
