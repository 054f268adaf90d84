// Package locks owns the queue locks of ordered consumption: which client of a
// group may consume which queue. A lock lives 60 s past its last renewal and
// survives a disconnect, so that a client that comes back finds its queues
// (RocketMQ: RebalanceLockManager).
package locks

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// Life is how long a lock holds without renewal. Clients renew every 20 s.
const Life = 60 * time.Second

// Options configures Locks.
type Options struct{ Env *env.Env }

// Held asks whether a group has any lock that has not expired; the response is
// a bool. A retry of such a group is an ordered message that must not be
// consumed out of order, and goes to the dead letters.
type Held struct {
	Group string
	Token any
}

// HeldAnswer answers Held.
type HeldAnswer struct {
	Held  bool
	Token any
}

// Props returns the props of Locks. A restart forgets all locks; until their
// clients lock again, within 20 s, two of them may consume one queue, which is
// also what an Apache broker's restart does.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor {
		return &locks{Options: o, groups: make(map[string]map[messages.MessageQueue]lock)}
	})
}

type lock struct {
	client  string
	renewed int64 // Unix milliseconds
}

type locks struct {
	Options
	handlers front.Handlers
	groups   map[string]map[messages.MessageQueue]lock
	tick     env.Timer
}

type sweep struct{}

func (l *locks) routes() front.Handlers {
	return front.Handlers{
		messages.CodeLockBatchMQ:   l.lock,
		messages.CodeUnlockBatchMQ: l.unlock,
	}
}

// Codes lists the request codes that Locks answers.
func Codes() []messages.RequestCode { return (*locks)(nil).routes().Codes() }

func (l *locks) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		l.handlers = l.routes()
		l.tick = l.Env.Tell(ctx.Self(), Life, &sweep{})
	case *messages.Requests:
		l.handlers.Serve(l.Env, m)
	case *Held:
		ctx.Respond(&HeldAnswer{Held: l.held(m.Group), Token: m.Token})
	case *sweep:
		l.sweep()
		l.tick = l.Env.Tell(ctx.Self(), Life, &sweep{})
	case *actor.Stopping, *actor.Restarting:
		l.tick.Stop()
	}
}

func (l *locks) expired(held lock) bool {
	return l.Env.Millis()-held.renewed > Life.Milliseconds()
}

// lock grants or renews what is free, expired or the client's own. The answer
// lists what the client holds now; a refusal is no error.
func (l *locks) lock(r *front.Request) (*messages.Command, error) {
	request, err := messages.DecodeLockBatch(r.Command.Body)
	if err != nil {
		return nil, err
	}
	group := l.groups[request.ConsumerGroup]
	if group == nil {
		group = make(map[messages.MessageQueue]lock)
		l.groups[request.ConsumerGroup] = group
	}
	granted := make([]messages.MessageQueue, 0, len(request.Queues))
	for _, queue := range request.Queues {
		held, ok := group[queue]
		if ok && held.client != request.ClientID && !l.expired(held) {
			continue
		}
		if ok && held.client != request.ClientID {
			l.Env.Log.Info().Str("group", request.ConsumerGroup).Str("topic", queue.Topic).Int32("queue", queue.QueueID).
				Str("from", held.client).Str("to", request.ClientID).Msg("an expired queue lock changed hands")
		}
		group[queue] = lock{client: request.ClientID, renewed: l.Env.Millis()}
		granted = append(granted, queue)
	}
	response := r.Response(messages.Success, "")
	response.Body, err = (&messages.LockBatchResponse{LockOKMQSet: granted}).Encode()
	return response, err
}

func (l *locks) unlock(r *front.Request) (*messages.Command, error) {
	request, err := messages.DecodeLockBatch(r.Command.Body)
	if err != nil {
		return nil, err
	}
	group := l.groups[request.ConsumerGroup]
	for _, queue := range request.Queues {
		if group[queue].client == request.ClientID {
			delete(group, queue)
		}
	}
	return r.Response(messages.Success, ""), nil
}

func (l *locks) held(name string) bool {
	for _, held := range l.groups[name] {
		if !l.expired(held) {
			return true
		}
	}
	return false
}

// sweep forgets expired locks, so that dead groups cost nothing.
func (l *locks) sweep() {
	for name, group := range l.groups {
		for queue, held := range group {
			if l.expired(held) {
				delete(group, queue)
			}
		}
		if len(group) == 0 {
			delete(l.groups, name)
		}
	}
}
