package actortest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// DefaultWait is the virtual time that Expect waits.
const DefaultWait = 3 * time.Second

// Probe is an actor that the test speaks for. What it is sent waits until the test
// asks for it, in the order of arrival.
type Probe struct {
	world  *World
	pid    *actor.PID
	inbox  []received
	sender *actor.PID // of the message that was taken last
	ended  []*actor.PID
	acts   []func(actor.Context)
}

type received struct {
	message any
	sender  *actor.PID
}

// act has the probe do something as an actor.
type act struct{}

// Probe starts a probe. An empty name makes one up.
func (w *World) Probe(name string) *Probe {
	w.t.Helper()
	p := &Probe{world: w}
	props := actor.PropsFromFunc(p.receive)
	if name == "" {
		p.pid = w.Spawn(props)
	} else {
		p.pid = w.SpawnNamed(props, name)
	}
	return p
}

func (p *Probe) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	case *actor.Terminated:
		p.ended = append(p.ended, m.Who)
	case *act:
		p.acts[0](ctx)
		p.acts = p.acts[1:]
	default:
		p.inbox = append(p.inbox, received{m, ctx.Sender()})
	}
}

// PID returns the probe's address.
func (p *Probe) PID() *actor.PID { return p.pid }

func (p *Probe) do(what func(actor.Context)) {
	p.acts = append(p.acts, what)
	p.world.Send(p.pid, &act{})
}

// Send sends a message whose sender is the probe.
func (p *Probe) Send(to *actor.PID, message any) {
	p.do(func(ctx actor.Context) { ctx.Request(to, message) })
}

// Reply answers the message that was taken last.
func (p *Probe) Reply(message any) {
	p.world.t.Helper()
	if p.sender == nil {
		p.world.t.Fatalf("actortest: %s has nobody to reply to", p.pid.Id)
	}
	p.Send(p.sender, message)
}

// Watch has the probe told of an actor's end, see ExpectTerminated.
func (p *Probe) Watch(pid *actor.PID) {
	p.do(func(ctx actor.Context) { ctx.Watch(pid) })
	p.world.Settle()
}

// Next takes the next message, which must come within some virtual time.
func (p *Probe) Next(within time.Duration) any {
	p.world.t.Helper()
	p.world.run(func() bool { return len(p.inbox) > 0 }, within, p.pid.Id+" got no message")
	first := p.inbox[0]
	p.inbox, p.sender = p.inbox[1:], first.sender
	return first.message
}

// Expect takes the next message, which must come within DefaultWait and be equal to
// want.
func (p *Probe) Expect(want any) {
	p.world.t.Helper()
	if got := p.Next(DefaultWait); !reflect.DeepEqual(got, want) {
		p.world.t.Fatalf("actortest: seed %d: %s got %s, not %s\n%s", p.world.Seed(), p.pid.Id, describe(got), describe(want), p.world.Trace())
	}
}

// ExpectNone lets time pass in which no message must come.
func (p *Probe) ExpectNone(d time.Duration) {
	p.world.t.Helper()
	p.world.Advance(d)
	if len(p.inbox) > 0 {
		p.world.t.Fatalf("actortest: seed %d: %s got %s\n%s", p.world.Seed(), p.pid.Id, describe(p.inbox[0].message), p.world.Trace())
	}
}

// ExpectTerminated waits until an actor that is watched has ended.
func (p *Probe) ExpectTerminated(pid *actor.PID) {
	p.world.t.Helper()
	ended := func() bool { return slices.ContainsFunc(p.ended, pid.Equal) }
	p.world.run(ended, DefaultWait, fmt.Sprintf("%s has not ended", pid.Id))
}

// ExpectType takes the next message of a probe, which must be a T.
func ExpectType[T any](p *Probe) T {
	p.world.t.Helper()
	got := p.Next(DefaultWait)
	m, ok := got.(T)
	if !ok {
		p.world.t.Fatalf("actortest: seed %d: %s got %s, not a %v\n%s", p.world.Seed(), p.pid.Id, describe(got), reflect.TypeFor[T](), p.world.Trace())
	}
	return m
}
