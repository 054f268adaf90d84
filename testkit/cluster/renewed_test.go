package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// renew deletes the topic, makes it again and sends one message, whose queue begins anew.
func renew(t *testing.T, w *sim.World, b *cluster.Broker, pause time.Duration) {
	c := b.Dial(w.Host("operator"))
	remove := &messages.Command{Code: int32(messages.CodeDeleteTopicInBroker)}
	remove.Ext.Set("topic", topic)
	succeed(t, c, remove)
	w.Advance(pause)
	b.CreateTopic(topic, queues)
	_, offset, err := script.Sent(succeed(t, c, script.Send(topic, 0, []byte("new"))))
	require.NoError(t, err)
	require.Zero(t, offset)
}

// shows checks that a queue has the one message of the new topic.
func shows(t *testing.T, w *sim.World, b *cluster.Broker) {
	t.Helper()
	response, err := b.Dial(w.Host("reader")).Call(script.Pull(topic, 0, 0, 0))
	require.NoError(t, err)
	pulled, err := script.Pulled(response)
	require.NoError(t, err)
	require.Len(t, pulled.Records, 1)
	require.Equal(t, "new", string(pulled.Records[0].Body))
	require.EqualValues(t, 1, pulled.Next)
}

// A slave gets the records of a topic that came back, be it before or after it has
// learned from its master's table that the old one was deleted.
func TestASlaveOfATopicThatComesBack(t *testing.T) {
	for name, pause := range map[string]time.Duration{"soon": 0, "late": 15 * time.Second} {
		t.Run(name, func(t *testing.T) {
			w := sim.New(1, sim.Options{})
			master, slave := pair(t, w)
			producer := master.Dial(w.Host("producer"))
			for range 20 {
				succeed(t, producer, script.Send(topic, 0, body(1000)))
			}
			catchUp(t, w, master, slave)
			renew(t, w, master, pause)
			catchUp(t, w, master, slave)
			shows(t, w, master)
			shows(t, w, slave)
			require.NoError(t, slave.Stop())
			slave.Start()
			shows(t, w, slave)
		})
	}
}

// Whenever the process ends or the power fails, a topic that came back has its own
// messages afterwards, and none of the old one's.
func TestATopicThatComesBackSurvivesACrash(t *testing.T) {
	for _, kind := range []sim.Crash{sim.ProcessKill, sim.PowerLoss} {
		for _, pause := range []time.Duration{0, 700 * time.Millisecond, 3 * time.Second, 12 * time.Second} {
			w := sim.New(uint64(pause)+1, sim.Options{})
			b := cluster.StartBroker(t, w, w.Host("broker"), nil)
			b.CreateTopic(topic, queues)
			producer := b.Dial(w.Host("producer"))
			for range 20 {
				succeed(t, producer, script.Send(topic, 0, body(1000)))
			}
			w.Advance(pause)
			renew(t, w, b, pause)
			w.Advance(2 * time.Second) // the message is on disk
			b.Crash(kind)
			b.Start()
			shows(t, w, b)
		}
	}
}
