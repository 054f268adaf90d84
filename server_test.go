package actormq

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/actormq/actormq/transport/tcp"
)

// TestMain fails if anything is left running. The dead letters of the brokers'
// actor systems are throttled by goroutines that end by themselves.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// limit is the time in which what a test waits for must happen.
const limit = 10 * time.Second

// server is a scripted server: it answers each request as its script says, and
// remembers all of them.
type server struct {
	t        testing.TB
	addr     string
	listener transport.Listener
	writing  sync.Mutex // a connection takes one Write at a time

	mu       sync.Mutex
	script   func(request *messages.Command) *messages.Command
	requests []*messages.Command
	arrived  chan struct{} // told of requests, capacity 1
	conns    []transport.Conn
}

// serve starts a server. A nil response leaves a request unanswered.
func serve(t testing.TB, script func(request *messages.Command) *messages.Command) *server {
	s := &server{t: t, script: script, arrived: make(chan struct{}, 1)}
	network := tcp.New(tcp.Options{})
	t.Cleanup(func() { require.NoError(t, network.Close()) })
	var err error
	s.listener, err = network.Listen("127.0.0.1:0", s.accept)
	require.NoError(t, err)
	s.addr = s.listener.Addr().String()
	return s
}

// receiver is one connection of a server.
type receiver struct{ *remoting.Framer }

func (r receiver) Closed(error) { r.Close() }

func (s *server) accept(c transport.Conn) transport.Receiver {
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	return receiver{remoting.NewFramer(remoting.FramerOptions{}, func(b *remoting.Burst) error {
		defer b.Release()
		for i := range b.Commands {
			request := b.Commands[i].Clone()
			s.mu.Lock()
			s.requests = append(s.requests, request)
			script := s.script
			s.mu.Unlock()
			select {
			case s.arrived <- struct{}{}:
			default: // whoever waits has enough to look at
			}
			if request.IsResponse() {
				continue
			}
			response := script(request)
			if response == nil || request.IsOneway() {
				continue
			}
			response.Opaque, response.Flag = request.Opaque, messages.FlagResponse
			if err := s.write(c, response); err != nil {
				return err
			}
		}
		return nil
	})}
}

func (s *server) write(c transport.Conn, command *messages.Command) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return c.Write([][]byte{remoting.AppendFrame(nil, command)})
}

// got returns the requests with a code that have come so far.
func (s *server) got(code messages.RequestCode) (found []*messages.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.Code == int32(code) && !r.IsResponse() {
			found = append(found, r)
		}
	}
	return found
}

// all returns every request that has come so far.
func (s *server) all() []*messages.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// await waits until n requests with a code have come, and returns them.
func (s *server) await(code messages.RequestCode, n int) []*messages.Command {
	s.t.Helper()
	end := time.After(limit)
	for {
		if found := s.got(code); len(found) >= n {
			return found
		}
		select {
		case <-s.arrived:
		case <-end:
			require.Fail(s.t, "a request did not come", "code %d: %d of %d", code, len(s.got(code)), n)
		}
	}
}

// forget drops the requests that have come so far.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// hangUp closes all connections.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// answer returns a response.
func answer(code messages.ResponseCode, fields ...any) *messages.Command {
	c := &messages.Command{Code: int32(code), Remark: "as the script says", Version: messages.ProtocolVersion}
	for i := 0; i+1 < len(fields); i += 2 {
		c.Ext.Set(fields[i].(string), fmt.Sprint(fields[i+1]))
	}
	return c
}

// stored is the answer to a send.
func stored(queue int32, offset int64) *messages.Command {
	return answer(messages.Success, "msgId", "7F00000100002A9F0000000000000000", "queueId", queue, "queueOffset", offset)
}

// broker describes a broker for the scripted name server.
type brokerOf struct {
	name   string
	server *server
	queues int32
}

// nameServer serves the routes of topics: each has queues on its brokers.
func nameServer(t testing.TB, topics map[string][]brokerOf) *server {
	return serve(t, func(request *messages.Command) *messages.Command {
		topic := request.Ext.Text("topic")
		brokers, ok := topics[topic]
		if request.Code != int32(messages.CodeGetRouteInfoByTopic) || !ok {
			return answer(messages.TopicNotExist)
		}
		route := messages.TopicRouteData{}
		for _, b := range brokers {
			route.BrokerDatas = append(route.BrokerDatas, messages.BrokerData{
				BrokerName: b.name, Cluster: "c", BrokerAddrs: map[int64]string{0: b.server.addr},
			})
			route.QueueDatas = append(route.QueueDatas, messages.QueueData{
				BrokerName: b.name, Perm: 6, ReadQueueNums: b.queues, WriteQueueNums: b.queues,
			})
		}
		body, err := route.Encode()
		if err != nil {
			return answer(messages.SystemError)
		}
		response := answer(messages.Success)
		response.Body = body
		return response
	})
}

func connect(t testing.TB, servers ...string) *Client {
	c, err := NewClient(Options{NameServers: servers, ClientID: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func newProducer(t testing.TB, c *Client, o ProducerOptions) *Producer {
	o.Group = "writers"
	p, err := c.NewProducer(o)
	require.NoError(t, err)
	return p
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}
