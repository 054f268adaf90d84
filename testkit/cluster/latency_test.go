package cluster_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/selector"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

var plot = flag.String("plot", "", "draw the sends of TestASlowBrokerIsLeftAlone into this SVG file")

const (
	sendEvery   = 5 * time.Millisecond
	firstStep   = 2 * time.Second // of the tables below: how long a slow broker is isolated
	queuesEach  = 2
	healthyTime = 5 * time.Second
)

// fleet is three brokers, and a producer that sends to one of their queues every
// 5 ms, whatever has become of the sends before, as the SDK's producer would.
type fleet struct {
	t       *testing.T
	w       *sim.World
	host    *sim.Host
	brokers []*cluster.Broker
	clients map[string]*sim.Client
	queues  []string // brokers, by queue
	view    selector.View
	pid     *actor.PID
	turn    selector.Turn
	open    []*trip
	all     []*trip
}

// trip is a send.
type trip struct {
	broker string
	call   *sim.Call
	took   time.Duration
}

func newFleet(t *testing.T, w *sim.World, steps []selector.Step) *fleet {
	f := &fleet{t: t, w: w, host: w.Host("producer"), clients: make(map[string]*sim.Client)}
	for _, name := range []string{"a", "b", "c"} {
		b := cluster.StartBroker(t, w, w.Host(name), nil)
		b.CreateTopic(topic, queuesEach)
		f.brokers = append(f.brokers, b)
		f.clients[name] = b.Dial(f.host)
		for range queuesEach {
			f.queues = append(f.queues, name)
		}
	}
	if steps != nil {
		e := f.host.Env()
		f.pid = e.Actors.Root.Spawn(selector.Props(selector.Options{Env: e, View: &f.view, Steps: steps}))
	}
	return f
}

// slow has all that is sent to and from broker b take half of d longer.
func (f *fleet) slow(d time.Duration) {
	f.w.SetLink(f.brokers[1].Host, f.host, sim.Link{MinDelay: d/2 + 50*time.Microsecond, MaxDelay: d/2 + 500*time.Microsecond})
}

// run sends for d and returns the sends.
func (f *fleet) run(d time.Duration) []*trip {
	from := len(f.all)
	for end := f.w.Elapsed() + d; f.w.Elapsed() < end; f.w.Advance(sendEvery) {
		f.collect()
		at := f.view.Load().Pick(&f.turn, len(f.queues), func(i int) string { return f.queues[i] }, "", f.host.Now())
		s := &trip{broker: f.queues[at]}
		s.call = f.clients[s.broker].Send(script.Send(topic, int32(at%queuesEach), []byte("x")))
		f.open, f.all = append(f.open, s), append(f.all, s)
	}
	f.collect()
	require.NoError(f.t, f.w.Err())
	return f.all[from:]
}

// collect reports the sends that were answered.
func (f *fleet) collect() {
	f.open = slices.DeleteFunc(f.open, func(s *trip) bool {
		if s.call.Response == nil {
			return false
		}
		require.NoError(f.t, script.Succeeded(s.call.Response))
		s.took = s.call.Answered - s.call.Sent
		if f.pid != nil {
			f.host.Env().Send(f.pid, selector.Report{Broker: s.broker, Latency: s.took})
		}
		return true
	})
}

