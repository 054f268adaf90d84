package sim

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
)

// Options configures a World. The zero value is a healthy cluster in one data
// centre.
type Options struct {
	// Start is the virtual wall clock at the beginning.
	Start time.Time
	// Link is how connections between two hosts behave unless SetLink says
	// otherwise. Connections within a host are faster and never fail.
	Link Link
	// RunCost is the longest time that one delivery of a message takes.
	RunCost time.Duration
	// One in StallRate runs of a mailbox is held up by at most Stall, as by a
	// busy processor. Negative: never.
	StallRate int
	Stall     time.Duration
	// SendBuffer is the number of bytes that a connection holds for a receiver
	// that does not read; a write beyond it cuts the connection.
	SendBuffer int
	// DiskSize is the capacity of each host's disk in bytes; 0 is unlimited.
	DiskSize int64
	// Memory is what each host claims to have, in bytes; 0 is 8 GiB.
	Memory int64
	// AllowPanics lets actors panic without failing the world, for tests of
	// supervision.
	AllowPanics bool
	// LogLevel is the lowest level of the actors' log that reaches the trace.
	LogLevel zerolog.Level
	// Trace, if not nil, gets the whole trace. Otherwise only its tail is kept.
	Trace io.Writer
	// MaxSteps bounds the life of a world that never comes to rest.
	MaxSteps int
}

