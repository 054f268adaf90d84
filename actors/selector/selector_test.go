package selector_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/actors/selector"
	"github.com/actormq/actormq/testkit/sim"
)

// rig is a selector in a world of its own, and a producer with two queues on each
// of the brokers a, b and c.
type rig struct {
	t     *testing.T
	w     *sim.World
	host  *sim.Host
	view  selector.View
	pid   *actor.PID
	turn  selector.Turn
	asked []string // brokers that were to be detected
	alive map[string]bool
}

var queues = []string{"a", "a", "b", "b", "c", "c"}

func newRig(t *testing.T, o selector.Options, detect bool) *rig {
	r := &rig{t: t, w: sim.New(1, sim.Options{}), alive: make(map[string]bool)}
	r.host = r.w.Host("client")
	o.Env, o.View = r.host.Env(), &r.view
	if detect {
		o.Detect = func(broker string, done func(bool)) {
			r.asked = append(r.asked, broker)
			done(r.alive[broker])
		}
	}
	require.NoError(t, o.Validate())
	r.pid = o.Env.Actors.Root.Spawn(selector.Props(o))
	r.w.Settle()
	return r
}

func (r *rig) report(broker string, latency time.Duration, outcome selector.Outcome) {
	r.host.Env().Send(r.pid, selector.Report{Broker: broker, Latency: latency, Outcome: outcome})
	r.w.Settle()
	require.NoError(r.t, r.w.Err())
}

// picks counts the brokers of n picks.
func (r *rig) picks(n int, avoid string) map[string]int {
	chosen := make(map[string]int)
	for range n {
		chosen[queues[r.view.Load().Pick(&r.turn, len(queues), func(i int) string { return queues[i] }, avoid, r.host.Now())]]++
	}
	return chosen
}

const ms = time.Millisecond

func TestQueuesTakeTurns(t *testing.T) {
	var none *selector.Table
	var turn selector.Turn
	perQueue := make([]int, len(queues))
	for range 12 {
		perQueue[none.Pick(&turn, len(queues), func(i int) string { return queues[i] }, "", time.Time{})]++
	}
	require.Equal(t, []int{2, 2, 2, 2, 2, 2}, perQueue)

	r := newRig(t, selector.Options{}, false)
	require.Equal(t, map[string]int{"b": 4, "c": 4}, r.picks(8, "a"), "not the broker that has just failed")
	only := none.Pick(&turn, 2, func(int) string { return "a" }, "a", time.Time{})
	require.Less(t, only, 2, "it is better than none")
}

func TestHowLongALatencyIsolates(t *testing.T) {
	for _, tt := range []struct {
		latency, isolated time.Duration
	}{
		{0, 0}, {50 * ms, 0}, {100 * ms, 0}, {549 * ms, 0}, {550 * ms, 2 * time.Second}, {1799 * ms, 2 * time.Second},
		{1800 * ms, 5 * time.Second}, {3 * time.Second, 6 * time.Second}, {5 * time.Second, 10 * time.Second},
		{15 * time.Second, 30 * time.Second}, {time.Hour, 30 * time.Second},
	} {
		r := newRig(t, selector.Options{}, false)
		r.report("a", tt.latency, selector.Answered)
		item := r.view.Load().Item("a")
		require.Equal(t, tt.latency, item.Latency)
		require.Equal(t, tt.isolated > 0, item.Suspect, "%v", tt.latency)
		if tt.isolated == 0 {
			require.Equal(t, 2, r.picks(6, "")["a"], "%v", tt.latency)
			continue
		}
		require.InDelta(t, tt.isolated, item.Until.Sub(r.host.Now()), float64(time.Millisecond))
		require.Zero(t, r.picks(6, "")["a"], "%v", tt.latency)
		r.w.Advance(tt.isolated - 10*ms)
		require.Zero(t, r.picks(6, "")["a"], "%v", tt.latency)
		r.w.Advance(10 * ms)
		require.Equal(t, 1, r.picks(60, "")["a"], "one send tries")
	}
}

func TestATrialDecides(t *testing.T) {
	r := newRig(t, selector.Options{}, false)
	r.report("a", 0, selector.Refused)
	require.InDelta(t, selector.DefaultIsolation, r.view.Load().Item("a").Until.Sub(r.host.Now()), float64(time.Millisecond))
	r.w.Advance(selector.DefaultIsolation)

	require.Equal(t, map[string]int{"a": 1, "b": 4, "c": 4}, r.picks(9, ""))
	r.report("a", 600*ms, selector.Answered)
	require.Equal(t, map[string]int{"b": 4, "c": 4}, r.picks(8, ""), "still slow")
	r.w.Advance(2 * time.Second)
	require.Equal(t, 1, r.picks(9, "")["a"])
	r.report("a", 5*ms, selector.Answered)
	require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, r.picks(6, ""), "back")
}

func TestATrialThatIsNeverReportedIsTriedAgain(t *testing.T) {
	r := newRig(t, selector.Options{Isolation: time.Second}, false)
	r.report("a", 0, selector.Refused)
	r.w.Advance(time.Second)
	require.Equal(t, 1, r.picks(60, "")["a"])
	r.w.Advance(5 * time.Second)
	require.Zero(t, r.picks(60, "")["a"])
	r.w.Advance(5 * time.Second)
	require.Equal(t, 1, r.picks(60, "")["a"])
}

