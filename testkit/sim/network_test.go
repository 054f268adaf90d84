package sim_test

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport"
)

// side is one end of a connection as a test sees it.
type side struct {
	conn   transport.Conn
	buf    [1024]byte
	read   strings.Builder
	reads  int
	fail   error // what Received returns
	closed []error
	err    error // of Dial
}

func (s *side) Buffer() []byte { return s.buf[:] }

func (s *side) Received(n int) error {
	s.reads++
	s.read.Write(s.buf[:n])
	return s.fail
}

func (s *side) Closed(err error) { s.closed = append(s.closed, err) }

func (s *side) write(text string) error { return s.conn.Write([][]byte{[]byte(text)}) }

func listen(t *testing.T, h *sim.Host, addr string) (accepted *[]*side, l transport.Listener) {
	accepted = new([]*side)
	l, err := h.Env().Net.Listen(addr, func(c transport.Conn) transport.Receiver {
		s := &side{conn: c}
		*accepted = append(*accepted, s)
		return s
	})
	require.NoError(t, err)
	return accepted, l
}

func dial(h *sim.Host, addr string) *side {
	s := &side{}
	h.Env().Net.Dial(addr, time.Second, func(c transport.Conn, err error) transport.Receiver {
		if err != nil {
			s.err = err
			return nil
		}
		s.conn = c
		return s
	})
	return s
}

// connected returns both ends of a new connection.
func connected(t *testing.T, w *sim.World) (client, server *side) {
	accepted, _ := listen(t, w.Host("server"), ":1")
	client = dial(w.Host("client"), "server:1")
	require.NoError(t, w.Run(func() bool { return client.conn != nil && len(*accepted) == 1 }, time.Second))
	return client, (*accepted)[0]
}

func TestBytesArriveInOrderWhateverTheNetworkDoes(t *testing.T) {
	reads := make(map[int]bool)
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		client, server := connected(t, w)
		require.Equal(t, client.conn.LocalAddr(), server.conn.RemoteAddr())
		require.Equal(t, client.conn.RemoteAddr(), server.conn.LocalAddr())
		require.Equal(t, w.Host("server").IP(), server.conn.LocalAddr().Addr())
		want := ""
		for i := range 100 {
			text := strings.Repeat(string(rune('a'+i%26)), i)
			want += text
			require.NoError(t, client.write(text))
		}
		require.NoError(t, server.write("welcome"))
		require.NoError(t, client.conn.Close())
		require.ErrorIs(t, client.write("late"), transport.ErrClosed)
		w.Advance(time.Second)
		require.Equal(t, want, server.read.String())
		require.Equal(t, []error{io.EOF}, server.closed, "the end comes behind the bytes")
		require.Equal(t, []error{nil}, client.closed)
		require.ErrorIs(t, server.write("late"), transport.ErrClosed)
		reads[server.reads] = true
	})
	if len(reads) > 0 && os.Getenv("SIM_SEED") == "" {
		require.Greater(t, len(reads), 5, "bytes are cut and merged in many ways")
	}
}

func TestDialFails(t *testing.T) {
	w := sim.New(1, sim.Options{})
	server, client := w.Host("server"), w.Host("client")
	fails := func(addr string, within time.Duration, want error) {
		t.Helper()
		s, begin := dial(client, addr), w.Elapsed()
		require.NoError(t, w.Run(func() bool { return s.err != nil }, 2*time.Second))
		require.ErrorIs(t, s.err, want)
		require.LessOrEqual(t, w.Elapsed()-begin, within)
	}
	fails("server:1", 5*time.Millisecond, syscall.ECONNREFUSED)

	_, l := listen(t, server, "server:1")
	_, err := server.Env().Net.Listen("0.0.0.0:1", nil)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, l.Close())
	fails("server:1", 5*time.Millisecond, syscall.ECONNREFUSED)

	listen(t, server, ":1")
	w.PartitionOneWay(server, client)
	fails("server:1", time.Second, os.ErrDeadlineExceeded)
	w.Heal()
	server.Crash(sim.ProcessKill)
	fails("server:1", 5*time.Millisecond, syscall.ECONNREFUSED)
	server.Restart()
	server.Crash(sim.PowerLoss)
	fails("server:1", time.Second, os.ErrDeadlineExceeded)

	s := dial(client, "nowhere:1")
	w.Settle()
	require.ErrorContains(t, s.err, "no such host")
	_, err = client.Env().Net.Listen("nonsense", nil)
	require.Error(t, err)
}

func TestAHostReachesItselfUnderAllItsNames(t *testing.T) {
	w := sim.New(1, sim.Options{})
	h := w.Host("h")
	accepted, l := listen(t, h, "127.0.0.1:0")
	port := l.Addr().Port()
	for _, name := range []string{"h", "localhost", "127.0.0.1", h.IP().String()} {
		s := dial(h, name+":"+strconv.Itoa(int(port)))
		w.Advance(time.Millisecond)
		require.NoError(t, s.err)
		require.NotNil(t, s.conn)
	}
	require.Len(t, *accepted, 4)
}

func TestADiallerThatTheListenerDoesNotWant(t *testing.T) {
	w := sim.New(1, sim.Options{})
	_, err := w.Host("server").Env().Net.Listen(":1", func(transport.Conn) transport.Receiver { return nil })
	require.NoError(t, err)
	s := dial(w.Host("client"), "server:1")
	w.Advance(time.Second)
	require.NotNil(t, s.conn)
	require.Equal(t, []error{io.EOF}, s.closed)
}

