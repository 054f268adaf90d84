package swarm

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/sim"
)

// Result is what became of a run.
type Result struct {
	Plan Plan
	// Err is the first thing that must not have happened.
	Err error
	// Trace is the end of the trace.
	Trace   string
	Digest  string
	Virtual time.Duration
	Steps   int

	Sent, Acknowledged, Consumed int
	// Faults counts what struck, Coverage which requests were under way then.
	Faults   map[string]int
	Coverage map[string]map[string]int
}

// run is a plan that is carried out.
type run struct {
	plan    Plan
	world   *sim.World
	rand    *rand.Rand
	names   *names
	nodes   []*node
	clients []client
	peers   []*peer
	agenda  []appointment // ascending by time
	ending  bool          // no new messages, no new faults
	err     error

	history  *history.History
	consumed *consumption
	delays   *delays
	handling map[share]*holding
	acked    []receipt
	result   *Result
}

// appointment is what happens between two steps of the world.
type appointment struct {
	at   time.Duration
	what func()
}

// receipt is an acknowledgement.
type receipt struct {
	id     history.ID
	node   *node
	topic  string
	msgID  string
	at     time.Duration
	queue  history.Queue
	offset int64
}

// client is one client in its current process.
type client interface {
	// start begins, in a new process of its host.
	start()
	// busy tells what the client still has to do when the end comes, "" if nothing.
	busy() string
}

// Run carries out a plan. The whole trace goes to trace, if that is not nil.
func Run(p Plan, trace io.Writer) *Result {
	r := &run{
		plan: p,
		world: sim.New(p.Seed, sim.Options{
			Link: p.Link, StallRate: p.StallRate, Trace: trace, AllowPanics: p.breaksDisks(),
		}),
		rand:     rand.New(rand.NewPCG(p.Seed, 0x72756e)),
		history:  history.New(),
		handling: make(map[share]*holding),
		result:   &Result{Plan: p, Faults: make(map[string]int), Coverage: make(map[string]map[string]int)},
	}
	r.history.Now = r.world.Elapsed
	r.consumed, r.delays = newConsumption(r), newDelays(r)
	r.guarded(r.play)
	if r.err == nil {
		r.err = r.world.Err()
	}
	s := r.result
	s.Err, s.Trace, s.Digest, s.Virtual = r.err, r.world.Trace(), r.world.Digest(), r.world.Elapsed()
	s.Sent, s.Acknowledged, s.Consumed = r.history.Total(), r.history.Acknowledgements(), r.consumed.total
	return s
}

// breaksDisks reports whether a fault may have the broker give up: what it then
// does about it is the supervisor's business, and may be a panic.
func (p *Plan) breaksDisks() bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool {
		return f.Kind == ReadError || f.Kind == WriteError || f.Kind == SyncError || f.Kind == NoSpace || f.Kind == CrashInStart
	})
}

// guarded turns a panic of the harness itself into a failure of the run.
func (r *run) guarded(do func()) {
	defer func() {
		if reason := recover(); reason != nil {
			r.fail(fmt.Errorf("swarm: panic: %v\n%s", reason, debug.Stack()))
		}
	}()
	do()
}

// fail ends the run.
func (r *run) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
		r.world.Note("FAILED: %v", err)
	}
}

const (
	// settleLimit is the virtual time in which everything is done after the last fault.
	// Members that vanished are noticed after two minutes, and hold a lock for one.
	settleLimit = 10 * time.Minute
	startLimit  = time.Minute
)

func (r *run) play() {
	r.names = &names{run: r, host: r.world.Host("names")}
	r.names.start()
	for i := range r.plan.Brokers {
		r.nodes = append(r.nodes, newNode(r, i))
		r.nodes[i].start()
	}
	if !r.until(startLimit, "the brokers to come up", r.allUp) || !r.createTopics() {
		return
	}
	for _, n := range r.nodes {
		n.atRest = n.actors()
	}
	begin := r.world.Elapsed()
	for i, c := range r.plan.Clients {
		client := r.newClient(i, c)
		r.clients = append(r.clients, client)
		r.at(begin+c.Join, client.start)
	}
	for _, f := range r.plan.Faults {
		r.at(begin+f.At, func() { r.strike(f) })
	}
	r.pass(begin + r.plan.Load)
	r.end()
	if r.err == nil {
		r.verify()
	}
}

