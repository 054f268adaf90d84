package consumequeue

import "encoding/binary"

// UnitSize is the size of a unit in bytes.
const UnitSize = 20

// fillerSize marks the units before a queue's first message.
const fillerSize = 0x7FFFFFFF

// Unit says where a message is.
type Unit struct {
	Phys     int64 // physical offset of the record in the CommitLog
	Size     int32 // bytes of the record
	TagsCode int64
}

// Valid reports whether the unit stands for something: a message or a filler.
func (u *Unit) Valid() bool { return u.Phys >= 0 && u.Size > 0 }

// Filler reports whether the unit holds the place of a message that is not there.
func (u *Unit) Filler() bool { return u.Size == fillerSize && u.Phys == 0 }

// put encodes the unit into the first UnitSize bytes of b.
func (u *Unit) put(b []byte) {
	_ = b[UnitSize-1]
	binary.BigEndian.PutUint64(b, uint64(u.Phys))
	binary.BigEndian.PutUint32(b[8:], uint32(u.Size))
	binary.BigEndian.PutUint64(b[12:], uint64(u.TagsCode))
}

func decodeUnit(b []byte) Unit {
	_ = b[UnitSize-1]
	return Unit{
		Phys:     int64(binary.BigEndian.Uint64(b)),
		Size:     int32(binary.BigEndian.Uint32(b[8:])),
		TagsCode: int64(binary.BigEndian.Uint64(b[12:])),
	}
}

// decodeUnits decodes as many units as b and dst hold and returns how many.
func decodeUnits(dst []Unit, b []byte) int {
	n := min(len(dst), len(b)/UnitSize)
	for i := range n {
		dst[i] = decodeUnit(b[i*UnitSize:])
	}
	return n
}
