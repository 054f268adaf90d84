package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// pairOf starts a name server and a broker that registers with it.
func pairOf(t *testing.T, w *sim.World) (*cluster.NameServer, *cluster.Broker) {
	ns := cluster.StartNameServer(t, w, w.Host("names"))
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		c.NamesrvAddr = ns.Addr()
		c.FlushDiskType = config.SyncFlush
	})
	b.CreateTopic(topic, queues)
	return ns, b
}

// A client that knows nothing but the name server's address sends and consumes.
func TestAClientFindsItsWay(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		ns, b := pairOf(t, w)
		w.Advance(time.Second)
		client := w.Host("client")
		route := ns.Route(client, topic)
		require.NotNil(t, route)
		require.Len(t, route.BrokerDatas, 1)
		require.Equal(t, "broker", route.BrokerDatas[0].BrokerName)
		require.EqualValues(t, queues, route.QueueDatas[0].WriteQueueNums)
		c, err := client.Dial(route.BrokerDatas[0].BrokerAddrs[0])
		require.NoError(t, err)
		pull := c.Send(script.Pull(topic, 1, 0, 10_000))
		response, err := c.Call(script.Send(topic, 1, []byte("found")))
		require.NoError(t, err)
		_, _, err = script.Sent(response)
		require.NoError(t, err)
		response, err = pull.Wait(time.Second)
		require.NoError(t, err)
		pulled, err := script.Pulled(response)
		require.NoError(t, err)
		require.Equal(t, "found", string(pulled.Records[0].Body))
		require.NoError(t, b.Stop())
		w.Advance(time.Second)
		require.Nil(t, ns.Route(client, topic), "a broker that stops says good-bye")
	})
}

func TestRoutesFollowTheFateOfTheirBroker(t *testing.T) {
	tests := map[string]struct {
		harm         func(w *sim.World, b *cluster.Broker)
		gone, within time.Duration // when its routes are gone
	}{
		"killed: the connection breaks": {
			func(_ *sim.World, b *cluster.Broker) { b.Crash(sim.ProcessKill) }, 0, time.Second},
		"without power: it is silent": {
			func(_ *sim.World, b *cluster.Broker) { b.Crash(sim.PowerLoss) }, 85 * time.Second, 135 * time.Second},
		"cut off: its heartbeats do not arrive": {
			func(w *sim.World, b *cluster.Broker) { w.PartitionOneWay(b.Host, w.Host("names")) }, 85 * time.Second, 135 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim.Seeds(t, 10, sim.Options{}, func(t *testing.T, w *sim.World) {
				ns, b := pairOf(t, w)
				client := w.Host("client")
				w.Advance(time.Minute)
				require.NotNil(t, ns.Route(client, topic))

				test.harm(w, b)
				w.Advance(test.gone)
				if test.gone > 0 {
					require.NotNil(t, ns.Route(client, topic))
				}
				w.Advance(test.within - test.gone)
				require.Nil(t, ns.Route(client, topic))

				w.Heal()
				if !b.Host.Running() {
					b.Start()
				}
				w.Advance(35 * time.Second)
				require.NotNil(t, ns.Route(client, topic), "it comes back by itself")
			})
		})
	}
}

func TestBrokersTeachANameServerThatForgot(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		ns, b := pairOf(t, w)
		w.Advance(time.Second)
		ns.Crash(sim.Crash(w.Seed() % 2))
		w.Advance(10 * time.Second)
		c := b.Dial(w.Host("client"))
		response, err := c.Call(script.Send(topic, 0, []byte("meanwhile")))
		require.NoError(t, err)
		require.NoError(t, script.Succeeded(response), "the broker serves without it")
		ns.Start()
		w.Advance(35 * time.Second)
		require.NotNil(t, ns.Route(w.Host("client"), topic))
	})
}
