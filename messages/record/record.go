package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"net/netip"

	"github.com/actormq/actormq/messages"
)

// The magic numbers of records and of the blank that ends a file.
const (
	MagicV1    = 0xDAA320A7
	MagicV2    = 0xDAA320AB // the topic's length takes two bytes
	MagicBlank = 0xCBD43194
)

// MaxProperties is the largest property string of a record, in bytes.
const MaxProperties = messages.MaxPropertiesSize

// maxTopicV1 is the longest topic, in bytes, that v1 can hold: Java reads the
// length as a signed byte.
const maxTopicV1 = 127

// Offsets of the fixed fields.
const (
	atMagic       = 4
	atBodyCRC     = 8
	atQueueID     = 12
	atFlag        = 16
	atQueueOffset = 20
	atPhysOffset  = 28
	atSysFlag     = 36
	atBornTime    = 40
	atBornHost    = 48
	fixed         = 75 // bytes besides hosts, body, topic and properties, v1
)

// MinSize is the size of the smallest record.
const MinSize = fixed + 8 + 8

// BlankSize is the space that a file keeps free for its blank, in bytes.
const BlankSize = 8

// ErrShort says that the input ends before the record does.
var ErrShort = errors.New("record: cut off")

// CorruptError says what is wrong with bytes that should be a record.
type CorruptError struct{ Reason string }

func (e *CorruptError) Error() string { return "record: " + e.Reason }

// BlankError says that the input is the blank at the end of a file.
type BlankError struct{ Size int32 }

func (e *BlankError) Error() string {
	return fmt.Sprintf("record: the blank of %d bytes that ends a file", e.Size)
}

// Record is one message. Body, Topic and Properties of a decoded record alias
// its input.
type Record struct {
	QueueID        int32
	Flag           int32
	QueueOffset    int64
	PhysOffset     int64
	SysFlag        int32 // Append sets the host bits from the hosts
	BornTimestamp  int64
	BornHost       netip.AddrPort
	StoreTimestamp int64
	StoreHost      netip.AddrPort
	ReconsumeTimes int32
	PreparedOffset int64
	BodyCRC        int32 // as decoded; Append computes its own
	Body           []byte
	Topic          []byte
	Properties     []byte
}

func hostSize(sysFlag, bit int32) int {
	if sysFlag&bit != 0 {
		return 20
	}
	return 8
}

func isV6(host netip.AddrPort) bool {
	a := host.Addr()
	return a.Is6() && !a.Is4In6()
}

// Size returns the number of bytes that Append adds.
func (r *Record) Size() int {
	n := fixed + 16 + len(r.Body) + len(r.Topic) + len(r.Properties)
	if isV6(r.BornHost) {
		n += 12
	}
	if isV6(r.StoreHost) {
		n += 12
	}
	if len(r.Topic) > maxTopicV1 {
		n++
	}
	return n
}

// Append encodes r at the end of dst. The caller has checked that the properties
// are at most MaxProperties and the topic at most 32767 bytes long.
func (r *Record) Append(dst []byte) []byte {
	sysFlag := r.SysFlag &^ (messages.SysFlagBornHostV6 | messages.SysFlagStoreHostV6)
	if isV6(r.BornHost) {
		sysFlag |= messages.SysFlagBornHostV6
	}
	if isV6(r.StoreHost) {
		sysFlag |= messages.SysFlagStoreHostV6
	}
	magic := uint32(MagicV1)
	if len(r.Topic) > maxTopicV1 {
		magic = MagicV2
	}
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(r.Size()))
	dst = be.AppendUint32(dst, magic)
	dst = be.AppendUint32(dst, uint32(bodyCRC(r.Body)))
	dst = be.AppendUint32(dst, uint32(r.QueueID))
	dst = be.AppendUint32(dst, uint32(r.Flag))
	dst = be.AppendUint64(dst, uint64(r.QueueOffset))
	dst = be.AppendUint64(dst, uint64(r.PhysOffset))
	dst = be.AppendUint32(dst, uint32(sysFlag))
	dst = be.AppendUint64(dst, uint64(r.BornTimestamp))
	dst = appendHost(dst, r.BornHost)
	dst = be.AppendUint64(dst, uint64(r.StoreTimestamp))
	dst = appendHost(dst, r.StoreHost)
	dst = be.AppendUint32(dst, uint32(r.ReconsumeTimes))
	dst = be.AppendUint64(dst, uint64(r.PreparedOffset))
	dst = be.AppendUint32(dst, uint32(len(r.Body)))
	dst = append(dst, r.Body...)
	if magic == MagicV1 {
		dst = append(dst, byte(len(r.Topic)))
	} else {
		dst = be.AppendUint16(dst, uint16(len(r.Topic)))
	}
	dst = append(dst, r.Topic...)
	dst = be.AppendUint16(dst, uint16(len(r.Properties)))
	return append(dst, r.Properties...)
}

