package batchqueue

import (
	"encoding/binary"
	"math"
)

// UnitSize is the size of a unit in bytes.
const UnitSize = 46

// MaxCount is the largest number of messages that a unit can stand for.
const MaxCount = math.MaxInt16

// Unit says where a batch of messages is.
type Unit struct {
	Phys      int64 // physical offset of the record in the CommitLog
	Size      int32 // bytes of the record
	TagsCode  int64
	StoreTime int64 // Unix milliseconds
	Base      int64 // logical offset of the first message
	Count     int16 // messages
}

// Valid reports whether the unit stands for something, as a zeroed one does not.
func (u *Unit) Valid() bool { return u.Phys >= 0 && u.Size > 0 && u.Base >= 0 && u.Count > 0 }

// Next returns the logical offset behind the last message.
func (u *Unit) Next() int64 { return u.Base + int64(u.Count) }

// put encodes the unit into the first UnitSize bytes of b.
func (u *Unit) put(b []byte) {
	_ = b[UnitSize-1]
	binary.BigEndian.PutUint64(b, uint64(u.Phys))
	binary.BigEndian.PutUint32(b[8:], uint32(u.Size))
	binary.BigEndian.PutUint64(b[12:], uint64(u.TagsCode))
	binary.BigEndian.PutUint64(b[20:], uint64(u.StoreTime))
	binary.BigEndian.PutUint64(b[28:], uint64(u.Base))
	binary.BigEndian.PutUint16(b[36:], uint16(u.Count))
	binary.BigEndian.PutUint32(b[38:], math.MaxUint32)
	binary.BigEndian.PutUint32(b[42:], 0)
}

func decodeUnit(b []byte) Unit {
	_ = b[UnitSize-1]
	return Unit{
		Phys:      int64(binary.BigEndian.Uint64(b)),
		Size:      int32(binary.BigEndian.Uint32(b[8:])),
		TagsCode:  int64(binary.BigEndian.Uint64(b[12:])),
		StoreTime: int64(binary.BigEndian.Uint64(b[20:])),
		Base:      int64(binary.BigEndian.Uint64(b[28:])),
		Count:     int16(binary.BigEndian.Uint16(b[36:])),
	}
}
