package actormq

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/transport"
)

// actors is where a client's actors live. It starts with the first of them: a
// client that needs none pays nothing.
type actors struct {
	network transport.Network
	log     *slog.Logger // not nil

	mu     sync.Mutex
	closed bool
	env    *env.Env // nil until the first spawn
	pool   *mailbox.Pool
	alive  map[string]*actor.PID
}

// spawn starts an actor whose props are made from the environment.
func (a *actors) spawn(props func(*env.Env) *actor.Props) (*env.Env, *actor.PID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, nil, ErrClosed
	}
	if a.env == nil {
		a.pool = mailbox.NewPool()
		a.env = env.System(a.network, nil, a.pool, zerolog.New(logBridge{a.log}).Level(zerolog.InfoLevel))
		a.alive = make(map[string]*actor.PID)
	}
	pid := a.env.Actors.Root.Spawn(props(a.env))
	a.alive[pid.Id] = pid
	return a.env, pid, nil
}

// stop ends an actor and returns when it has ended.
func (a *actors) stop(pid *actor.PID) error {
	a.mu.Lock()
	_, alive := a.alive[pid.Id]
	delete(a.alive, pid.Id)
	a.mu.Unlock()
	if !alive {
		return nil
	}
	return a.env.Actors.Root.StopFuture(pid).Wait()
}

// close stops every actor and returns when none of their goroutines is left.
func (a *actors) close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	alive := a.alive
	a.alive = nil
	a.mu.Unlock()
	if a.env == nil {
		return nil
	}
	var failed []error
	for _, pid := range alive {
		failed = append(failed, a.env.Actors.Root.StopFuture(pid).Wait())
	}
	a.env.Actors.Shutdown()
	a.pool.Close()
	return errors.Join(failed...)
}
