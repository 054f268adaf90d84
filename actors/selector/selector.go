package selector

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
)

// Defaults of Options.
const (
	DefaultIsolation      = 30 * time.Second
	DefaultDetectInterval = 2 * time.Second
)

const (
	// publishEvery is how old the published latencies of good brokers may be. What
	// changes a choice is published at once.
	publishEvery = time.Second
	// forgetAfter is how long an item outlives its last report: brokers come and
	// go.
	forgetAfter = 10 * time.Minute
)

// Options configures a selector.
type Options struct {
	Env  *env.Env
	View *View // the selector's to write
	// Steps are in order of their Latency; nil means DefaultSteps.
	Steps []Step
	// Isolation is for how long a failed send isolates its broker; 0 means
	// DefaultIsolation.
	Isolation time.Duration
	// Detect, if not nil, finds out whether a broker can be talked to and calls
	// done once, on any goroutine. It is called on the actor and must not wait. A
	// broker that could not be reached is then not used before Detect says so.
	Detect func(broker string, done func(ok bool))
	// DetectInterval is the time between two attempts; 0 means
	// DefaultDetectInterval.
	DetectInterval time.Duration
}

// Validate reports Steps that are out of order, or times below 0.
func (o *Options) Validate() error {
	for i, s := range o.Steps {
		if s.Latency < 0 || s.Isolation < 0 {
			return fmt.Errorf("selector: step %d has a negative time", i)
		}
		if i > 0 && s.Latency <= o.Steps[i-1].Latency {
			return fmt.Errorf("selector: step %d of %v does not come after %v", i, s.Latency, o.Steps[i-1].Latency)
		}
	}
	if o.Isolation < 0 || o.DetectInterval < 0 {
		return errors.New("selector: a negative time")
	}
	return nil
}

// Outcome is how a send ended, as far as its broker is concerned.
type Outcome int

const (
	// Answered is a send that the broker took, or that it refused for a reason of
	// the message's.
	Answered Outcome = iota
	// Refused is a send that the broker could not take; another broker may.
	Refused
	// Unreachable is a send without an answer.
	Unreachable
)

// Report is the end of one attempt to send.
type Report struct {
	Broker  string
	Latency time.Duration // from the request to its end
	Outcome Outcome
}

// Props returns the props of a selector. Its owner supervises it; a restart
// forgets all items, which takes every broker for good. o was validated.
func Props(o Options) *actor.Props {
	if o.Steps == nil {
		o.Steps = DefaultSteps()
	}
	o.Isolation = cmp.Or(o.Isolation, DefaultIsolation)
	o.DetectInterval = cmp.Or(o.DetectInterval, DefaultDetectInterval)
	return o.Env.BatchProps(func() actor.Actor { return &selector{Options: o, items: make(map[string]*Item)} })
}

type selector struct {
	Options
	self *actor.PID
	// items are those of the published Table where nothing has changed since; an
	// Item is replaced and never changed.
	items     map[string]*Item
	changed   bool // a choice may be another one than by the published Table
	measured  bool // only latencies are newer than the published ones
	published time.Time
	detecting bool // a detect is pending
	tick      env.Timer
}

type (
	detect   struct{}
	detected struct {
		broker string
		ok     bool
	}
)

func (s *selector) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.self = ctx.Self()
		s.publish(s.Env.Clock.Now())
	case Report:
		s.report(m)
	case mailbox.Drained:
		now := s.Env.Clock.Now()
		if s.changed || s.measured && now.Sub(s.published) >= publishEvery {
			s.publish(now)
		}
	case *detect:
		s.detect()
	case *detected:
		s.detected(m)
	case *actor.Stopping, *actor.Restarting:
		if s.tick != nil {
			s.tick.Stop()
		}
	}
}

func (s *selector) report(m Report) {
	now := s.Env.Clock.Now()
	old := s.items[m.Broker]
	next := &Item{Broker: m.Broker, Reachable: true}
	if old != nil {
		*next = *old
	}
	next.Latency, next.Failed, next.Seen = m.Latency, m.Outcome != Answered, now
	isolation := s.isolation(m)
	switch {
	case isolation > 0:
		if until := now.Add(isolation); until.After(next.Until) {
			next.Until = until
		}
		next.Suspect, next.trial = true, new(atomic.Int64)
	case next.Suspect && next.Available(now):
		next.Suspect = false
	}
	next.Reachable = m.Outcome != Unreachable || s.Detect == nil
	s.items[m.Broker] = next
	if old == nil || next.Suspect || old.Suspect || next.Reachable != old.Reachable {
		s.changed = true
	}
	s.measured = true
	if !next.Reachable {
		s.Env.Log.Info().Str("broker", m.Broker).Msg("the broker cannot be reached; it is not used before it is")
		s.detectSoon()
	} else if isolation > 0 {
		s.Env.Log.Debug().Str("broker", m.Broker).Dur("latency", m.Latency).Dur("isolation", isolation).Msg("the broker is isolated")
	}
}

// isolation returns for how long a report isolates its broker, 0 for not at all.
func (s *selector) isolation(m Report) time.Duration {
	if m.Outcome != Answered {
		return s.Isolation
	}
	for _, step := range slices.Backward(s.Steps) {
		if m.Latency >= step.Latency {
			return step.Isolation
		}
	}
	return 0
}

// publish replaces the Table, without what is too old to matter.
func (s *selector) publish(now time.Time) {
	s.forget(now)
	s.View.table.Store(&Table{items: maps.Clone(s.items)})
	s.changed, s.measured, s.published = false, false, now
}

func (s *selector) forget(now time.Time) {
	maps.DeleteFunc(s.items, func(_ string, i *Item) bool { return now.Sub(i.Seen) >= forgetAfter })
}

func (s *selector) detectSoon() {
	if !s.detecting {
		s.detecting = true
		s.tick = s.Env.Tell(s.self, s.DetectInterval, &detect{})
	}
}

// detect has every broker tried that cannot be reached.
func (s *selector) detect() {
	s.detecting = false
	s.forget(s.Env.Clock.Now())
	for _, broker := range slices.Sorted(maps.Keys(s.items)) {
		if s.items[broker].Reachable {
			continue
		}
		s.detectSoon()
		s.Detect(broker, func(ok bool) { s.Env.Send(s.self, &detected{broker, ok}) })
	}
}

// detected puts a broker on trial that can be reached again.
func (s *selector) detected(m *detected) {
	old := s.items[m.broker]
	if !m.ok || old == nil || old.Reachable {
		return
	}
	next := *old
	next.Reachable, next.Until, next.trial = true, s.Env.Clock.Now(), new(atomic.Int64)
	s.items[m.broker] = &next
	s.changed = true
	s.Env.Log.Info().Str("broker", m.broker).Msg("the broker can be reached again")
}