func appendHost(dst []byte, host netip.AddrPort) []byte {
	if isV6(host) {
		a := host.Addr().As16()
		dst = append(dst, a[:]...)
	} else {
		var a [4]byte
		if addr := host.Addr().Unmap(); addr.Is4() {
			a = addr.As4()
		}
		dst = append(dst, a[:]...)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(host.Port()))
}

func bodyCRC(body []byte) int32 {
	if len(body) == 0 {
		return 0
	}
	return int32(crc32.ChecksumIEEE(body) & 0x7FFFFFFF)
}

// Place writes into an encoded record what the log assigns.
func Place(rec []byte, phys, queueOffset, storeTimestamp int64) {
	be := binary.BigEndian
	be.PutUint64(rec[atQueueOffset:], uint64(queueOffset))
	be.PutUint64(rec[atPhysOffset:], uint64(phys))
	born := hostSize(int32(be.Uint32(rec[atSysFlag:])), messages.SysFlagBornHostV6)
	be.PutUint64(rec[atBornHost+born:], uint64(storeTimestamp))
}

// StoreTimestamp returns the store time of an encoded record, in Unix
// milliseconds, from its first 76 bytes at most.
func StoreTimestamp(rec []byte) (int64, error) {
	if len(rec) < atBornHost {
		return 0, ErrShort
	}
	at := atBornHost + hostSize(int32(binary.BigEndian.Uint32(rec[atSysFlag:])), messages.SysFlagBornHostV6)
	if len(rec) < at+8 {
		return 0, ErrShort
	}
	return int64(binary.BigEndian.Uint64(rec[at:])), nil
}

// Decode decodes the record at the start of b into r and returns its size. It
// fails with ErrShort when b ends early, a *BlankError at the end of a file, and
// a *CorruptError for anything else. It does not check the CRC.
func Decode(b []byte, r *Record) (int, error) {
	be := binary.BigEndian
	if len(b) < BlankSize {
		return 0, ErrShort
	}
	size := int32(be.Uint32(b))
	magic := be.Uint32(b[atMagic:])
	switch magic {
	case MagicV1, MagicV2:
	case MagicBlank:
		return 0, &BlankError{Size: size}
	default:
		return 0, &CorruptError{fmt.Sprintf("magic %#x", magic)}
	}
	if size < MinSize {
		return 0, &CorruptError{fmt.Sprintf("size %d", size)}
	}
	if int(size) > len(b) {
		return 0, ErrShort
	}
	b = b[:size]
	r.BodyCRC = int32(be.Uint32(b[atBodyCRC:]))
	r.QueueID = int32(be.Uint32(b[atQueueID:]))
	r.Flag = int32(be.Uint32(b[atFlag:]))
	r.QueueOffset = int64(be.Uint64(b[atQueueOffset:]))
	r.PhysOffset = int64(be.Uint64(b[atPhysOffset:]))
	r.SysFlag = int32(be.Uint32(b[atSysFlag:]))
	r.BornTimestamp = int64(be.Uint64(b[atBornTime:]))
	rest := b[atBornHost:]
	born, stored := hostSize(r.SysFlag, messages.SysFlagBornHostV6), hostSize(r.SysFlag, messages.SysFlagStoreHostV6)
	if len(rest) < born+8+stored+16 {
		return 0, &CorruptError{fmt.Sprintf("size %d is too small for its hosts", size)}
	}
	r.BornHost = host(rest[:born])
	r.StoreTimestamp = int64(be.Uint64(rest[born:]))
	rest = rest[born+8:]
	r.StoreHost = host(rest[:stored])
	rest = rest[stored:]
	r.ReconsumeTimes = int32(be.Uint32(rest))
	r.PreparedOffset = int64(be.Uint64(rest[4:]))
	if err := r.decodeTail(rest[12:], magic == MagicV2); err != nil {
		return 0, err
	}
	return int(size), nil
}

