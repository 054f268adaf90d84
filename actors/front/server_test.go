package front_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// The request codes of the test server.
const (
	echo    messages.RequestCode = 100 // answers with the request's body
	slow    messages.RequestCode = 101 // is answered when the test says so
	refuse  messages.RequestCode = 102 // is refused
	broken  messages.RequestCode = 103 // panics
	large   messages.RequestCode = 104 // answers with a body of 100 kB that it wants back
	put     messages.RequestCode = 105 // goes through the Sender
	unknown messages.RequestCode = 999
)

const largeBody = 100_000

// server is a Listener on host "server", port 1, with two owners behind it.
type server struct {
	t        *testing.T
	world    *sim.World
	host     *sim.Host
	env      *env.Env
	listener *actor.PID
	bound    *front.Bound
	credits  *front.Credits

	bursts   []burst              // what the owners got, in order
	held     []*messages.Requests // of slow
	peers    map[uint64]*messages.Peer
	closed   []*messages.Peer // what the watcher was told
	answers  []*messages.Answer
	watcher  *actor.PID // takes Bound, ConnectionClosed and Answer
	lent     int        // large bodies that the connections have not given back
	returned int
}

type burst struct {
	owner  string
	bodies []string
}

func newServer(t *testing.T, w *sim.World, configure func(*front.Options)) *server {
	s := &server{t: t, world: w, host: w.Host("server"), peers: make(map[uint64]*messages.Peer)}
	s.env = s.host.Env()
	s.watcher = s.spawn("watcher", s.env.Props(func() actor.Actor { return actor.ReceiveFunc(s.watch) }))
	quick := s.owner("quick", front.Handlers{
		echo: func(r *front.Request) (*messages.Command, error) {
			return s.respond(r, bytes.Clone(r.Command.Body)), nil
		},
		refuse: func(*front.Request) (*messages.Command, error) {
			return nil, messages.Refuse(messages.NoPermission, "no %d", 1)
		},
		broken: func(*front.Request) (*messages.Command, error) { panic("out of order") },
		large: func(r *front.Request) (*messages.Command, error) {
			s.lent++
			front.ReplyBody(s.env, r.Ticket, s.respond(r, nil), make([]byte, largeBody), func() { s.returned++ })
			return nil, nil
		},
	})
	slowly := s.spawn("slow", s.env.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Requests); ok {
				s.note("slow", m)
				s.held = append(s.held, m)
			}
		})
	}))
	s.credits = front.NewCredits(1 << 20)
	o := front.Options{
		Env:  s.env,
		Addr: ":1",
		Routes: &front.Routes{
			Owners: map[messages.RequestCode]*actor.PID{echo: quick, refuse: quick, broken: quick, large: quick, slow: slowly},
		},
		Limits:   front.Limits{Frame: 256 << 10, Connection: 1 << 20, Owed: 1 << 20},
		Credits:  s.credits,
		Idle:     2 * time.Minute,
		Watchers: []*actor.PID{s.watcher},
	}
	if configure != nil {
		configure(&o)
	}
	s.listener = s.spawn("listener", front.Props(o))
	s.env.Actors.Root.RequestWithCustomSender(s.listener, &front.Bind{}, s.watcher)
	require.NoError(t, w.Run(func() bool { return s.bound != nil }, time.Second))
	return s
}

func (s *server) spawn(name string, props *actor.Props) *actor.PID {
	pid, err := s.env.Actors.Root.SpawnNamed(props, name)
	require.NoError(s.t, err)
	return pid
}

func (s *server) owner(name string, handlers front.Handlers) *actor.PID {
	return s.spawn(name, s.env.Props(func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*messages.Requests); ok {
				s.note(name, m)
				handlers.Serve(s.env, m)
			}
		})
	}))
}

func (s *server) note(owner string, m *messages.Requests) {
	b := burst{owner: owner}
	for _, c := range m.Commands {
		b.bodies = append(b.bodies, string(c.Body))
	}
	s.bursts = append(s.bursts, b)
	s.peers[m.Peer.Serial] = m.Peer
}

func (s *server) respond(r *front.Request, body []byte) *messages.Command {
	response := r.Command.Respond(messages.Success, "")
	response.Body = body
	return response
}

func (s *server) watch(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *front.Bound:
		s.bound = m
	case *messages.ConnectionClosed:
		s.closed = append(s.closed, m.Peer)
	case *messages.Answer:
		s.answers = append(s.answers, m)
	}
}

// release answers the requests that slow holds.
func (s *server) release() {
	for _, m := range s.held {
		for _, c := range m.Commands {
			front.Reply(s.env, messages.TicketOf(m.Peer, c), c.Respond(messages.Success, "at last"))
		}
		m.Release()
	}
	s.held = nil
}

// dial connects a client from a host of its own.
func (s *server) dial(host string) *sim.Client {
	c, err := s.world.Host(host).Dial("server:1")
	require.NoError(s.t, err)
	return c
}

// peer returns the server's view of c.
func (s *server) peer(c *sim.Client) *messages.Peer {
	s.call(c, request(echo, "who am I"))
	for _, p := range s.peers {
		if p.Remote == c.Addr() {
			return p
		}
	}
	s.t.Fatal("the server does not know the client")
	return nil
}

func (s *server) call(c *sim.Client, request *messages.Command) *messages.Command {
	s.t.Helper()
	response, err := c.Call(request)
	require.NoError(s.t, err)
	return response
}

// serves requires that c is served as ever.
func (s *server) serves(c *sim.Client) {
	s.t.Helper()
	response := s.call(c, request(echo, "still there"))
	require.Equal(s.t, "still there", string(response.Body))
}

func request(code messages.RequestCode, body string) *messages.Command {
	return &messages.Command{Code: int32(code), Version: messages.ProtocolVersion, Body: []byte(body)}
}
