package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/sim"
)

// While the broker runs, every message is one member's at a time, comes again until it
// is acknowledged, and never after that.
func TestPoppedMessagesAreOneMembersAtATime(t *testing.T) {
	came, again, acked := 0, 0, 0
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), nil)
		b.CreateTopic(topic, queues)
		p := cluster.NewPopper(b, topic, queues, 3)
		p.Load(30 * time.Second)
		p.Settle(2 * time.Minute)
		p.Check()
		require.Less(t, p.Latest, int64(5000), "what was not acknowledged comes again soon")
		came, again, acked = came+p.Came, again+p.Again, acked+p.Acked
	})
	require.Positive(t, again)
	t.Logf("%d messages came, %d deliveries more; %d were acknowledged", came, again, acked)
}

// Whatever happens to the broker, a few times or often: what was sent comes until it is
// acknowledged.
func TestPoppedMessagesSurviveTheBroker(t *testing.T) {
	for _, test := range []struct {
		name    string
		times   int
		between time.Duration
	}{{"now and then", 5, 10 * time.Second}, {"often", 15, 3 * time.Second}} {
		t.Run(test.name, func(t *testing.T) {
			came, again, acked := 0, 0, 0
			sim.Seeds(t, 20, sim.Options{Link: sim.Link{MaxDelay: 300 * time.Microsecond, ResetRate: 3000}}, func(t *testing.T, w *sim.World) {
				p := survive(t, w, test.times, test.between)
				came, again, acked = came+p.Came, again+p.Again, acked+p.Acked
			})
			require.Positive(t, again)
			t.Logf("%d messages came, %d deliveries more; %d were acknowledged", came, again, acked)
		})
	}
}

// survive has members pop from a broker that ends so many times, one way or another.
func survive(t *testing.T, w *sim.World, times int, between time.Duration) *cluster.Popper {
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		syncFlush(c)
		c.FlushConsumerOffsetInterval = 100 // long before the disk is done with the log
	})
	b.CreateTopic(topic, queues)
	p := cluster.NewPopper(b, topic, queues, 3)
	random := w.Host("chance").Env().Rand
	if random.IntN(2) == 0 {
		b.Host.SetDisk(sim.Disk{Sync: sim.Latency{Max: time.Second}})
	}
	for range times {
		p.Load(time.Duration(random.IntN(int(between.Milliseconds()))) * time.Millisecond)
		p.Crashed()
		if kind := random.IntN(3); kind < 2 {
			b.Crash(sim.Crash(kind))
		} else {
			require.NoError(t, b.Stop())
		}
		if random.IntN(3) == 0 {
			w.Advance(time.Duration(random.IntN(60)) * time.Second)
		}
		b.Start()
	}
	b.Host.SetDisk(sim.Disk{})
	p.Settle(2 * time.Minute)
	p.Check()
	return p
}

// Messages that are popped in order come in order, whatever happens to the broker: a
// message only when those before it are acknowledged, and again when it was not.
func TestMessagesArePoppedInOrder(t *testing.T) {
	came, again := 0, 0
	sim.Seeds(t, 20, sim.Options{Link: sim.Link{MaxDelay: 300 * time.Microsecond, ResetRate: 3000}}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), syncFlush)
		b.CreateTopic(topic, queues)
		o := cluster.NewOrderly(b, topic, queues, 3)
		random := w.Host("chance").Env().Rand
		for range 4 {
			o.Load(time.Duration(random.IntN(10_000)) * time.Millisecond)
			o.Crashed()
			if kind := random.IntN(3); kind < 2 {
				b.Crash(sim.Crash(kind))
			} else {
				require.NoError(t, b.Stop())
			}
			b.Start()
		}
		o.Settle(time.Minute)
		o.Check()
		came, again = came+o.Came, again+o.Again
	})
	require.Positive(t, again)
	t.Logf("%d messages came, %d deliveries more", came, again)
}
