package front_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport/remoting"
)

const kilobytes = 10 << 10

func (s *server) heldBytes() (n int) {
	for _, m := range s.held {
		for _, c := range m.Commands {
			n += len(c.Body)
		}
	}
	return n
}

func TestAConnectionMayHoldSoMuch(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, func(o *front.Options) { o.Limits.Connection = 100_000 })
		greedy, modest := s.dial("greedy"), s.dial("modest")
		var calls []*sim.Call
		for range 100 {
			calls = append(calls, greedy.Send(request(slow, strings.Repeat("x", kilobytes))))
		}
		w.Advance(time.Second)
		held := s.heldBytes()
		require.GreaterOrEqual(t, held, 80_000)
		require.Less(t, held, 400_000, "the limit and the burst that crossed it")
		w.Advance(time.Minute)
		require.Equal(t, held, s.heldBytes(), "no more is read")
		s.serves(modest)

		for len(s.held) > 0 { // each release lets it read on
			s.release()
			w.Advance(10 * time.Millisecond)
			require.Less(t, s.heldBytes(), 400_000)
		}
		for _, call := range calls {
			require.NotNil(t, call.Response)
		}
	})
}

func TestAllConnectionsTogetherMayHoldSoMuch(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, func(o *front.Options) { o.Credits = front.NewCredits(200_000) })
		var clients []*sim.Client
		var calls []*sim.Call
		for _, name := range []string{"a", "b", "c", "d"} {
			c := s.dial(name)
			clients = append(clients, c)
			for range 30 {
				calls = append(calls, c.Send(request(slow, strings.Repeat("x", kilobytes))))
			}
		}
		w.Advance(time.Second)
		held := s.heldBytes()
		require.GreaterOrEqual(t, held, 150_000)
		require.Less(t, held, 200_000+4*300_000)
		w.Advance(time.Minute)
		require.Equal(t, held, s.heldBytes())
		for len(s.held) > 0 {
			s.release()
			w.Advance(10 * time.Millisecond)
		}
		for _, call := range calls {
			require.NotNil(t, call.Response, "no connection was forgotten")
		}
		for _, c := range clients {
			s.serves(c)
		}
	})
}

func TestAClientThatDoesNotReadIsCut(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{SendBuffer: 4 << 20}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		stuck, other := s.dial("stuck"), s.dial("other")
		stuck.Pause()
		for range 100 {
			stuck.Send(request(large, ""))
		}
		w.Advance(time.Second)
		require.Len(t, s.closed, 1)
		require.Equal(t, stuck.Addr(), s.closed[0].Remote)
		require.Positive(t, s.lent)
		require.Equal(t, s.lent, s.returned, "every body is given back")
		s.serves(other)
	})
}

func TestBodiesComeBackOnceWheneverTheClientLeaves(t *testing.T) {
	sim.Seeds(t, 200, sim.Options{StallRate: 8}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		c := s.dial("client")
		for range 20 {
			c.Send(request(large, ""))
		}
		w.Advance(time.Duration(w.Host("client").Env().Rand.IntN(3000)) * time.Microsecond)
		w.Reset(s.host, w.Host("client"))
		w.Advance(time.Second)
		require.Len(t, s.closed, 1)
		require.Equal(t, s.lent, s.returned)
	})
}

func frame(r *messages.Command) []byte { return remoting.AppendFrame(nil, r) }

// lengths is a frame head: total length, and the header's length with its encoding.
func lengths(total, header uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, total), header)
}

func TestHostileFramesCostOnlyTheirConnection(t *testing.T) {
	valid := frame(request(echo, "body"))
	altered := func(at int, b byte) []byte {
		f := append([]byte{}, valid...)
		f[at] = b
		return f
	}
	tests := map[string][]byte{
		"text":                            []byte("GET / HTTP/1.1\r\nHost: server\r\n\r\n"),
		"TLS hello":                       append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...),
		"negative length":                 lengths(0xffffffff, 0),
		"no length":                       lengths(0, 0),
		"length without header":           lengths(1, 0),
		"larger than allowed":             lengths(256<<10+1, 10),
		"2 GB":                            lengths(1<<31-1, 10),
		"header longer than frame":        append(lengths(20, 100), make([]byte, 16)...),
		"unknown encoding":                append(lengths(20, 7<<24|16), make([]byte, 16)...),
		"JSON that is none":               append(lengths(14, 10), []byte("{\"code\":::")...),
		"header of another length":        altered(7, valid[7]+1),
		"binary header that is too short": append(lengths(8, 1<<24|4), 0, 0, 0, 0),
	}
	for name, bytes := range tests {
		t.Run(name, func(t *testing.T) {
			w := sim.New(1, sim.Options{})
			s := newServer(t, w, nil)
			hostile, other := s.dial("hostile"), s.dial("other")
			s.serves(hostile)
			call := other.Send(request(echo, "meanwhile"))
			hostile.Write(bytes)
			w.Advance(time.Second)
			isClosed, _ := hostile.IsClosed()
			require.True(t, isClosed, "a stream without frames has no next one")
			require.Len(t, s.closed, 1)
			require.NotNil(t, call.Response)
			s.serves(other)
			s.serves(s.dial("hostile"))
		})
	}
}

func TestDamagedFramesNeverDisturbOthers(t *testing.T) {
	sim.Seeds(t, 100, sim.Options{AllowPanics: false}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		random := rand.New(rand.NewPCG(w.Seed(), 1))
		hostile, other := s.dial("hostile"), s.dial("other")
		for i := range 20 {
			r := request(echo, strings.Repeat("b", random.IntN(100)))
			r.Encoding = messages.HeaderEncoding(i % 2)
			r.Ext.Set("key", "value")
			f := frame(r)
			for range 1 + random.IntN(4) {
				f[random.IntN(len(f))] = byte(random.Uint32())
			}
			hostile.Write(f[:len(f)-random.IntN(3)/2])
			w.Advance(time.Millisecond)
		}
		s.serves(other)
	})
}
