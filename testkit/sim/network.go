package sim

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/actormq/actormq/transport"
)

// Link says how bytes travel between two hosts.
type Link struct {
	// Each chunk takes a time from MinDelay to MaxDelay, one way. It never
	// overtakes an earlier one of its connection.
	MinDelay, MaxDelay time.Duration
	// One in CutRate writes is cut at a random place; its parts travel apart.
	// 0: one in four. Negative: never.
	CutRate int
	// One in ResetRate chunks is delivered in part, then the connection is reset.
	// 0: never.
	ResetRate int
}

// loopback is the link of a host to itself.
var loopback = Link{MinDelay: 5 * time.Microsecond, MaxDelay: 30 * time.Microsecond}

type pair struct{ from, to *Host }

// internet connects all hosts.
type internet struct {
	world     *World
	rand      *rand.Rand
	links     map[pair]Link
	blocked   map[pair]bool
	listeners map[netip.AddrPort]*listener
	ends      []*conn // the ends of all connections, in the order of creation
	serial    uint64  // of the last connection
}

func newInternet(w *World) *internet {
	return &internet{
		world: w, rand: w.stream("network"),
		links: make(map[pair]Link), blocked: make(map[pair]bool),
		listeners: make(map[netip.AddrPort]*listener),
	}
}

// SetLink sets how bytes travel from each of the two hosts to the other.
func (w *World) SetLink(a, b *Host, l Link) {
	w.net.links[pair{a, b}], w.net.links[pair{b, a}] = l, l
}

// Partition holds back everything between a and b until Heal. Connections stay
// open, new ones time out.
func (w *World) Partition(a, b *Host) {
	w.PartitionOneWay(a, b)
	w.PartitionOneWay(b, a)
}

// PartitionOneWay holds back what from sends to to.
func (w *World) PartitionOneWay(from, to *Host) {
	w.trace.line(from.name, "net", "partition to "+to.name)
	w.net.blocked[pair{from, to}] = true
}

// Heal ends every partition; what was held back arrives.
func (w *World) Heal() {
	w.trace.line("world", "net", "heal")
	clear(w.net.blocked)
	for _, c := range w.net.ends {
		c.travel()
	}
}

// Reset breaks all connections between a and b, at both ends at once.
func (w *World) Reset(a, b *Host) {
	w.trace.line(a.name, "net", "reset connections to "+b.name)
	for _, c := range slices.Clone(w.net.ends) {
		if c.of.host == a && c.peer.of.host == b || c.of.host == b && c.peer.of.host == a {
			c.over(errReset)
		}
	}
}

// Connections returns the number of connections between a and b that both sides
// still have.
func (w *World) Connections(a, b *Host) int {
	n := 0
	for _, c := range w.net.ends {
		if c.of.host == a && c.peer.of.host == b && c.phase == open && c.peer.phase == open {
			n++
		}
	}
	return n
}

func (n *internet) link(from, to *Host) Link {
	if l, ok := n.links[pair{from, to}]; ok {
		return l
	}
	if from == to {
		return loopback
	}
	return n.world.opts.Link
}

// strikes draws whether something happens that happens once in rate times.
func (n *internet) strikes(rate int) bool { return rate > 0 && n.rand.IntN(rate) == 0 }

func (n *internet) delay(from, to *Host) time.Duration {
	l := n.link(from, to)
	return l.MinDelay + time.Duration(n.rand.Int64N(int64(max(l.MaxDelay-l.MinDelay, 0))+1))
}

// crash takes a process off the network. A killed one's kernel resets its
// connections; a host without power just falls silent.
func (n *internet) crash(p *process, kind Crash) {
	for addr, l := range n.listeners {
		if l.of == p {
			delete(n.listeners, addr)
		}
	}
	for _, c := range slices.Clone(n.ends) {
		switch {
		case c.of != p:
		case kind == ProcessKill:
			c.abandon()
		default:
			c.phase = finished
		}
	}
}

// restarted resets the connections that an earlier life of h left behind.
func (n *internet) restarted(h *Host) {
	for _, c := range slices.Clone(n.ends) {
		if c.of.host == h && !c.of.alive {
			c.abandon()
		}
	}
}

func (n *internet) forget(c *conn) {
	if i := slices.Index(n.ends, c); i >= 0 {
		n.ends = slices.Delete(n.ends, i, i+1)
	}
}

// network is the transport.Network of one process.
type network struct{ of *process }

type listener struct {
	of     *process
	addr   netip.AddrPort
	accept func(transport.Conn) transport.Receiver
}

// Listen implements transport.Network. A port belongs to all addresses of a host.
func (n *network) Listen(addr string, accept func(transport.Conn) transport.Receiver) (transport.Listener, error) {
	h := n.of.host
	_, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	if port == 0 {
		port = uint64(h.nextPort())
	}
	bound := netip.AddrPortFrom(h.ip, uint16(port))
	if h.world.net.listeners[bound] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(bound), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &listener{of: n.of, addr: bound, accept: accept}
	h.world.net.listeners[bound] = l
	h.world.trace.line(h.name, "net", "listen "+portText)
	return l, nil
}

