// Package namesrv is the root of a name server: it spawns and wires the actors,
// supervises them and stops them in order.
//
//	namesrv ─┬─ registry   what brokers register: routes.View
//	         ├─ kvconfig   operators' settings: kvconfig.View
//	         ├─ settings   the name server's own configuration
//	         ├─ notifier   tells brokers of a new lowest id among them
//	         └─ listener ── connection-N
//
// Writes go to the actors. What only reads, and above all the question for a
// topic's route, is answered by routes.Reader from the Views, on the goroutine
// of the connection that asked.
//
// Name servers do not know of each other: brokers register with each, clients
// ask any. All that is on disk is the KV configuration.
package namesrv

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
)

// Server is a running name server. Its methods may be called from any goroutine.
type Server struct {
	env  *env.Env
	root *actor.PID

	addr   netip.AddrPort
	ready  chan error    // one value: nil when the port is bound
	done   chan struct{} // closed when it has stopped
	failed error         // why it stopped by itself; set before done is closed
	stop   sync.Once
}

// Start starts a name server and returns when its port is bound. It fails, with
// nothing left running, on a port in use, a bad configuration or a KV
// configuration that cannot be read.
func Start(e *env.Env, c config.NameServer) (*Server, error) {
	s, err := Begin(e, c, nil)
	if err != nil {
		return nil, err
	}
	if err := <-s.ready; err != nil {
		<-s.done
		return nil, err
	}
	return s, nil
}

// Begin is Start that does not wait: ready (if not nil) is called, from an actor,
// once the port is bound or cannot be. The simulator uses it, in which nobody may
// wait.
func Begin(e *env.Env, c config.NameServer, ready func(netip.AddrPort, error)) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("namesrv: %w", err)
	}
	if _, err := kvconfig.Load(e.FS, c.KVConfigPath); err != nil {
		return nil, fmt.Errorf("namesrv: %w", err)
	}
	s := &Server{env: e, ready: make(chan error, 1), done: make(chan struct{})}
	props := e.Props(func() actor.Actor {
		return newRoot(e, c, callbacks{
			ready: func(addr netip.AddrPort, err error) {
				s.addr = addr
				s.ready <- err
				if ready != nil {
					ready(addr, err)
				}
			},
			stopped: func(err error) {
				s.failed = err
				close(s.done)
			},
		})
	}, actor.WithSupervisor(supervisor{}))
	var err error
	if s.root, err = e.Actors.Root.SpawnNamed(props, "namesrv"); err != nil {
		return nil, fmt.Errorf("namesrv: %w", err)
	}
	return s, nil
}

// Addr is the address that the name server listens on, once it is ready.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Done is closed when the name server has stopped, of its own accord or by Stop.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells, once Done is closed, why the name server stopped by itself; nil
// after a Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.failed
	default:
		return nil
	}
}

// Stop closes the port and the connections and returns when all has ended. It may
// be called more than once.
func (s *Server) Stop() error {
	s.BeginStop()
	<-s.done
	return s.failed
}

// BeginStop is Stop that does not wait.
func (s *Server) BeginStop() {
	s.stop.Do(func() { s.env.Send(s.root, &shutdown{}) })
}
