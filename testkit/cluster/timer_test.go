package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// alarm is a message with a time.
type alarm struct {
	at       int64 // Unix milliseconds
	stored   bool  // acknowledged
	handle   string
	recall   *sim.Call
	asked    bool // somebody tried to recall it
	recalled bool // and that was acknowledged well before its time
}

// alarms is a producer of messages with times, and the broker that keeps them.
type alarms struct {
	t      *testing.T
	world  *sim.World
	broker *cluster.Broker
	random *rand.Rand
	client *sim.Client
	open   map[string]*sim.Call
	all    map[string]*alarm
	ids    []string
}

// ahead is how far away the times are at most: further than the wheel's window, so
// that some messages are stored again on their way.
const ahead = 400 * time.Second

func newAlarms(t *testing.T, w *sim.World) *alarms {
	a := &alarms{t: t, world: w, random: rand.New(rand.NewPCG(w.Seed(), 0x616c61726d)), all: make(map[string]*alarm)}
	a.broker = cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		syncFlush(c)
		c.TimerRollWindowSlot = 60
		c.RecallMessageEnable = true
	})
	a.broker.CreateTopic(topic, queues)
	a.connect()
	return a
}

func (a *alarms) connect() {
	a.client, a.open = a.broker.Dial(a.world.Host("producer")), make(map[string]*sim.Call)
	for _, m := range a.all {
		m.recall = nil
	}
}

func (a *alarms) now() int64 { return a.broker.Host.Now().UnixMilli() }

// act sends some messages, and recalls one or two.
func (a *alarms) act() {
	if closed, _ := a.client.IsClosed(); closed {
		a.connect()
	}
	for range a.random.IntN(8) {
		id := fmt.Sprintf("alarm-%d", len(a.all)+1)
		span := a.random.Int64N(ahead.Milliseconds())
		if a.random.IntN(2) == 0 {
			span = a.random.Int64N(10_000)
		}
		m := &alarm{at: a.now() + span}
		a.all[id], a.ids = m, append(a.ids, id)
		send := script.Send(topic, int32(a.random.IntN(queues)), []byte(id))
		properties := messages.AppendProperty(nil, messages.PropertyUniqKey, id)
		properties = messages.AppendProperty(properties, messages.PropertyTimerDeliverMs, strconv.FormatInt(m.at, 10))
		send.Ext.Set("properties", string(properties))
		a.open[id] = a.client.Send(send)
	}
	for _, id := range a.ids {
		m := a.all[id]
		if m.handle != "" && !m.asked && m.at > a.now()+3000 && a.random.IntN(10) == 0 {
			recall := &messages.Command{Code: int32(messages.CodeRecallMessage)}
			recall.Ext.Set("producerGroup", "alarms")
			recall.Ext.Set("topic", topic)
			recall.Ext.Set("recallHandle", m.handle)
			m.recall, m.asked = a.client.Send(recall), true
			break
		}
	}
}

// collect takes the broker's answers.
func (a *alarms) collect() {
	for id, call := range a.open {
		if call.Response == nil {
			continue
		}
		delete(a.open, id)
		if script.Succeeded(call.Response) == nil {
			a.all[id].stored, a.all[id].handle = true, call.Response.Ext.Text("recallHandle")
		}
	}
	for _, m := range a.all {
		if m.recall != nil && m.recall.Response != nil {
			if script.Succeeded(m.recall.Response) == nil && m.at > a.now()+1500 {
				m.recalled = true
			}
			m.recall = nil
		}
	}
}

func (a *alarms) pass(span time.Duration) {
	for end := a.world.Elapsed() + span; a.world.Elapsed() < end; {
		a.world.Advance(20 * time.Millisecond)
		a.collect()
	}
}

// check reads the topic: nothing came early, nothing that was acknowledged is missing
// unless it was recalled, and nothing that was recalled came.
func (a *alarms) check() (came, again, recalled int) {
	seen := make(map[string]int)
	reader := a.broker.Dial(a.world.Host("reader"))
	defer reader.Close()
	for q := range int32(queues) {
		for at := int64(0); ; {
			response, err := reader.Call(script.Pull(topic, q, at, 0))
			require.NoError(a.t, err)
			found, err := script.Pulled(response)
			require.NoError(a.t, err)
			for _, r := range found.Records {
				id := string(r.Body)
				require.GreaterOrEqual(a.t, r.StoreTimestamp, a.all[id].at, "%s came early", id)
				seen[id]++
			}
			if at = found.Next; len(found.Records) == 0 {
				break
			}
		}
	}
	for id, m := range a.all {
		switch {
		case m.recalled:
			require.Zero(a.t, seen[id], "%s was recalled", id)
			recalled++
		case m.stored && !m.asked:
			require.Positive(a.t, seen[id], "%s did not come, at %d", id, m.at)
		}
		came += min(seen[id], 1)
		again += max(seen[id]-1, 0)
	}
	return came, again, recalled
}

// Whatever happens to the broker: what was acknowledged comes, not before its time,
// and not if it was recalled.
func TestMessagesComeAtTheirTimes(t *testing.T) {
	came, again, recalled := 0, 0, 0
	sim.Seeds(t, 30, sim.Options{}, func(t *testing.T, w *sim.World) {
		a := newAlarms(t, w)
		for range 8 {
			for range 6 {
				a.act()
				a.pass(time.Duration(a.random.IntN(2000)) * time.Millisecond)
			}
			switch a.random.IntN(4) {
			case 0:
				require.NoError(t, a.broker.Stop())
			case 1:
				a.broker.Crash(sim.Crash(a.random.IntN(2)))
			default:
				continue
			}
			if a.random.IntN(3) == 0 {
				w.Advance(time.Duration(a.random.Int64N(int64(ahead)))) // longer than the wheel's span, perhaps
			}
			a.broker.Start()
		}
		a.pass(ahead + 5*time.Second)
		c, g, r := a.check()
		came, again, recalled = came+c, again+g, recalled+r
	})
	require.Positive(t, came)
	require.Positive(t, recalled)
	t.Logf("%d came, %d of them again; %d were recalled", came, again, recalled)
}

// Without crashes each message comes once, within two steps of its time.
func TestMessagesComeOnceAndOnTime(t *testing.T) {
	sim.Seeds(t, 10, sim.Options{}, func(t *testing.T, w *sim.World) {
		a := newAlarms(t, w)
		for range 20 {
			a.act()
			a.pass(time.Duration(a.random.IntN(2000)) * time.Millisecond)
			if a.random.IntN(10) == 0 {
				require.NoError(t, a.broker.Stop())
				a.broker.Start()
			}
		}
		a.pass(ahead + 5*time.Second)
		_, again, _ := a.check()
		require.Zero(t, again)
	})
}