func (h *Host) nextPort() uint16 {
	h.port++
	return h.port
}

func (l *listener) Addr() netip.AddrPort { return l.addr }

func (l *listener) Close() error {
	if net := l.of.host.world.net; net.listeners[l.addr] == l {
		delete(net.listeners, l.addr)
	}
	return nil
}

// resolve finds the host of "name:port" or "address:port" as seen from h.
func (h *Host) resolve(addr string) (*Host, netip.AddrPort, error) {
	name, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	if name == "localhost" || strings.HasPrefix(name, "127.") {
		name = h.name
	}
	for _, other := range h.world.hosts {
		if other.name == name || other.ip.String() == name {
			return other, netip.AddrPortFrom(other.ip, uint16(port)), nil
		}
	}
	return nil, netip.AddrPort{}, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

const (
	defaultDialTimeout = 3 * time.Second
	dialRetry          = 200 * time.Millisecond
)

// dial is one attempt to connect.
type dial struct {
	of       *process
	to       *Host
	addr     netip.AddrPort
	deadline int64
	opened   func(transport.Conn, error) transport.Receiver
	end      *conn // once the other side has accepted
}

// Dial implements transport.Network.
func (n *network) Dial(addr string, timeout time.Duration, opened func(transport.Conn, error) transport.Receiver) {
	w := n.of.host.world
	to, resolved, err := n.of.host.resolve(addr)
	d := &dial{of: n.of, to: to, addr: resolved, opened: opened}
	if err != nil {
		w.soon(n.of, func() { d.failed(err) })
		return
	}
	if timeout <= 0 {
		timeout = defaultDialTimeout
	}
	d.deadline = w.now + int64(timeout)
	d.request()
}

// request sends the first packet, again and again while nobody answers.
func (d *dial) request() {
	w := d.of.host.world
	if d.retry(d.of.host, d.to, d.request) {
		return
	}
	w.after(nil, w.net.delay(d.of.host, d.to), func() {
		if d.to.off {
			d.again(d.request)
			return
		}
		d.accept()
	})
}

// accept is what the other host does about it.
func (d *dial) accept() {
	w := d.of.host.world
	l := w.net.listeners[d.addr]
	if l == nil {
		w.after(d.of, w.net.delay(d.to, d.of.host), func() {
			d.failed(os.NewSyscallError("connect", syscall.ECONNREFUSED))
		})
		return
	}
	if !d.of.alive {
		return
	}
	client, server := w.net.connect(d.of, l)
	d.end = client
	d.answer()
	server.receiver = l.accept(server)
	if server.receiver == nil {
		server.Close()
	}
	server.wake()
}

// answer tells the dialler that it is connected.
func (d *dial) answer() {
	w := d.of.host.world
	if d.retry(d.to, d.of.host, d.answer) {
		return
	}
	delay := w.net.delay(d.to, d.of.host)
	d.end.lastArrival = max(d.end.lastArrival, w.now+int64(delay))
	w.after(d.of, delay, func() {
		d.end.receiver = d.opened(d.end, nil)
		if d.end.receiver == nil {
			d.end.Close()
		}
		d.end.wake()
	})
}

// retry reports whether a packet is lost in a partition, and then tries again
// until the deadline.
func (d *dial) retry(from, to *Host, again func()) bool {
	if !d.of.host.world.net.blocked[pair{from, to}] {
		return false
	}
	d.again(again)
	return true
}

func (d *dial) again(what func()) {
	w := d.of.host.world
	left := time.Duration(d.deadline - w.now)
	if left > dialRetry {
		w.after(d.of, dialRetry, what)
		return
	}
	w.after(d.of, left, func() {
		if d.end != nil {
			d.end.abandon()
		}
		d.failed(os.ErrDeadlineExceeded)
	})
}

func (d *dial) failed(err error) {
	d.of.host.world.trace.line(d.of.host.name, "net", "dial failed: "+err.Error())
	d.opened(nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(d.addr), Err: err})
}

// connect makes the two ends of a connection.
func (n *internet) connect(of *process, l *listener) (client, server *conn) {
	n.serial++
	local := netip.AddrPortFrom(of.host.ip, of.host.nextPort())
	client = &conn{of: of, serial: n.serial, local: local, remote: l.addr}
	server = &conn{of: l.of, serial: n.serial, local: l.addr, remote: local}
	client.peer, server.peer = server, client
	n.ends = append(n.ends, client, server)
	n.world.trace.line(of.host.name, "net", fmt.Sprintf("connection %d to %s:%d", n.serial, l.of.host.name, l.addr.Port()))
	return client, server
}

var errReset = fmt.Errorf("sim: %w", syscall.ECONNRESET)

// errWindow is the error of a write that the peer did not take.
var errWindow = fmt.Errorf("sim: the peer does not read: %w", os.ErrDeadlineExceeded)