func TestAGoodSendDoesNotEndAnIsolation(t *testing.T) {
	r := newRig(t, selector.Options{}, false)
	r.report("a", 600*ms, selector.Answered)
	r.report("a", ms, selector.Answered)
	require.Zero(t, r.picks(60, "")["a"], "it was on its way before")
}

func TestTheLeastBadBrokerIsUsed(t *testing.T) {
	r := newRig(t, selector.Options{}, false)
	r.report("a", 2*time.Second, selector.Answered)
	r.report("b", 600*ms, selector.Answered)
	r.report("c", ms, selector.Refused)
	require.Equal(t, map[string]int{"b": 6}, r.picks(6, ""), "the least slow of those that answer")
	require.Equal(t, map[string]int{"a": 6}, r.picks(6, "b"))
	r.report("a", ms, selector.Refused)
	r.report("b", ms, selector.Refused)
	require.Equal(t, map[string]int{"c": 6}, r.picks(6, ""), "the one that failed first")
}

func TestALostBrokerIsUsedWhenItIsDetected(t *testing.T) {
	r := newRig(t, selector.Options{Isolation: time.Second}, true)
	r.report("a", 3*time.Second, selector.Unreachable)
	require.Empty(t, r.asked)
	r.w.Advance(2 * time.Second)
	require.Equal(t, []string{"a"}, r.asked)
	r.w.Advance(10 * time.Second)
	require.GreaterOrEqual(t, len(r.asked), 5)
	require.Zero(t, r.picks(60, "")["a"], "long after its isolation")
	require.False(t, r.view.Load().Item("a").Reachable)

	r.alive["a"] = true
	r.w.Advance(2 * time.Second)
	require.Equal(t, 1, r.picks(60, "")["a"])
	r.report("a", ms, selector.Answered)
	require.Equal(t, 2, r.picks(6, "")["a"])
	asked := len(r.asked)
	r.w.Advance(time.Minute)
	require.Len(t, r.asked, asked, "what can be reached is left alone")
}

func TestWithoutDetectionALostBrokerIsTriedAfterItsIsolation(t *testing.T) {
	r := newRig(t, selector.Options{}, false)
	r.report("a", 3*time.Second, selector.Unreachable)
	require.Zero(t, r.picks(60, "")["a"])
	r.w.Advance(selector.DefaultIsolation)
	require.Equal(t, 1, r.picks(60, "")["a"])
}

func TestBrokersThatAreGoneAreForgotten(t *testing.T) {
	r := newRig(t, selector.Options{}, true)
	r.report("a", ms, selector.Unreachable)
	require.Equal(t, 1, r.view.Load().Len())
	r.w.Advance(11 * time.Minute)
	r.report("b", ms, selector.Answered)
	require.Nil(t, r.view.Load().Item("a"))
	asked := len(r.asked)
	r.w.Advance(time.Minute)
	require.Len(t, r.asked, asked)
}

func TestStepsAreChecked(t *testing.T) {
	for _, o := range []selector.Options{
		{Steps: []selector.Step{{100 * ms, 0}, {100 * ms, time.Second}}},
		{Steps: []selector.Step{{-1, 0}}},
		{Steps: []selector.Step{{1, -1}}},
		{Isolation: -1},
		{DetectInterval: -1},
	} {
		require.Error(t, o.Validate(), "%+v", o)
	}
	require.NoError(t, (&selector.Options{Steps: selector.DefaultSteps()}).Validate())
}

// Whatever was reported, a pick is a queue, not of the broker to avoid where there
// is another, and never of an isolated broker where there is a good one.
func TestPicksHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, selector.Options{}, rapid.Bool().Draw(rt, "detect"))
		names := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			latency := time.Duration(rapid.IntRange(0, 4000).Draw(rt, "latency")) * ms
			r.report(names.Draw(rt, "broker"), latency, selector.Outcome(rapid.IntRange(0, 2).Draw(rt, "outcome")))
			r.w.Advance(time.Duration(rapid.IntRange(0, 8000).Draw(rt, "pause")) * ms)
			avoid := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "avoid")
			table, now := r.view.Load(), r.host.Now()
			good := func(broker string) bool {
				i := table.Item(broker)
				return i == nil || !i.Suspect
			}
			for broker := range r.picks(6, avoid) {
				require.NotEqual(t, avoid, broker)
				if i := table.Item(broker); i != nil && i.Suspect && (!i.Available(now) || !i.Reachable) {
					for _, other := range queues {
						require.False(t, other != avoid && good(other), "%s was picked and %s is good", broker, other)
					}
				}
			}
		}
	})
}

func BenchmarkTable(b *testing.B) {
	for name, table := range map[string]*selector.Table{"none": nil, "three": slow(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var turn selector.Turn
			now := time.Now()
			for b.Loop() {
				table.Pick(&turn, len(queues), func(i int) string { return queues[i] }, "", now)
			}
		})
	}
}

// slow returns a Table by which one of three brokers is slow.
func slow(tb testing.TB) *selector.Table {
	w := sim.New(1, sim.Options{})
	e := w.Host("client").Env()
	var view selector.View
	pid := e.Actors.Root.Spawn(selector.Props(selector.Options{Env: e, View: &view}))
	e.Send(pid, selector.Report{Broker: "a", Latency: time.Second})
	e.Send(pid, selector.Report{Broker: "b"})
	e.Send(pid, selector.Report{Broker: "c"})
	w.Settle()
	require.Equal(tb, 3, view.Load().Len())
	return view.Load()
}
