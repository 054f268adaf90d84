package tcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actormq/actormq/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; on a busy machine nothing is quick.
const patience = 30 * time.Second

// sink is a Receiver that keeps what comes.
type sink struct {
	buf    []byte
	hook   func() error // called by Received, if set; its error is returned
	closed chan error

	mu    sync.Mutex
	got   bytes.Buffer
	reads int
	more  chan struct{} // capacity 1
}

func newSink() *sink {
	return &sink{buf: make([]byte, 4096), closed: make(chan error, 2), more: make(chan struct{}, 1)}
}

func (s *sink) Buffer() []byte { return s.buf }

func (s *sink) Received(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got.Write(s.buf[:n])
	s.reads++
	select {
	case s.more <- struct{}{}:
	default:
	}
	if s.hook != nil {
		return s.hook()
	}
	return nil
}

func (s *sink) Closed(err error) { s.closed <- err }

func (s *sink) await(t *testing.T, want string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		got := s.got.String()
		s.mu.Unlock()
		if got == want {
			return
		}
		require.Less(t, len(got), len(want))
		select {
		case <-s.more:
		case <-timeout:
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (s *sink) awaitClosed(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.closed:
		return err
	case <-time.After(patience):
		t.Fatal("Closed was not called")
		return nil
	}
}

// idleSink is a sink that counts how often its connection was idle.
type idleSink struct {
	*sink
	idle chan struct{}
}

func (s idleSink) Idle() { s.idle <- struct{}{} }

func newNetwork(t *testing.T, o Options) *Network {
	n := New(o)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// pair returns both ends of a connection within n. accepted's Receiver is r.
func pair(t *testing.T, n *Network, r, dialled transport.Receiver) (server, client transport.Conn) {
	t.Helper()
	servers := make(chan transport.Conn, 1)
	l, err := n.Listen("127.0.0.1:0", func(c transport.Conn) transport.Receiver {
		servers <- c
		return r
	})
	require.NoError(t, err)
	client, err = dial(n, l.Addr().String(), dialled)
	require.NoError(t, err)
	return <-servers, client
}

func dial(n *Network, addr string, r transport.Receiver) (transport.Conn, error) {
	type outcome struct {
		conn transport.Conn
		err  error
	}
	opened := make(chan outcome, 1)
	n.Dial(addr, patience, func(c transport.Conn, err error) transport.Receiver {
		opened <- outcome{c, err}
		return r
	})
	o := <-opened
	return o.conn, o.err
}

func TestBytesArriveInOrder(t *testing.T) {
	n := newNetwork(t, Options{})
	for name, idler := range map[string]bool{"with a buffer of its own": false, "with buffers on demand": true} {
		t.Run(name, func(t *testing.T) {
			in := newSink()
			var r transport.Receiver = in
			if idler {
				r = idleSink{in, make(chan struct{}, 1000)}
			}
			server, client := pair(t, n, r, newSink())
			require.Equal(t, server.RemoteAddr(), client.LocalAddr())
			require.Equal(t, server.LocalAddr(), client.RemoteAddr())

			require.NoError(t, client.Write([][]byte{[]byte("one "), {}, []byte("two "), []byte("three")}))
			in.await(t, "one two three")
			require.NoError(t, client.Write([][]byte{[]byte(" four")}))
			in.await(t, "one two three four")

			require.NoError(t, client.Close())
			require.ErrorIs(t, in.awaitClosed(t), io.EOF)
		})
	}
}

func TestAnIdleConnectionSaysSo(t *testing.T) {
	n := newNetwork(t, Options{})
	in := idleSink{newSink(), make(chan struct{}, 1000)}
	_, client := pair(t, n, in, newSink())
	for _, text := range []string{"a", "b"} {
		select {
		case <-in.idle:
		case <-time.After(patience):
			t.Fatal("not told that the connection is idle")
		}
		in.mu.Lock()
		in.got.Reset()
		in.mu.Unlock()
		require.NoError(t, client.Write([][]byte{[]byte(text)}))
		in.await(t, text)
	}
}

func TestClosedSaysWhy(t *testing.T) {
	n := newNetwork(t, Options{})
	t.Run("closed here", func(t *testing.T) {
		in := newSink()
		server, _ := pair(t, n, in, newSink())
		require.NoError(t, server.Close())
		require.NoError(t, server.Close(), "idempotent")
		require.NoError(t, in.awaitClosed(t))
		require.ErrorIs(t, server.Write([][]byte{[]byte("x")}), transport.ErrClosed)
	})
	t.Run("refused by the Receiver", func(t *testing.T) {
		in, out := newSink(), newSink()
		nonsense := errors.New("nonsense")
		in.hook = func() error { return nonsense }
		_, client := pair(t, n, in, out)
		require.NoError(t, client.Write([][]byte{[]byte("x")}))
		require.ErrorIs(t, in.awaitClosed(t), nonsense)
		require.ErrorIs(t, out.awaitClosed(t), io.EOF)
	})
	t.Run("reset by the peer", func(t *testing.T) {
		in := idleSink{newSink(), make(chan struct{}, 1000)}
		l, err := n.Listen("127.0.0.1:0", func(transport.Conn) transport.Receiver { return in })
		require.NoError(t, err)
		peer, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		<-in.idle // accepted and read from
		require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
		require.NoError(t, peer.Close())
		require.ErrorIs(t, in.awaitClosed(t), syscall.ECONNRESET)
	})
	t.Run("only once", func(t *testing.T) {
		in := newSink()
		server, client := pair(t, n, in, newSink())
		client.Close()
		server.Close()
		in.awaitClosed(t)
		require.Empty(t, in.closed)
	})
}

func TestAcceptMayRefuse(t *testing.T) {
	n := newNetwork(t, Options{})
	l, err := n.Listen("127.0.0.1:0", func(transport.Conn) transport.Receiver { return nil })
	require.NoError(t, err)
	out := newSink()
	_, err = dial(n, l.Addr().String(), out)
	require.NoError(t, err)
	require.ErrorIs(t, out.awaitClosed(t), io.EOF)
}

// paused returns a connection that paused itself, twice, when it had read "a".
func paused(t *testing.T, n *Network, in *sink) (server, client transport.Conn) {
	t.Helper()
	servers := make(chan transport.Conn, 1)
	in.hook = func() error {
		in.hook = nil
		server := <-servers
		server.Pause()
		server.Pause()
		servers <- server
		return nil
	}
	server, client = pair(t, n, in, newSink())
	servers <- server
	require.NoError(t, client.Write([][]byte{[]byte("a")}))
	in.await(t, "a")
	<-servers
	return server, client
}

// much is more than the sockets of both sides hold.
const much = 16 << 20

func TestPauseSlowsThePeer(t *testing.T) {
	n := newNetwork(t, Options{WriteTimeout: 50 * time.Millisecond})
	in := newSink()
	_, client := paused(t, n, in)
	err := client.Write([][]byte{make([]byte, much)})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nobody reads")
	in.await(t, "a")
}

func TestResumeGoesOn(t *testing.T) {
	n := newNetwork(t, Options{})
	in := newSink()
	server, client := paused(t, n, in)
	written := make(chan error, 1)
	go func() { written <- client.Write([][]byte{make([]byte, much)}) }()
	server.Resume()
	server.Resume()
	require.NoError(t, <-written)
	in.await(t, "a"+string(make([]byte, much)))
}

func TestCloseOfAPausedConnection(t *testing.T) {
	n := newNetwork(t, Options{})
	in := newSink()
	server, _ := paused(t, n, in)
	require.NoError(t, server.Close())
	require.NoError(t, in.awaitClosed(t))
}

func TestAPeerThatTakesNothingIsClosed(t *testing.T) {
	n := newNetwork(t, Options{WriteTimeout: 50 * time.Millisecond})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	out := newSink()
	conn, err := dial(n, l.Addr().String(), out)
	require.NoError(t, err)
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close() // it never reads

	err = conn.Write([][]byte{make([]byte, 64<<20)})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, l.Addr().String())
	require.Equal(t, err, out.awaitClosed(t), "the Receiver hears the reason")
	require.ErrorIs(t, conn.Write([][]byte{[]byte("x")}), transport.ErrClosed)
}

// A peer that takes something now and then is slow, not gone, and one deadline
// serves several writes without cutting any of them short.
func TestASlowPeerIsNotClosed(t *testing.T) {
	const timeout = 2 * time.Second
	n := newNetwork(t, Options{WriteTimeout: timeout})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := dial(n, l.Addr().String(), newSink())
	require.NoError(t, err)
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()

	const size, steps = 24 << 20, 6
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		step := time.NewTicker(timeout / 4)
		defer step.Stop()
		for range steps {
			<-step.C
			if _, err := io.CopyN(io.Discard, peer, size/steps); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, peer)
	}()
	require.NoError(t, conn.Write([][]byte{[]byte("sets the deadline")}))
	require.NoError(t, conn.Write([][]byte{make([]byte, size/2), make([]byte, size/2)}))
	require.NoError(t, conn.Close())
	<-taken
}