func (o *Options) setDefaults() {
	orElse(&o.Start, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if o.Link == (Link{}) {
		o.Link = Link{MinDelay: 50 * time.Microsecond, MaxDelay: 500 * time.Microsecond}
	}
	orElse(&o.RunCost, 2*time.Microsecond)
	orElse(&o.StallRate, 256)
	orElse(&o.Stall, 2*time.Millisecond)
	orElse(&o.SendBuffer, 8<<20)
	orElse(&o.LogLevel, zerolog.InfoLevel)
	orElse(&o.MaxSteps, 20_000_000)
}

func orElse[T comparable](v *T, absent T) {
	var zero T
	if *v == zero {
		*v = absent
	}
}

// World is a simulated cluster. All of its methods, and everything that it
// runs, belong to one goroutine.
type World struct {
	opts  Options
	seed  uint64
	rand  *rand.Rand // of the schedule
	trace *trace

	now     int64 // nanoseconds since opts.Start
	lag     int64 // how much later it is for the run under way, which waited for a disk
	ready   []run
	events  events
	made    uint64 // events made so far: the last resort of their order
	stalled int    // runs among the events
	steps   int

	hosts  []*Host // in the order of creation; hosts[i] has the address 10.0.0.(i+1)
	byName map[string]*Host
	net    *internet

	failure error
	inside  bool // a step is under way
}

// run is a piece of work that is ready: a mailbox run or a read.
type run struct {
	of *process
	do func()
}

// New returns an empty world at virtual time zero.
func New(seed uint64, opts Options) *World {
	opts.setDefaults()
	w := &World{opts: opts, seed: seed, byName: make(map[string]*Host)}
	w.rand = w.stream("schedule")
	w.trace = newTrace(w, opts.Trace)
	w.net = newInternet(w)
	return w
}

// stream returns the random numbers for one purpose. Each has a sequence of its
// own, so that more draws for one do not change the others.
func (w *World) stream(purpose string) *rand.Rand {
	h := fnv.New64a()
	io.WriteString(h, purpose)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// Seed returns the seed of w.
func (w *World) Seed() uint64 { return w.seed }

// Elapsed returns the virtual time since the beginning.
func (w *World) Elapsed() time.Duration { return time.Duration(w.now) }

// Now returns the virtual wall clock.
func (w *World) Now() time.Time { return w.opts.Start.Add(w.Elapsed()) }

// Trace returns the last lines of the trace.
func (w *World) Trace() string { return w.trace.tail() }

// Digest identifies the whole trace so far.
func (w *World) Digest() string { return w.trace.digest() }

// Note adds a line of the test's own to the trace.
func (w *World) Note(format string, args ...any) {
	w.trace.line("test", "note", fmt.Sprintf(format, args...))
}

// Err returns what made the world fail, or nil.
func (w *World) Err() error { return w.failure }

// ErrLimit is returned by Run when its condition did not come true in time.
var ErrLimit = errors.New("sim: the virtual time limit passed")

// Failure is a panic inside of the world.
type Failure struct {
	Seed   uint64
	Where  string // host and actor
	Reason any
	Stack  string
	Trace  string // its last lines
}

func (f *Failure) Error() string {
	return fmt.Sprintf("sim: seed %d: panic in %s: %v\n%s\ntrace:\n%s", f.Seed, f.Where, f.Reason, f.Stack, f.Trace)
}

func (w *World) fail(where string, reason any, stack string) {
	w.trace.line(where, "panic", fmt.Sprint(reason))
	if w.failure == nil {
		w.failure = &Failure{Seed: w.seed, Where: where, Reason: reason, Stack: stack, Trace: w.trace.tail()}
	}
}

// Step lets one thing happen: a run of a mailbox, a read, or what is due next,
// for which the clock jumps if nothing else is left. It reports false when there
// is nothing to do or the world has failed.
func (w *World) Step() bool {
	if w.inside {
		panic("sim: Step was called from inside of the simulation")
	}
	if w.failure != nil {
		return false
	}
	of, do := w.choose()
	if do == nil {
		return false
	}
	if of != nil && !of.alive {
		return true // its process is gone; what comes next may be too late for the caller
	}
	w.execute(of, do)
	if w.steps++; w.steps >= w.opts.MaxSteps {
		w.fail("world", fmt.Sprintf("no rest after %d steps", w.steps), "")
	}
	return true
}

// choose takes the next piece of work: a run that the seed picks, or an event.
// Events that are due wait for a while if runs are ready, as on a busy machine.
func (w *World) choose() (of *process, do func()) {
	due := len(w.events) > 0 && w.events[0].at <= w.now
	if len(w.ready) > 0 && (!due || w.rand.IntN(4) != 0) {
		i, last := w.rand.IntN(len(w.ready)), len(w.ready)-1
		chosen := w.ready[i]
		w.ready[i] = w.ready[last]
		w.ready[last] = run{}
		w.ready = w.ready[:last]
		if chosen.of.alive {
			w.now += w.rand.Int64N(int64(w.opts.RunCost) + 1)
		}
		return chosen.of, chosen.do
	}
	if len(w.events) == 0 {
		return nil, nil
	}
	e := heap.Pop(&w.events).(*event)
	w.now = max(w.now, e.at)
	return e.of, e.do
}

func (w *World) execute(of *process, do func()) {
	w.inside = true
	defer func() {
		w.inside, w.lag = false, 0
		if reason := recover(); reason != nil {
			where := "world"
			if of != nil {
				where = of.host.name
			}
			w.fail(where, reason, string(debug.Stack()))
		}
	}()
	do()
}

// Run steps until the condition holds. It fails with ErrLimit, wrapped with the
// trace, when that takes more than limit of virtual time or nothing is left to
// happen, and with a *Failure when something panicked.
func (w *World) Run(until func() bool, limit time.Duration) error {
	deadline := w.now + int64(limit)
	for !until() {
		if w.failure != nil {
			return w.failure
		}
		if !w.anythingUntil(deadline) {
			w.now = max(w.now, deadline)
			return fmt.Errorf("%w (seed %d, %v)\ntrace:\n%s", ErrLimit, w.seed, limit, w.trace.tail())
		}
		w.Step()
	}
	return w.failure
}

// Advance lets d of virtual time pass, with everything that happens in it.
func (w *World) Advance(d time.Duration) {
	deadline := w.now + int64(d)
	for w.anythingUntil(deadline) && w.Step() {
	}
	w.now = max(w.now, deadline)
}

// Settle steps until no work is ready or due at the current time. What is under
// way on the network, and timers, come later.
func (w *World) Settle() {
	for w.anythingUntil(w.now) || w.stalled > 0 {
		if !w.Step() {
			return
		}
	}
}

// anythingUntil reports whether there is work to do not after deadline.
func (w *World) anythingUntil(deadline int64) bool {
	if w.now > deadline {
		return false
	}
	return len(w.ready) > 0 || len(w.events) > 0 && w.events[0].at <= deadline
}

// Host returns the host of that name, which is created, running, when asked for
// the first time.
func (w *World) Host(name string) *Host {
	if h := w.byName[name]; h != nil {
		return h
	}
	if len(w.hosts) == 250 {
		panic("sim: too many hosts")
	}
	h := newHost(w, name, netip.AddrFrom4([4]byte{10, 0, 0, byte(len(w.hosts) + 1)}))
	w.hosts = append(w.hosts, h)
	w.byName[name] = h
	h.Restart()
	return h
}
