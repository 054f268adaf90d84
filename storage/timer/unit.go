package timer

import (
	"encoding/binary"
	"hash/crc32"
)

// UnitSize is the size of a unit in bytes.
const UnitSize = 52

// Bits of Unit.Magic.
const (
	MagicDefault = 1 << 0
	MagicRoll    = 1 << 1 // the message is stored again when the unit's time comes
	MagicDelete  = 1 << 2 // the message recalls another
)

const magicBits = 0xF

// None is the position of no unit.
const None = -1

// Unit says when a message is due.
type Unit struct {
	Prev      int64 // position of the unit before of the same time, or None
	Magic     int32
	WriteTime int64 // Unix milliseconds
	Delay     int32 // milliseconds from WriteTime on
	Phys      int64 // of the message
	Size      int32 // of it, in bytes
	TopicHash int32
}

// Time is when the unit is due, in Unix milliseconds.
func (u *Unit) Time() int64 { return u.WriteTime + int64(u.Delay) }

// Rolls reports whether the message is to be stored again.
func (u *Unit) Rolls() bool { return u.Magic&MagicRoll != 0 }

// Recalls reports whether the message recalls another one of the same time.
func (u *Unit) Recalls() bool { return u.Magic&MagicDelete != 0 }

// sumOffset is where a unit's checksum is.
const sumOffset = 44

// Append appends the unit's encoding.
func (u *Unit) Append(dst []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, UnitSize)
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.Prev))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.Magic))
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.WriteTime))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.Delay))
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.Phys))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.Size))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.TopicHash))
	return binary.BigEndian.AppendUint64(dst, checksum(dst[start:]))
}

func checksum(b []byte) uint64 { return 1<<32 | uint64(crc32.ChecksumIEEE(b[:sumOffset])) }

// parsed says what the bytes of a unit are.
type parsed int

const (
	noUnit  parsed = iota // what is behind the last one, or torn
	blank                 // the rest of a file
	unsure                // a unit without a checksum, as Apache writes it
	correct               // a unit as it was written
)

// blankSize is the size of the header of a file's rest, and blankMagic its mark
// (RocketMQ: TimerLog.MIN_BLANK_LEN, BLANK_MAGIC_CODE).
const (
	blankSize         = 16
	blankMagic uint32 = 0xBBCCDDEE ^ (1880681586 + 8)
)

// parse decodes the unit at the begin of b, which may be shorter than one.
func parse(b []byte) (u Unit, p parsed) {
	if len(b) >= blankSize && binary.BigEndian.Uint32(b[12:]) == blankMagic {
		return u, blank
	}
	if len(b) < UnitSize || binary.BigEndian.Uint32(b) != UnitSize {
		return u, noUnit
	}
	u = Unit{
		Prev:      int64(binary.BigEndian.Uint64(b[4:])),
		Magic:     int32(binary.BigEndian.Uint32(b[12:])),
		WriteTime: int64(binary.BigEndian.Uint64(b[16:])),
		Delay:     int32(binary.BigEndian.Uint32(b[24:])),
		Phys:      int64(binary.BigEndian.Uint64(b[28:])),
		Size:      int32(binary.BigEndian.Uint32(b[36:])),
		TopicHash: int32(binary.BigEndian.Uint32(b[40:])),
	}
	if u.Magic&^magicBits != 0 || u.Prev < None || u.Phys < 0 || u.Size <= 0 || u.WriteTime < 0 || u.WriteTime > maxTime {
		return u, noUnit
	}
	switch binary.BigEndian.Uint64(b[sumOffset:]) {
	case 0:
		return u, unsure
	case checksum(b):
		return u, correct
	}
	return u, noUnit
}

// maxTime keeps times from overflowing, in Unix milliseconds.
const maxTime = 1 << 56
