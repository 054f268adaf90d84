package mixed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestBrokerRestartedBySIGTERM(t *testing.T) { t.Parallel(); brokerRestart(t, syscall.SIGTERM) }
func TestBrokerRestartedBySIGKILL(t *testing.T) { t.Parallel(); brokerRestart(t, syscall.SIGKILL) }

// brokerRestart requires messages, queue offsets and consumer offsets to be there
// after a restart, and clients that stay to go on by themselves.
func brokerRestart(t *testing.T, sig syscall.Signal) {
	began := time.Now()
	phase := func(name string) { t.Logf("%5.1f s: %s", time.Since(began).Seconds(), name) }
	launcher, kind, err := cluster.FromEnv()
	require.NoError(t, err)
	names, err := launcher.StartNameServer(kind)
	require.NoError(t, err)
	t.Cleanup(func() { _ = names.Stop(syscall.SIGKILL) })
	broker, err := launcher.StartBroker(kind, cluster.BrokerConfig{NameServer: names.Addr})
	require.NoError(t, err)
	t.Cleanup(func() { _ = broker.Stop(syscall.SIGKILL) })
	c := kit.Cluster{NameServer: names.Addr, Broker: broker.Addr, BrokerName: broker.Config.Name, Name: broker.Config.Cluster}
	topic, producer := c.Topic(t, 4), c.Producer(t)

	phase("the broker is up")
	groups := map[string]string{"go": kit.Name("group"), "java": kit.Name("group")}
	before := sendMany(t, c, producer, topic, 0, 40)
	for language, group := range groups {
		w := startWorker(t, language, "consume", c.NameServer, group, topic)
		requireAll(t, w, before)
		w.leave() // commits
	}
	var steady []*worker
	for _, language := range []string{"go", "java"} {
		w := startWorker(t, language, "consume", c.NameServer, kit.Name("steady"), topic)
		requireAll(t, w, before)
		steady = append(steady, w)
	}
	committed := map[string]string{"0": "10", "1": "10", "2": "10", "3": "10"}
	between := sendMany(t, c, producer, topic, 10, 40)
	for _, group := range groups {
		// Offsets are written every few seconds; only then does a kill keep them.
		kit.Eventually(t, "offsets of "+group+" on disk", func() bool {
			return sig == syscall.SIGTERM || maps.Equal(cluster.StoredOffsets(broker.Config.Store, topic, group), committed)
		})
	}

	phase("restart")
	broker, err = launcher.Restart(kind, broker, sig)
	require.NoError(t, err)
	phase("the broker is up again")

	for language, group := range groups {
		w := startWorker(t, language, "consume", c.NameServer, group, topic)
		requireAll(t, w, between)
	}
	phase("groups went on")
	// Queue offsets go on at 20.
	after := sendMany(t, c, c.Producer(t), topic, 20, 20)
	all := slices.Concat(before, between, after)
	for _, w := range steady {
		kit.Eventually(t, "arrival of all messages at "+w.name, func() bool { return len(distinct(w.bodies())) >= len(all) })
		require.ElementsMatch(t, all, distinct(w.bodies()), "nothing is lost; what was not committed may come twice")
	}
	phase("clients that stayed went on")
	fresh := startWorker(t, "go", "consume", c.NameServer, kit.Name("fresh"), topic)
	requireAll(t, fresh, all)
}

// sendMany sends to the four queues in turn, the first message of each getting
// queue offset base.
func sendMany(t *testing.T, c kit.Cluster, p rocketmq.Producer, topic string, base int64, n int) []string {
	t.Helper()
	var bodies []string
	for i := range n {
		m := primitive.NewMessage(topic, fmt.Appendf(nil, "%d of %d on %d", i, n, base))
		m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: i % 4}
		result, err := p.SendSync(context.Background(), m)
		require.NoError(t, err)
		require.Equal(t, base+int64(i/4), result.QueueOffset)
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// requireAll waits for the messages and requires that they came once, and
// nothing else.
func requireAll(t *testing.T, w *worker, want []string) {
	t.Helper()
	kit.Eventually(t, fmt.Sprintf("arrival of %d messages at %s", len(want), w.name), func() bool { return len(w.bodies()) >= len(want) })
	require.ElementsMatch(t, want, w.bodies())
}

func distinct(bodies []string) []string {
	set := map[string]bool{}
	for _, b := range bodies {
		set[b] = true
	}
	return slices.Collect(maps.Keys(set))
}
