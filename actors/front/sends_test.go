package front_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/transport/remoting"
)

// sender answers every second send of a burst with success, through the Append's
// way back.
type sender struct {
	s      *server
	bursts []int
}

func (f *sender) Send(peer *messages.Peer, sends []*messages.Command, arrived int64) {
	f.bursts = append(f.bursts, len(sends))
	a := messages.NewAppend(0)
	a.Peer, a.ReplyTo, a.Arrived = peer, peer.PID, arrived
	for i, c := range sends {
		send := messages.Send{Ticket: messages.TicketOf(peer, c), Remark: string(c.Body)}
		if i%2 == 1 {
			send.Code = messages.FlushDiskTimeout
		}
		a.Sends = append(a.Sends, send)
	}
	f.s.env.Send(peer.PID, a)
}

func encode(dst []byte, a *messages.Append) []byte {
	for i := range a.Sends {
		send := &a.Sends[i]
		dst = remoting.AppendFrame(dst, send.Ticket.Response(send.Code, send.Remark))
	}
	return dst
}

func TestSendsOfABurstGoToTheSenderTogether(t *testing.T) {
	f := &sender{}
	f.s = newServer(t, sim.New(1, uncut), func(o *front.Options) {
		o.Routes.Sends, o.Routes.SendCodes, o.Encode = f, map[messages.RequestCode]bool{put: true}, encode
	})
	c := f.s.dial("client")
	var frames []byte
	for i := range 9 {
		code := put
		if i%3 == 2 {
			code = echo
		}
		r := request(code, fmt.Sprint("body ", i))
		r.Opaque = int32(i)
		frames = remoting.AppendFrame(frames, r)
	}
	c.Write(frames)
	f.s.world.Advance(time.Second)
	require.Equal(t, []int{6}, f.bursts)
	require.Equal(t, []burst{{"quick", []string{"body 2", "body 5", "body 8"}}}, f.s.bursts)
	sends := 0
	for _, response := range c.Stray() {
		if response.Opaque%3 == 2 {
			continue
		}
		want := messages.Success
		if []int32{1, 4, 7}[response.Opaque/3] == response.Opaque {
			want = messages.FlushDiskTimeout
		}
		require.Equal(t, int32(want), response.Code)
		require.Equal(t, fmt.Sprint("body ", response.Opaque), response.Remark)
		sends++
	}
	require.Equal(t, 6, sends)
	require.Len(t, c.Stray(), 9)
}

// hoarder keeps Appends, as a CommitLog does whose disk is slow.
type hoarder struct{ kept []*messages.Append }

func (h *hoarder) Send(peer *messages.Peer, sends []*messages.Command, _ int64) {
	a := messages.NewAppend(0)
	a.Peer = peer
	for _, c := range sends {
		a.Buf = append(a.Buf, c.Body...)
	}
	a.Hold()
	h.kept = append(h.kept, a)
}

func (h *hoarder) bytes() (n int) {
	for _, a := range h.kept {
		n += cap(a.Buf)
	}
	return n
}

func TestWhatBecameOfSendsCountsUntilItIsReleased(t *testing.T) {
	for name, limit := range map[string]func(o *front.Options){
		"of one connection":  func(o *front.Options) { o.Limits.Connection = 100_000 },
		"of all connections": func(o *front.Options) { o.Credits = front.NewCredits(100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &hoarder{}
			s := newServer(t, sim.New(1, uncut), func(o *front.Options) {
				o.Routes.Sends, o.Routes.SendCodes, o.Encode = h, map[messages.RequestCode]bool{put: true}, encode
				limit(o)
			})
			c := s.dial("client")
			const sends, size = 400, 2000
			for range sends {
				c.Write(remoting.AppendFrame(nil, request(put, strings.Repeat("x", size))))
			}
			s.world.Advance(time.Second)
			held := h.bytes()
			require.GreaterOrEqual(t, held, 100_000)
			require.Less(t, held, 400_000, "the limit and the burst that crossed it")
			s.world.Advance(time.Minute)
			require.Equal(t, held, h.bytes(), "no more is read")
			got := 0
			for len(h.kept) > 0 { // each release lets it read on
				a := h.kept[0]
				h.kept = h.kept[1:]
				got += len(a.Buf) / size
				a.Release()
				s.world.Advance(10 * time.Millisecond)
				require.Less(t, h.bytes(), 400_000)
			}
			require.Equal(t, sends, got)
		})
	}
}

// stalling is a sender of which nothing is taken up until release, and that refuses
// sends once it has waited for a second.
type stalling struct {
	s       *server
	waiting []*messages.Append
	since   int64
	refused int
}

func (f *stalling) Refuses(now int64) bool { return len(f.waiting) > 0 && now-f.since > 1000 }

func (f *stalling) Send(peer *messages.Peer, sends []*messages.Command, arrived int64) {
	a := messages.NewAppend(0)
	a.Peer, a.ReplyTo = peer, peer.PID
	for _, c := range sends {
		a.Sends = append(a.Sends, messages.Send{Ticket: messages.TicketOf(peer, c)})
	}
	if f.Refuses(arrived) {
		f.refused += len(sends)
		f.s.env.Send(peer.PID, a)
		return
	}
	a.Hold()
	if f.waiting = append(f.waiting, a); len(f.waiting) == 1 {
		f.since = arrived
	}
}

// Clients that wait because their connection, or all together, hold too much are told so
// when nothing is taken up.
func TestWhoWaitsInVainIsTold(t *testing.T) {
	t.Run("all connections", func(t *testing.T) {
		testWhoWaitsInVain(t, func(o *front.Options) { o.Credits = front.NewCredits(30_000) })
	})
	t.Run("each connection", func(t *testing.T) {
		testWhoWaitsInVain(t, func(o *front.Options) { o.Limits.Connection = 15_000 })
	})
}

func testWhoWaitsInVain(t *testing.T, limit func(*front.Options)) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		f := &stalling{}
		f.s = newServer(t, w, func(o *front.Options) {
			o.Routes.Sends, o.Routes.SendCodes, o.Encode = f, map[messages.RequestCode]bool{put: true}, encode
			limit(o)
		})
		clients := []*sim.Client{f.s.dial("a"), f.s.dial("b")}
		var calls []*sim.Call
		send := func() {
			for _, c := range clients {
				for range 20 {
					calls = append(calls, c.Send(request(put, "")))
				}
				w.Advance(10 * time.Millisecond)
			}
		}
		send()
		send()
		w.Advance(500 * time.Millisecond)
		waiting := 0
		for _, a := range f.waiting {
			waiting += len(a.Sends)
		}
		require.Less(t, waiting, len(calls), "reading stops")
		require.Zero(t, f.refused)

		w.Advance(time.Second)
		require.Equal(t, len(calls)-waiting, f.refused, "all others are told")
		for _, a := range f.waiting {
			f.s.env.Send(a.ReplyTo, a)
		}
		f.waiting = nil
		w.Advance(time.Second)
		for _, call := range calls {
			require.NotNil(t, call.Response)
		}
		for _, c := range clients {
			f.s.serves(c)
		}
	})
}
