package front_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

func (s *server) ask(peer *messages.Peer, token string, timeout time.Duration) {
	s.env.Send(peer.PID, &messages.Ask{
		Command: request(40, token), ReplyTo: s.watcher, Token: token, Timeout: timeout.Milliseconds(),
	})
}

// pushes runs the world until c was asked n times.
func (s *server) pushes(c *sim.Client, n int) []*messages.Command {
	var all []*messages.Command
	require.NoError(s.t, s.world.Run(func() bool {
		all = append(all, c.Pushes()...)
		return len(all) >= n
	}, time.Second))
	return all
}

func TestAskIsAnsweredByTheClient(t *testing.T) {
	s := newServer(t, sim.New(1, sim.Options{}), nil)
	c := s.dial("client")
	peer := s.peer(c)
	s.ask(peer, "one", time.Second)
	s.ask(peer, "two", time.Second)
	pushed := s.pushes(c, 2)
	for _, p := range []*messages.Command{pushed[1], pushed[0]} { // in any order
		response := p.Respond(messages.Success, "to "+string(p.Body))
		response.Body = []byte("yes")
		c.Respond(p, response)
	}
	s.serves(c)
	s.world.Advance(time.Minute)
	require.Len(t, s.answers, 2, "exactly one answer each, however long one waits")
	for i, token := range []string{"two", "one"} {
		require.NoError(t, s.answers[i].Err)
		require.Equal(t, token, s.answers[i].Token)
		require.Equal(t, "to "+token, s.answers[i].Command.Remark)
		require.Equal(t, "yes", string(s.answers[i].Command.Body), "a copy that outlives the read buffer")
	}
}

func TestAskWithoutReplyToIsOneway(t *testing.T) {
	s := newServer(t, sim.New(1, sim.Options{}), nil)
	c := s.dial("client")
	s.env.Send(s.peer(c).PID, &messages.Ask{Command: request(40, "notice")})
	pushed := s.pushes(c, 1)
	require.True(t, pushed[0].IsOneway())
	c.Respond(pushed[0], pushed[0].Respond(messages.Success, "nobody asked"))
	s.serves(c)
	require.Empty(t, s.answers)
}

func TestAskTimesOut(t *testing.T) {
	s := newServer(t, sim.New(1, sim.Options{}), nil)
	c := s.dial("client")
	peer := s.peer(c)
	s.ask(peer, "long", 20*time.Second)
	s.ask(peer, "short", time.Second)
	pushed := s.pushes(c, 2)
	s.world.Advance(1100 * time.Millisecond)
	require.Len(t, s.answers, 1, "the later request has the earlier deadline")
	require.Equal(t, "short", s.answers[0].Token)
	require.ErrorIs(t, s.answers[0].Err, front.ErrNoAnswer)
	require.Nil(t, s.answers[0].Command)

	for _, p := range pushed { // the answer to the short one is too late
		c.Respond(p, p.Respond(messages.Success, ""))
	}
	s.world.Advance(time.Second)
	require.Len(t, s.answers, 2)
	require.Equal(t, "long", s.answers[1].Token)
	require.NoError(t, s.answers[1].Err)

	s.ask(peer, "third", 2*time.Second)
	s.world.Advance(3 * time.Second)
	require.Len(t, s.answers, 3, "the clock of deadlines starts again")
	require.ErrorIs(t, s.answers[2].Err, front.ErrNoAnswer)
}

// An Ask has exactly one Answer, whatever happens to the connection and whenever.
func TestAskOfAConnectionThatCloses(t *testing.T) {
	sim.Seeds(t, 200, sim.Options{StallRate: 8}, func(t *testing.T, w *sim.World) {
		s := newServer(t, w, nil)
		c := s.dial("client")
		peer := s.peer(c)
		random := w.Host("client").Env().Rand
		s.ask(peer, "before", time.Minute)
		w.Advance(time.Duration(random.IntN(2000)) * time.Microsecond)
		switch random.IntN(3) {
		case 0:
			c.Close()
		case 1:
			w.Reset(s.host, w.Host("client"))
		case 2:
			s.env.Send(peer.PID, &messages.CloseConnection{Reason: "test"})
		}
		want := 1
		for w.Elapsed() < time.Second && len(s.closed) == 0 {
			s.ask(peer, "meanwhile", time.Minute)
			want++
			for range 1 + random.IntN(5) {
				w.Step()
			}
		}
		require.Len(t, s.closed, 1)
		s.ask(peer, "after", time.Minute)
		want++
		w.Settle()
		require.Len(t, s.answers, want)
		for _, a := range s.answers {
			require.ErrorIs(t, a.Err, messages.ErrConnectionClosed)
		}
	})
}
