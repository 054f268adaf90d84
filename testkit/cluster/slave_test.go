package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// pair starts a name server, a master with a topic, and a slave that has found it.
func pair(t *testing.T, w *sim.World, configure ...func(*config.Broker)) (master, slave *cluster.Broker) {
	names := cluster.StartNameServer(t, w, w.Host("names"))
	join := func(c *config.Broker) {
		c.BrokerName, c.NamesrvAddr, c.SlaveReadEnable = "pair", names.Addr(), true
		for _, f := range configure {
			f(c)
		}
	}
	master = cluster.StartBroker(t, w, w.Host("master"), join)
	master.CreateTopic(topic, queues)
	slave = cluster.StartBroker(t, w, w.Host("slave"), func(c *config.Broker) {
		join(c)
		c.BrokerRole, c.BrokerID = config.Slave, 1
	})
	return master, slave
}

// catchUp lets a slave get everything.
func catchUp(t *testing.T, w *sim.World, master, slave *cluster.Broker) {
	t.Helper()
	w.Advance(15 * time.Second)
	require.Equal(t, trimmed(master.ReadLog()), trimmed(slave.ReadLog()))
}

func succeed(t *testing.T, c *sim.Client, command *messages.Command) *messages.Command {
	t.Helper()
	response, err := c.Call(command)
	require.NoError(t, err)
	require.NoError(t, script.Succeeded(response))
	return response
}

// What a master has, its slave has, byte for byte, and shows it to consumers.
func TestASlaveHasWhatItsMasterHas(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	producer := master.Dial(w.Host("producer"))
	for i := range 300 { // several segments
		succeed(t, producer, script.Send(topic, int32(i%queues), body(1000)))
	}
	catchUp(t, w, master, slave)
	consumer := slave.Dial(w.Host("consumer"))
	for id := range int32(queues) {
		response, err := consumer.Call(script.MaxOffset(topic, id))
		require.NoError(t, err)
		require.Equal(t, "100", response.Ext.Text("offset"))
	}
	require.NoError(t, slave.Stop())
	require.NoError(t, master.Stop())
	require.Equal(t, trimmed(master.ReadLog()), trimmed(slave.ReadLog()))
}