// p99 is that of sends that have ended.
func p99(trips []*trip) time.Duration {
	var all []time.Duration
	for _, s := range trips {
		all = append(all, s.took)
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// share is the part of the sends that went to a broker.
func share(trips []*trip, broker string) float64 {
	n := 0
	for _, s := range trips {
		if s.broker == broker {
			n++
		}
	}
	return float64(n) / float64(len(trips))
}

// One of three brokers becomes slow. Without the strategy a third of the sends are
// slow with it; with it nearly none are once the first step of the table is over,
// and the broker has its part of the sends back soon after it has recovered.
func TestASlowBrokerIsLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		steps []selector.Step
		delay time.Duration
	}{
		"500ms":             {[]selector.Step{{Latency: 100 * time.Millisecond, Isolation: firstStep}}, 500 * time.Millisecond},
		"default, by 600ms": {selector.DefaultSteps(), 600 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, 5, sim.Options{}, func(t *testing.T, w *sim.World) {
				f := newFleet(t, w, tt.steps)
				healthy := p99(f.run(healthyTime))
				f.slow(tt.delay)
				f.run(firstStep)
				f.run(8 * time.Second)
				f.slow(0)
				f.run(firstStep + tt.delay)
				w.Advance(time.Second)
				f.collect()
				require.Empty(t, f.open)

				atStep := int((healthyTime + firstStep) / sendEvery)
				during := f.all[atStep : atStep+int(8*time.Second/sendEvery)]
				require.Less(t, p99(during), 2*healthy, "p99 of sends after the first step")
				require.Less(t, share(during, "b"), 0.01)
				require.Positive(t, share(during, "b"), "it is tried")
				require.InDelta(t, 1.0/3, share(f.run(3*time.Second), "b"), 0.02, "it has recovered")
				if *plot != "" && name == "500ms" && w.Seed() == 1 {
					f.run(2 * time.Second)
					require.NoError(t, os.WriteFile(*plot, []byte(f.draw()), 0o644))
				}
			})
		})
	}
	t.Run("without", func(t *testing.T) {
		w := sim.New(1, sim.Options{})
		f := newFleet(t, w, nil)
		f.slow(500 * time.Millisecond)
		sends := f.run(healthyTime)
		w.Advance(time.Second)
		f.collect()
		require.InDelta(t, 1.0/3, share(sends, "b"), 0.01)
		require.Greater(t, p99(sends), 500*time.Millisecond)
	})
}

// draw makes a dot of each send: its time from left to right, and how long it
// took from the bottom up.
func (f *fleet) draw() string {
	const width, height, margin = 800.0, 300.0, 40.0
	begin := f.all[0].call.Sent
	span := (f.all[len(f.all)-1].call.Sent - begin).Seconds()
	const most = 0.6 // seconds
	x := func(at time.Duration) float64 { return margin + (at-begin).Seconds()/span*(width-2*margin) }
	y := func(took time.Duration) float64 { return height - margin - took.Seconds()/most*(height-2*margin) }
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&svg, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, height)
	slowFrom, slowTo := begin+healthyTime, begin+healthyTime+firstStep+8*time.Second
	fmt.Fprintf(&svg, `<rect x="%.1f" y="%g" width="%.1f" height="%g" fill="#f4e9d8"/>`+"\n",
		x(slowFrom), margin, x(slowTo)-x(slowFrom), height-2*margin)
	fmt.Fprintf(&svg, `<text x="%.1f" y="%g">broker b is slow by 500 ms</text>`+"\n", x(slowFrom)+6, margin-6)
	for s := 0; s <= int(span); s += 2 {
		fmt.Fprintf(&svg, `<text x="%.1f" y="%g" text-anchor="middle">%d s</text>`+"\n", x(begin+time.Duration(s)*time.Second), height-margin+18, s)
	}
	fmt.Fprintf(&svg, `<text x="%g" y="%g" text-anchor="end">a blue, b red, c green; a dot is a send</text>`+"\n", width-margin, margin-6)
	for _, ms := range []int{0, 250, 500} {
		took := time.Duration(ms) * time.Millisecond
		fmt.Fprintf(&svg, `<text x="%g" y="%.1f" text-anchor="end">%d ms</text>`+"\n", margin-4, y(took)+4, ms)
	}
	for _, c := range []struct{ broker, colour string }{{"a", "#4878a8"}, {"c", "#5a9a5a"}, {"b", "#c0392b"}} {
		fmt.Fprintf(&svg, `<path stroke="%s" stroke-width="3" stroke-linecap="round" d="`, c.colour)
		for _, s := range f.all {
			if s.broker == c.broker && s.call.Response != nil {
				fmt.Fprintf(&svg, "M%.0f %.1fh0", x(s.call.Sent), y(s.took))
			}
		}
		svg.WriteString(`"/>` + "\n")
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}
