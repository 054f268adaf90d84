package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport"
)

// Leader is a scripted master: it sends its slave what the test says, and keeps the
// slave's reports. It has one slave at a time, the last one that connected.
type Leader struct {
	Addr    string
	Reports []int64         // of all connections
	At      []time.Duration // when, in virtual time since the beginning
	Slaves  int             // connections so far

	t     testing.TB
	world *sim.World
	slave *led
}

// led is the connection of a slave.
type led struct {
	leader  *Leader
	conn    transport.Conn
	buf     [256]byte
	reports messages.HAReports
	closed  bool
}

// NewLeader starts a master at a host.
func NewLeader(t testing.TB, w *sim.World, h *sim.Host) *Leader {
	l := &Leader{Addr: h.Name() + ":10912", t: t, world: w}
	_, err := h.Env().Net.Listen(l.Addr, func(conn transport.Conn) transport.Receiver {
		l.slave = &led{leader: l, conn: conn}
		l.Slaves++
		return l.slave
	})
	require.NoError(t, err)
	return l
}

// AwaitReport waits until the slave reports an offset.
func (l *Leader) AwaitReport(offset int64) {
	l.t.Helper()
	err := l.world.Run(func() bool { return len(l.Reports) > 0 && l.Reports[len(l.Reports)-1] == offset }, startLimit)
	require.NoError(l.t, err, "reports: %v", l.Reports)
}

// Connected reports whether a slave is there.
func (l *Leader) Connected() bool { return l.slave != nil && !l.slave.closed }

// Send sends a frame.
func (l *Leader) Send(offset int64, body []byte) {
	l.SendHeader(messages.HAHeader{Offset: offset, Size: len(body)}, body)
}

// SendHeader sends a header, which may say anything, and what follows it.
func (l *Leader) SendHeader(h messages.HAHeader, body []byte) {
	l.SendRaw(append(h.Append(nil), body...))
}

// SendRaw sends bytes.
func (l *Leader) SendRaw(b []byte) { require.NoError(l.t, l.slave.conn.Write([][]byte{b})) }

// Buffer implements transport.Receiver.
func (s *led) Buffer() []byte { return s.buf[:] }

// Received implements transport.Receiver.
func (s *led) Received(n int) error {
	for offset, rest, ok := s.reports.Next(s.buf[:n]); ok; offset, rest, ok = s.reports.Next(rest) {
		s.leader.Reports = append(s.leader.Reports, offset)
		s.leader.At = append(s.leader.At, s.leader.world.Elapsed())
	}
	return nil
}

// Closed implements transport.Receiver.
func (s *led) Closed(error) { s.closed = true }