func TestListenNamesTheAddressInUse(t *testing.T) {
	n := newNetwork(t, Options{})
	l, err := n.Listen("127.0.0.1:0", func(transport.Conn) transport.Receiver { return nil })
	require.NoError(t, err)
	_, err = n.Listen(l.Addr().String(), nil)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, l.Addr().String())
}

func TestDialFails(t *testing.T) {
	n := newNetwork(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	l.Close()
	_, err = dial(n, addr, nil)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, addr)
}

func TestListenerCloseKeepsConnections(t *testing.T) {
	n := newNetwork(t, Options{})
	in := newSink()
	var l transport.Listener
	accepted := make(chan transport.Conn, 1)
	l, err := n.Listen("127.0.0.1:0", func(c transport.Conn) transport.Receiver { accepted <- c; return in })
	require.NoError(t, err)
	client, err := dial(n, l.Addr().String(), newSink())
	require.NoError(t, err)
	<-accepted
	require.NoError(t, l.Close())
	_, err = dial(n, l.Addr().String(), nil)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, client.Write([][]byte{[]byte("still here")}))
	in.await(t, "still here")
}

func TestNetworkCloseEndsEverything(t *testing.T) {
	n := New(Options{})
	ins := []*sink{newSink(), newSink()}
	server, _ := pair(t, n, ins[0], ins[1])
	server.Pause()
	blocked := make(chan error, 1)
	go func() { blocked <- server.Write([][]byte{make([]byte, 64<<20)}) }()

	require.NoError(t, n.Close())
	for _, in := range ins {
		require.Len(t, in.closed, 1, "Close returns after Closed")
	}
	// The other end may have gone first, which this one notices as a reset.
	require.Error(t, <-blocked)

	_, err := n.Listen("127.0.0.1:0", nil)
	require.ErrorIs(t, err, transport.ErrClosed)
	_, err = dial(n, "127.0.0.1:1", nil)
	require.ErrorIs(t, err, transport.ErrClosed)
	require.NoError(t, n.Close(), "idempotent")
}

