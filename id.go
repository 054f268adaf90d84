package actormq

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// localAddr returns the first address of this machine that is neither loopback
// nor link-local, IPv4 before IPv6, else 127.0.0.1. It only makes ids unique
// across machines and readable.
func localAddr() netip.Addr {
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	found := false
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return best
	}
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		addr := prefix.Addr().Unmap()
		switch {
		case addr.IsLoopback() || addr.IsLinkLocalUnicast():
		case addr.Is4():
			return addr
		case !found:
			best, found = addr, true
		}
	}
	return best
}

// uniqKeys makes message ids in the layout of the Java client's, in upper-case
// hex (RocketMQ: MessageClientIDSetter):
//
//	address 4 or 16 | process id 2 | number of the generator 4 |
//	milliseconds since the month began, local time 4 | counter 2
//
// Up to 65536 ids a millisecond are distinct.
type uniqKeys struct {
	mu      sync.Mutex
	prefix  string
	month   time.Time // when the month of the last id began
	next    time.Time // and when it ends
	counter uint16
}

func newUniqKeys(addr netip.Addr, serial uint32) *uniqKeys {
	raw := addr.AsSlice()
	raw = binary.BigEndian.AppendUint16(raw, uint16(os.Getpid()))
	raw = binary.BigEndian.AppendUint32(raw, serial)
	return &uniqKeys{prefix: string(appendUpperHex(nil, raw...))}
}

func (u *uniqKeys) make(now time.Time) string {
	u.mu.Lock()
	if now.Before(u.month) || !now.Before(u.next) {
		u.month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
		u.next = u.month.AddDate(0, 1, 0)
	}
	since, counter := uint32(now.Sub(u.month).Milliseconds()), u.counter
	u.counter++
	u.mu.Unlock()
	var room [64]byte
	id := append(room[:0], u.prefix...)
	id = appendUpperHex(id, byte(since>>24), byte(since>>16), byte(since>>8), byte(since), byte(counter>>8), byte(counter))
	return string(id)
}

// appendUpperHex appends the digits of some bytes.
func appendUpperHex(dst []byte, all ...byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, b := range all {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// newClientID makes an id that no other client has unless it is told an instance:
// address@instance, with @unit where there is a unit. The instance is by default
// pid#nanoseconds, as the Java client's (RocketMQ: ClientConfig.buildMQClientId).
func newClientID(addr netip.Addr, instance, unit string, now time.Time) string {
	if instance == "" {
		instance = fmt.Sprintf("%d#%d", os.Getpid(), now.UnixNano())
	}
	id := fmt.Sprintf("%s@%s", addr, instance)
	if unit != "" {
		id += "@" + unit
	}
	return id
}
