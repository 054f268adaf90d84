package tcp_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/tcp"
)

// tlsEcho is a server that returns what it reads, over TLS.
func tlsEcho(t *testing.T) (addr string, roots *x509.CertPool) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate, of 127.0.0.1 and example.com
	certified.StartTLS()
	defer certified.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", certified.TLS)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	roots = x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	return l.Addr().String(), roots
}

// echoed is a Receiver that collects what comes back. It is an Idler, as the
// remoting layer's is.
type echoed struct {
	buf    [64]byte
	got    chan string
	closed chan error
}

func (e *echoed) Buffer() []byte { return e.buf[:] }
func (e *echoed) Received(n int) error {
	e.got <- string(e.buf[:n])
	return nil
}
func (e *echoed) Idle()            {}
func (e *echoed) Closed(err error) { e.closed <- err }

func dialTLS(n *tcp.Network, addr string) (transport.Conn, *echoed, error) {
	type dialled struct {
		conn transport.Conn
		err  error
	}
	outcome := make(chan dialled, 1)
	e := &echoed{got: make(chan string, 100), closed: make(chan error, 1)}
	n.Dial(addr, 5*time.Second, func(c transport.Conn, err error) transport.Receiver {
		outcome <- dialled{c, err}
		if err != nil {
			return nil
		}
		return e
	})
	d := <-outcome
	return d.conn, e, d.err
}

func TestAnEncryptedConnection(t *testing.T) {
	addr, roots := tlsEcho(t)
	n := tcp.New(tcp.Options{TLS: &tls.Config{RootCAs: roots}})
	conn, e, err := dialTLS(n, addr)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, conn.Write([][]byte{[]byte("hel"), []byte("lo")}))
		for got := ""; got != "hello"; {
			got += <-e.got
			require.Contains(t, "hello", got)
		}
	}
	require.Equal(t, addr, conn.RemoteAddr().String())
	require.NoError(t, conn.Close())
	require.NoError(t, <-e.closed)
	require.Error(t, conn.Write([][]byte{[]byte("x")}))
	require.NoError(t, n.Close())
}

func TestAServerThatIsNotTrusted(t *testing.T) {
	addr, _ := tlsEcho(t)
	n := tcp.New(tcp.Options{TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	defer n.Close()
	_, _, err := dialTLS(n, addr)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

func TestAServerThatDoesNotSpeakTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("220 who are you?\r\n"))
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	n := tcp.New(tcp.Options{TLS: &tls.Config{ServerName: "example.com"}})
	defer n.Close()
	_, _, err = dialTLS(n, l.Addr().String())
	var not tls.RecordHeaderError
	require.ErrorAs(t, err, &not)
}

// A peer that takes nothing ends an encrypted connection, as it does a plain one.
func TestAnEncryptedWriteEndsInTime(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", certified.TLS)
	require.NoError(t, err)
	defer l.Close()
	deaf := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			_ = c.(*tls.Conn).Handshake()
			deaf <- c
		}
	}()
	n := tcp.New(tcp.Options{WriteTimeout: 50 * time.Millisecond, TLS: &tls.Config{InsecureSkipVerify: true}})
	conn, e, err := dialTLS(n, l.Addr().String())
	require.NoError(t, err)
	block := make([]byte, 1<<20)
	for err == nil {
		err = conn.Write([][]byte{block})
	}
	require.ErrorContains(t, err, "timeout")
	require.Error(t, <-e.closed)
	require.NoError(t, n.Close())
	(<-deaf).Close()
}