// at makes an appointment.
func (r *run) at(when time.Duration, what func()) {
	i, _ := slices.BinarySearchFunc(r.agenda, when, func(a appointment, t time.Duration) int {
		if a.at <= t {
			return -1
		}
		return cmp.Compare(a.at, t)
	})
	r.agenda = slices.Insert(r.agenda, i, appointment{when, what})
}

// lookInterval is the time between two looks for brokers that ended by themselves.
const lookInterval = 500 * time.Millisecond

// pass lets time pass, with what is on the agenda.
func (r *run) pass(deadline time.Duration) {
	for r.err == nil && r.world.Elapsed() < deadline {
		next := min(deadline, r.world.Elapsed()+lookInterval)
		if len(r.agenda) > 0 {
			next = min(next, max(r.agenda[0].at, r.world.Elapsed()))
		}
		r.world.Advance(next - r.world.Elapsed())
		if err := r.world.Err(); err != nil {
			r.fail(err)
			return
		}
		for len(r.agenda) > 0 && r.agenda[0].at <= r.world.Elapsed() && r.err == nil {
			due := r.agenda[0]
			r.agenda = r.agenda[1:]
			due.what()
		}
		for _, n := range r.nodes {
			n.look()
		}
	}
}

// until lets time pass until a condition holds, which is looked at now and then.
func (r *run) until(limit time.Duration, what string, holds func() bool) bool {
	deadline := r.world.Elapsed() + limit
	for r.err == nil && !holds() {
		if r.world.Elapsed() >= deadline {
			r.fail(fmt.Errorf("swarm: %v were not enough for %s", limit, what))
			return false
		}
		r.pass(min(deadline, r.world.Elapsed()+20*time.Millisecond))
	}
	return r.err == nil
}

func (r *run) allUp() bool {
	return !slices.ContainsFunc(r.nodes, func(n *node) bool { return !n.up })
}

// end has all faults and all work end.
func (r *run) end() {
	r.ending = true
	r.world.Note("end of load")
	r.until(startLimit, "the faults to end", func() bool { return len(r.agenda) == 0 && r.allUp() })
	deadline := r.world.Elapsed() + settleLimit
	for r.err == nil {
		waits := ""
		for i, c := range r.clients {
			if what := c.busy(); what != "" {
				waits = fmt.Sprintf("client %d, %s: %s", i, r.plan.Clients[i].Kind, what)
				break
			}
		}
		if waits == "" {
			return
		}
		if r.world.Elapsed() > deadline {
			r.fail(fmt.Errorf("swarm: %v after the last fault there is work left: %s", settleLimit, waits))
		}
		r.pass(r.world.Elapsed() + time.Second)
	}
}

// doubt says that a node loses power: an asynchronous flush has promised what is
// older than its interval, and so has anybody who did not wait for a flush.
func (r *run) doubt(n *node) {
	since := r.world.Elapsed()
	if n.illSince > 0 {
		since = n.illSince
	}
	if n.darkSince > 0 {
		since = min(since, n.darkSince) // what the process left unsynced, nobody has synced since
	}
	since = max(0, since-flushPromise)
	r.consumed.powerLost(n, since)
	r.delays.powerLost(n, since)
	if r.plan.SyncFlush {
		r.history.Doubt(func(q history.Queue) bool { return q.Topic == n.queueTopic(topicHasty) }, since)
		return
	}
	r.history.Doubt(func(q history.Queue) bool { return r.nodeOf(q) == n }, since)
}

// flushPromise is how old a message must be to be on the disk for certain: the
// flush interval, and time for the flush itself.
const flushPromise = 1500 * time.Millisecond

// createTopics creates the topics and groups as an operator does.
func (r *run) createTopics() bool {
	operator := r.world.Host("operator")
	missing := 0
	for _, n := range r.nodes {
		r.world.SetLink(n.host, operator, sim.Link{MaxDelay: time.Millisecond})
		p := r.peer(operator, n.addr(), n)
		for _, request := range setup(r.plan) {
			missing++
			p.call(request, callLimit, func(response *messages.Command, err error) {
				missing--
				if err == nil && response.Code != int32(messages.Success) {
					err = fmt.Errorf("code %d: %s", response.Code, response.Remark)
				}
				if err != nil {
					r.fail(fmt.Errorf("swarm: setting up: %w", err))
				}
			})
		}
	}
	return r.until(startLimit, "the topics", func() bool { return missing == 0 })
}

func (r *run) nodeOf(q history.Queue) *node {
	name, _, _ := strings.Cut(q.Topic, "/")
	i := slices.IndexFunc(r.nodes, func(n *node) bool { return n.name == name })
	return r.nodes[i]
}
