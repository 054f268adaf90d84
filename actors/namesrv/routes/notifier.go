package routes

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/rpc"
	"github.com/actormq/actormq/messages"
)

// notifierIdle is how long a connection to a broker is kept after a notice.
const notifierIdle = time.Minute

// notifyTimeout is how long a broker may take to be reached.
const notifyTimeout = 3 * time.Second

// NotifierProps returns the props of the Notifier. It tells the members of a
// broker which of them has the lowest id now, at the addresses that they
// registered, so that a slave begins, or ends, to act as master without waiting
// for its own next look (RocketMQ: RouteInfoManager.notifyMinBrokerIdChanged).
// Notices are oneway; a restart loses those under way.
func NotifierProps(e *env.Env) *actor.Props {
	return e.Props(func() actor.Actor {
		return &notifier{env: e, clients: make(map[string]*told)}
	}, actor.WithSupervisor(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })))
}

// told is a broker's address that was notified lately.
type told struct {
	client *actor.PID
	last   int64 // Unix milliseconds
}

type notifier struct {
	env     *env.Env
	clients map[string]*told // by address
	spawned int
	tick    env.Timer // set while there are clients
}

type idle struct{}

func (n *notifier) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *LowestChanged:
		n.notify(ctx, m)
	case *idle:
		n.closeIdle(ctx)
	case *actor.Stopping, *actor.Restarting:
		if n.tick != nil {
			n.tick.Stop()
		}
	}
}

func (n *notifier) notify(ctx actor.Context, m *LowestChanged) {
	lowest := slices.Min(slices.Collect(maps.Keys(m.Members)))
	command := &messages.Command{Code: int32(messages.CodeNotifyMinBrokerIDChange), Language: messages.Go}
	command.Ext.SetInt("minBrokerId", lowest)
	command.Ext.Set("minBrokerAddr", m.Members[lowest])
	if m.Offline != "" {
		command.Ext.Set("offlineBrokerAddr", m.Offline)
	}
	if m.HAAddr != "" {
		command.Ext.Set("haBrokerAddr", m.HAAddr)
	}
	for _, id := range sortedKeys(m.Members) {
		// A newcomer knows that it is the lowest; the others do not.
		if m.Offline == "" && id == lowest && len(m.Members) > 1 {
			continue
		}
		if t := n.told(ctx, m.Members[id]); t != nil {
			ctx.Send(t.client, &messages.Ask{Command: command, Timeout: notifyTimeout.Milliseconds()})
		}
	}
}

// told returns the client for an address, which is made when it is needed.
func (n *notifier) told(ctx actor.Context, addr string) *told {
	t := n.clients[addr]
	if t == nil {
		n.spawned++
		client, err := ctx.SpawnNamed(rpc.Props(rpc.Options{Env: n.env, Addr: addr, DialTimeout: notifyTimeout}), "broker-"+strconv.Itoa(n.spawned))
		if err != nil {
			n.env.Log.Error().Err(err).Str("address", addr).Msg("a broker cannot be notified")
			return nil
		}
		t = &told{client: client}
		n.clients[addr] = t
	}
	t.last = n.env.Millis()
	if n.tick == nil {
		n.tick = n.env.Tell(ctx.Self(), notifierIdle, &idle{})
	}
	return t
}

func (n *notifier) closeIdle(ctx actor.Context) {
	n.tick = nil
	oldest := n.env.Millis() - notifierIdle.Milliseconds()
	for _, addr := range sortedKeys(n.clients) {
		if t := n.clients[addr]; t.last <= oldest {
			delete(n.clients, addr)
			ctx.Stop(t.client)
		}
	}
	if len(n.clients) > 0 {
		n.tick = n.env.Tell(ctx.Self(), notifierIdle, &idle{})
	}
}
