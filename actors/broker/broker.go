// Package broker is the root of a broker: it opens the store, spawns and wires
// the actors, supervises them and stops them in order.
//
//	broker ─┬─ commitlog ── flush ── syncer        the store's writing side
//	        ├─ dispatch ── indexer ── cleaner
//	        ├─ accept-socket ── connection-N ── writer, group-transfer   a master's slaves
//	        ├─ haclient ── reput, slavesync        a slave's master
//	        ├─ topics, subscriptions, offsets, groups, locks   small state, one owner each
//	        ├─ admission, sendback, delay, timer    who append on their own
//	        ├─ puller-N, pullhold                  reading
//	        ├─ admin, settings, colddata, registrar
//	        └─ listener, fast-listener ── connection-N
//
// PIDs follow from names, so that the actors can be wired in a circle before
// the first of them exists.
package broker

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/storage"
)

// Server is a running broker.
type Server struct {
	env    *env.Env
	root   *actor.PID
	shared *root // whose views anybody may read once the broker is ready

	addr   netip.AddrPort
	ready  chan error    // one value: nil when the broker takes requests
	done   chan struct{} // closed when it has stopped
	failed error         // why it stopped by itself; set before done is closed
	stop   sync.Once
}

// Start opens the store, starts a broker and returns when it takes requests.
// It fails, with nothing left running, on a store that cannot be opened (also
// one that another process has locked), a port in use, or a bad configuration.
func Start(e *env.Env, c config.Broker) (*Server, error) {
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

// RootName is the name of a broker's root actor, below which all of its actors are.
func RootName(c config.Broker) string { return "broker-" + c.BrokerName }

// Begin is Start that does not wait: ready (if not nil) is called, from an
// actor, once the broker takes requests or has failed to come up. The simulator
// uses it, in which nobody may wait.
func Begin(e *env.Env, c config.Broker, ready func(netip.AddrPort, error)) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	saved, err := topics.SavedBatches(e.FS, configDir(&c))
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	options, view := storeOptions(e, c), new(topics.View)
	options.IsBatch = func(topic string) bool {
		if table := view.Load(); table.Len() > 0 {
			return table.IsBatch(topic)
		}
		return saved[topic] // the topics' owner has not started
	}
	store, err := storage.Open(options)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	s := &Server{env: e, ready: make(chan error, 1), done: make(chan struct{})}
	s.shared = newRoot(e, c, store, view, rootCallbacks{
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
	props := e.Props(func() actor.Actor { return s.shared }, actor.WithSupervisor(supervisor{}), actor.WithGuardian(guardian))
	s.root, err = e.Actors.Root.SpawnNamed(props, RootName(c))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: %w", err), store.Close())
	}
	return s, nil
}

// Addr is the address that the broker listens on.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Done is closed when the broker has stopped, of its own accord or by Stop.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells, once Done is closed, why the broker stopped by itself; nil after a
// Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.failed
	default:
		return nil
	}
}

// Stop ends the broker in order and returns when its files are closed: it takes
// no more requests, what was taken is appended, flushed and answered, and the
// next start needs no recovery. It may be called more than once.
func (s *Server) Stop() error {
	s.BeginStop()
	<-s.done
	return s.failed
}

// BeginStop is Stop that does not wait.
func (s *Server) BeginStop() {
	s.stop.Do(func() { s.env.Send(s.root, &shutdown{}) })
}