func TestAPausedReaderIsLeftAlone(t *testing.T) {
	w := sim.New(1, sim.Options{SendBuffer: 1000})
	client, server := connected(t, w)
	server.conn.Pause()
	require.NoError(t, client.write(strings.Repeat("x", 600)))
	w.Advance(time.Second)
	require.Zero(t, server.reads)
	server.conn.Resume()
	server.conn.Resume()
	w.Advance(time.Second)
	require.Equal(t, 600, server.read.Len())

	server.conn.Pause()
	require.NoError(t, client.write(strings.Repeat("y", 600)))
	require.ErrorIs(t, client.write(strings.Repeat("z", 600)), os.ErrDeadlineExceeded, "more than the buffer")
	w.Advance(time.Second)
	require.Len(t, client.closed, 1)
	require.ErrorIs(t, client.closed[0], os.ErrDeadlineExceeded)
	require.Empty(t, server.closed, "who does not read does not notice")
	server.conn.Resume()
	w.Advance(time.Second)
	require.Equal(t, 1200, server.read.Len())
	require.Len(t, server.closed, 1)
	require.ErrorIs(t, server.closed[0], syscall.ECONNRESET)
}

func TestAPausedReaderMayStillClose(t *testing.T) {
	w := sim.New(1, sim.Options{})
	client, server := connected(t, w)
	server.conn.Pause()
	require.NoError(t, client.write("unread"))
	w.Advance(time.Second)
	require.NoError(t, server.conn.Close())
	w.Advance(time.Second)
	require.Equal(t, []error{nil}, server.closed)
	require.Zero(t, server.reads)
	require.Equal(t, []error{io.EOF}, client.closed)
}

func TestAReceiverThatFailsClosesItsConnection(t *testing.T) {
	w := sim.New(1, sim.Options{})
	client, server := connected(t, w)
	server.fail = errors.New("no frame")
	require.NoError(t, client.write("garbage"))
	w.Advance(time.Second)
	require.Equal(t, []error{server.fail}, server.closed)
	require.Equal(t, []error{io.EOF}, client.closed)
}

func TestPartitionsHoldBytesBack(t *testing.T) {
	w := sim.New(1, sim.Options{})
	client, server := connected(t, w)
	require.NoError(t, client.write("before "))
	w.PartitionOneWay(w.Host("client"), w.Host("server"))
	require.NoError(t, client.write("during"))
	require.NoError(t, server.write("other way"))
	w.Advance(time.Hour)
	require.Empty(t, server.read.String(), "what is under way is held back, too")
	require.Equal(t, "other way", client.read.String())
	w.Partition(w.Host("client"), w.Host("server"))
	require.NoError(t, client.conn.Close())
	w.Advance(time.Hour)
	require.Empty(t, server.closed)
	w.Heal()
	w.Advance(time.Second)
	require.Equal(t, "before during", server.read.String())
	require.Equal(t, []error{io.EOF}, server.closed)
}

func TestResets(t *testing.T) {
	w := sim.New(1, sim.Options{})
	client, server := connected(t, w)
	require.Equal(t, 1, w.Connections(w.Host("client"), w.Host("server")))
	w.Reset(w.Host("server"), w.Host("client"))
	require.Zero(t, w.Connections(w.Host("client"), w.Host("server")))
	require.ErrorIs(t, client.write("x"), syscall.ECONNRESET)
	w.Advance(time.Second)
	for _, s := range []*side{client, server} {
		require.Len(t, s.closed, 1)
		require.ErrorIs(t, s.closed[0], syscall.ECONNRESET)
	}
}

func TestResetsCutFrames(t *testing.T) {
	cut := 0
	for seed := range uint64(50) {
		w := sim.New(seed, sim.Options{Link: sim.Link{MaxDelay: time.Millisecond, ResetRate: 10}})
		client, server := connected(t, w)
		want := ""
		for range 20 {
			want += "0123456789"
			if client.write("0123456789") != nil {
				break
			}
			w.Advance(time.Millisecond)
		}
		w.Advance(time.Second)
		require.True(t, strings.HasPrefix(want, server.read.String()), "a prefix, unaltered")
		if len(server.closed) > 0 && server.read.Len()%10 != 0 {
			cut++
		}
	}
	require.Greater(t, cut, 10)
}

func TestPeersOfACrash(t *testing.T) {
	tests := []struct {
		kind sim.Crash
		when string // the client's connection breaks
	}{
		{sim.ProcessKill, "at once"},
		{sim.PowerLoss, "when the host is back"},
	}
	for _, test := range tests {
		t.Run(test.kind.String(), func(t *testing.T) {
			w := sim.New(1, sim.Options{})
			client, server := connected(t, w)
			require.NoError(t, server.write("last words"))
			w.Host("server").Crash(test.kind)
			require.NoError(t, client.write("anybody there"))
			w.Advance(time.Minute)
			require.Empty(t, server.closed, "nothing runs in a dead process")
			require.Equal(t, test.when == "at once", len(client.closed) == 1)
			w.Host("server").Restart()
			w.Advance(time.Minute)
			require.Equal(t, "last words", client.read.String())
			require.Len(t, client.closed, 1)
			require.ErrorIs(t, client.closed[0], syscall.ECONNRESET)
			require.Zero(t, server.read.Len())
		})
	}
}
