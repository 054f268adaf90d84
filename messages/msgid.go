package messages

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// AppendOffsetMsgID appends the broker's id of a message: the upper-case hex of
// the store host's address (4 or 16 bytes), its port (4) and the physical offset
// (8), 32 or 56 characters (RocketMQ: MessageDecoder.createMessageId).
func AppendOffsetMsgID(dst []byte, host netip.AddrPort, phys int64) []byte {
	var raw [28]byte
	addr := host.Addr()
	b := raw[:0]
	if addr.Is4() {
		a := addr.As4()
		b = append(b, a[:]...)
	} else {
		a := addr.As16()
		b = append(b, a[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(host.Port()))
	b = binary.BigEndian.AppendUint64(b, uint64(phys))
	return appendHex(dst, b)
}

// EncodeOffsetMsgID is AppendOffsetMsgID as a string.
func EncodeOffsetMsgID(host netip.AddrPort, phys int64) string {
	var buf [56]byte
	return string(AppendOffsetMsgID(buf[:0], host, phys))
}

// DecodeOffsetMsgID returns the address and the physical offset that an id of
// AppendOffsetMsgID names. The length tells IPv4 from IPv6.
func DecodeOffsetMsgID(id string) (netip.AddrPort, int64, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 16 && len(raw) != 28 {
		return netip.AddrPort{}, 0, fmt.Errorf("messages: %q is not a message id of a broker", id)
	}
	addr, _ := netip.AddrFromSlice(raw[:len(raw)-12])
	port := binary.BigEndian.Uint32(raw[len(raw)-12:])
	if port > 65535 {
		return netip.AddrPort{}, 0, fmt.Errorf("messages: the message id %q names the port %d", id, port)
	}
	return netip.AddrPortFrom(addr, uint16(port)), int64(binary.BigEndian.Uint64(raw[len(raw)-8:])), nil
}

const hexDigits = "0123456789ABCDEF"

func appendHex(dst, src []byte) []byte {
	for _, b := range src {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// NewUniqKey makes a message id for a message that came without one, in the
// shape of the clients' (RocketMQ: MessageClientIDSetter): address 4 or 16 bytes,
// then 12 that differ from message to message, here the time and random bits.
func NewUniqKey(millis int64, addr netip.Addr, random uint64) string {
	var raw [28]byte
	b := append(raw[:0], addr.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(millis))
	b = binary.BigEndian.AppendUint64(b, random)
	return string(appendHex(nil, b))
}

// UniqKeys makes the ids that a producer gives its messages: unique among all
// producers as far as address, process and instance are. Any goroutine may use it.
type UniqKeys struct {
	prefix  []byte // 10 or 22 bytes
	counter atomic.Uint32
}

// NewUniqKeys returns a source of ids for a process at addr. instance tells apart
// sources of one process; Java takes the class loader's hash.
func NewUniqKeys(addr netip.Addr, pid uint16, instance uint32) *UniqKeys {
	prefix := binary.BigEndian.AppendUint16(addr.AsSlice(), pid)
	return &UniqKeys{prefix: binary.BigEndian.AppendUint32(prefix, instance)}
}

// Next returns an id for a message that is made now: upper-case hex of
//
//	address 4 or 16 | process 2 | instance 4 | milliseconds since the month began 4 | counter 2
//
// The month is that of now's location (RocketMQ: MessageClientIDSetter).
func (u *UniqKeys) Next(now time.Time) string {
	var raw [28]byte
	b := append(raw[:0], u.prefix...)
	b = binary.BigEndian.AppendUint32(b, uint32(now.UnixMilli()-monthOf(now).UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(u.counter.Add(1)))
	return string(appendHex(make([]byte, 0, 2*len(b)), b))
}

// monthOf returns when the month of now began.
func monthOf(now time.Time) time.Time {
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
}

// UniqKeyTime returns when an id of UniqKeys was made, if it was within the month
// before now; older ones seem to be as young. It fails for an id of another
// shape.
func UniqKeyTime(id string, now time.Time) (time.Time, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 16 && len(raw) != 28 {
		return time.Time{}, fmt.Errorf("messages: %q is not a message id of a producer", id)
	}
	since := time.Duration(binary.BigEndian.Uint32(raw[len(raw)-6:])) * time.Millisecond
	month := monthOf(now)
	if at := month.Add(since); at.Before(now) {
		return at, nil
	}
	return month.AddDate(0, -1, 0).Add(since), nil
}