// decodeTail decodes the parts of variable length, which must fill b exactly.
func (r *Record) decodeTail(b []byte, v2 bool) error {
	be := binary.BigEndian
	n := int64(be.Uint32(b))
	b = b[4:]
	if n > int64(len(b)) {
		return &CorruptError{fmt.Sprintf("body length %d", n)}
	}
	r.Body, b = b[:n:n], b[n:]
	width := 1
	if v2 {
		width = 2
	}
	if len(b) < width {
		return &CorruptError{"no topic"}
	}
	// Java reads both lengths as signed and fails on a negative one.
	t := int(int8(b[0]))
	if v2 {
		t = int(int16(be.Uint16(b)))
	}
	b = b[width:]
	if t < 0 || t+2 > len(b) {
		return &CorruptError{fmt.Sprintf("topic length %d", t)}
	}
	r.Topic, b = b[:t:t], b[t:]
	p := int(int16(be.Uint16(b)))
	b = b[2:]
	if p != len(b) {
		return &CorruptError{fmt.Sprintf("properties length %d where %d bytes are left", p, len(b))}
	}
	r.Properties = b[:p:p]
	return nil
}

func host(b []byte) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(b[:len(b)-4])
	return netip.AddrPortFrom(addr, uint16(binary.BigEndian.Uint32(b[len(b)-4:])))
}

// CheckCRC fails with a *CorruptError if the body is not the one that the
// record was written with.
func (r *Record) CheckCRC() error {
	if got := bodyCRC(r.Body); got != r.BodyCRC {
		return &CorruptError{fmt.Sprintf("body CRC %#x, not %#x", got, r.BodyCRC)}
	}
	return nil
}

// TagsCode is messages.TagsCode.
func TagsCode(tags []byte) int64 { return messages.TagsCode(tags) }

// HashCode is messages.HashCode.
func HashCode(text []byte) int32 { return messages.HashCode(text) }

// Request describes a decoded record to Dispatch. topic is the record's topic as
// a string of its own; the keys alias the record. delay gives the delay of a
// level of the delay topic, whose tags code is the time of delivery.
func (r *Record) Request(topic string, size int, delay func(level int) int64) messages.DispatchRequest {
	d := messages.DispatchRequest{
		Topic: topic, QueueID: r.QueueID, QueueOffset: r.QueueOffset, Phys: r.PhysOffset, Size: int32(size),
		StoreTime: r.StoreTimestamp, SysFlag: r.SysFlag, PreparedOffset: r.PreparedOffset,
	}
	level, inner, based := 0, 0, false
	messages.EachProperty(r.Properties, func(name, value []byte) bool {
		switch string(name) {
		case messages.PropertyUniqKey:
			d.UniqKey = value
		case messages.PropertyKeys:
			d.Keys = value
		case messages.PropertyTags:
			d.Tags = value
		case messages.PropertyDelay:
			level = number(value)
		case messages.PropertyInnerNum:
			inner = number(value)
		case messages.PropertyInnerBase:
			based = true
		}
		return true
	})
	if based && inner <= math.MaxInt16 && r.SysFlag&messages.SysFlagInnerBatch != 0 {
		d.Inner = int32(inner)
	}
	d.TagsCode = TagsCode(d.Tags)
	if topic == messages.TopicSchedule && level > 0 {
		d.TagsCode = r.StoreTimestamp + delay(level)
	}
	return d
}

func number(value []byte) int {
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}
