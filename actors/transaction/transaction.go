package transaction

import (
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Transaction.
type Options struct {
	Env         *env.Env
	Store       *storage.Store
	CommitLog   *actor.PID
	Offsets     *actor.PID
	TopicsOwner *actor.PID
	StoreHost   netip.AddrPort
	Broker      string // its name
	Delays      messages.DelayLevels
	Timers      messages.TimerRules
	Rules       func() Rules
	CheckEvery  time.Duration // transactionCheckInterval, from the end of a round on
	OpMaxSize   int           // transactionOpMsgMaxSize, bytes of body
	OpEvery     time.Duration // transactionOpBatchInterval
	// Producers returns the connections of a producer group.
	Producers func(group string) []*messages.Peer
	// MaxOwed bounds the bytes that wait for a producer; one that takes its questions
	// too slowly gets no more.
	MaxOwed int64
	// Slave refuses ends, and leaves the halves to the master.
	Slave bool
}

// Props returns the props of Transaction. It reads halves from the log, which may
// block. A restart begins with a round; ends whose op message was not written are
// asked again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &transaction{Options: o, queues: make(map[int32]*endings)} })
}

// Codes lists the request codes that Transaction answers.
func Codes() []messages.RequestCode { return (*transaction)(nil).routes().Codes() }

type transaction struct {
	Options
	self     *actor.PID // nil once it stops
	handlers front.Handlers

	commits *messages.Append   // of the burst at hand; nil if there are none
	queues  map[int32]*endings // by the number of the half's queue
	copies  copies

	tick   env.Timer // until the next round; nil during one
	round  *round    // nil between two
	turn   int       // of the producers of a group
	buffer []byte
}

// The messages to itself.
type (
	check   struct{}
	step    struct{ *round }
	writeOp struct{ *endings }
)

func (t *transaction) routes() front.Handlers {
	return front.Handlers{
		messages.CodeEndTransaction:         t.end,
		messages.CodeResumeCheckHalfMessage: t.resume,
	}
}

func (t *transaction) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		t.self, t.handlers = ctx.Self(), t.routes()
		if !t.Slave {
			t.tick = t.Env.Tell(t.self, t.CheckEvery, &check{})
		}
	case *messages.Requests:
		peer, arrived := m.Peer, m.Arrived
		t.handlers.Serve(t.Env, m)
		t.flushCommits(peer, arrived)
	case *messages.Append:
		t.appended(m)
	case *writeOp:
		m.timer = nil
		t.writeOps(m.endings)
	case *check:
		t.begin()
	case *offsets.Found:
		t.found(m)
	case *step:
		if m.round == t.round {
			t.step()
		}
	case *actor.Stopping, *actor.Restarting:
		t.stop()
	}
}

// appended takes an Append that the log is done with, or has refused.
func (t *transaction) appended(a *messages.Append) {
	switch token := a.Token.(type) {
	case []ending:
		t.committed(a, token)
	case *written:
		t.wrote(a, token)
	case *batch:
		t.renewed(a, token)
	case messages.Ticket:
		t.resumed(a, token)
	}
	a.Release()
}

// stop has the ends written that still wait: otherwise an orderly stop would make
// for questions that were answered.
func (t *transaction) stop() {
	if t.tick != nil {
		t.tick.Stop()
	}
	t.round, t.self = nil, nil // nobody waits for the answers
	for _, q := range t.sorted() {
		t.writeOps(q)
	}
}