func TestAddressesAreUnmapped(t *testing.T) {
	n := newNetwork(t, Options{})
	servers := make(chan transport.Conn, 1)
	l, err := n.Listen(":0", func(c transport.Conn) transport.Receiver { servers <- c; return newSink() })
	require.NoError(t, err)
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Addr().Port())
	_, err = dial(n, addr.String(), newSink())
	require.NoError(t, err)
	server := <-servers
	require.True(t, server.RemoteAddr().Addr().Is4(), "%s", server.RemoteAddr())
	require.Equal(t, addr, server.LocalAddr())
}

func BenchmarkConn(b *testing.B) {
	n := New(Options{})
	defer n.Close()
	echo := func(c transport.Conn) transport.Receiver { return &echoer{conn: c, buf: make([]byte, 4096)} }
	l, err := n.Listen("127.0.0.1:0", echo)
	require.NoError(b, err)
	back := &counter{sink: newSink(), turn: make(chan struct{}, 1)}
	client, err := dial(n, l.Addr().String(), back)
	require.NoError(b, err)
	b.Run("ping-pong-100B", func(b *testing.B) {
		bufs, ping := make([][]byte, 1), make([]byte, 100)
		b.ReportAllocs()
		for b.Loop() {
			bufs[0] = ping
			if err := client.Write(bufs); err != nil {
				b.Fatal(err)
			}
			<-back.turn
		}
	})
}

// echoer writes back what it reads.
type echoer struct {
	conn transport.Conn
	buf  []byte
	out  [1][]byte
}

func (e *echoer) Buffer() []byte { return e.buf }
func (e *echoer) Closed(error)   {}
func (e *echoer) Idle()          {}
func (e *echoer) Received(n int) error {
	e.out[0] = e.buf[:n]
	return e.conn.Write(e.out[:])
}

type counter struct {
	*sink
	turn chan struct{}
}

func (c *counter) Idle()              {}
func (c *counter) Received(int) error { c.turn <- struct{}{}; return nil }
