package mixed

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/kit"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestRebalanceGoAndGo(t *testing.T)     { t.Parallel(); rebalance(t, "go", "go") }
func TestRebalanceJavaAndJava(t *testing.T) { t.Parallel(); rebalance(t, "java", "java") }
func TestRebalanceJavaAndGo(t *testing.T)   { t.Parallel(); rebalance(t, "java", "go") }

const queues = 8

// rounds sends rounds of messages, one to each queue, and finds out who got them.
type rounds struct {
	t         *testing.T
	cluster   kit.Cluster
	topic     string
	producer  rocketmq.Producer
	consumers []*worker
	sent      int
}

// send starts a round and returns its number.
func (r *rounds) send() int {
	for queue := range queues {
		m := primitive.NewMessage(r.topic, fmt.Appendf(nil, "%d/%d", r.sent, queue))
		m.Queue = &primitive.MessageQueue{Topic: r.topic, BrokerName: r.cluster.BrokerName, QueueId: queue}
		_, err := r.producer.SendSync(context.Background(), m)
		require.NoError(r.t, err)
	}
	r.sent++
	return r.sent - 1
}

// takers lists for each queue the consumers that got the round's message, as
// often as they got it.
func (r *rounds) takers(round int) [queues][]int {
	var takers [queues][]int
	for number, w := range r.consumers {
		for _, body := range w.bodies() {
			var got, queue int
			_, err := fmt.Sscanf(body, "%d/%d", &got, &queue)
			require.NoError(r.t, err)
			if got == round {
				takers[queue] = append(takers[queue], number)
			}
		}
	}
	return takers
}

// settles sends rounds until one is distributed as share says: share[i] queues
// for consumer i, each queue's message delivered once.
func (r *rounds) settles(share ...int) [queues]int {
	var owners [queues]int
	kit.Eventually(r.t, fmt.Sprintf("distribution of the queues as %v", share), func() bool {
		round := r.send()
		deadline := time.Now().Add(2 * time.Second)
		for !r.complete(round) {
			if time.Now().After(deadline) {
				return false
			}
			time.Sleep(20 * time.Millisecond)
		}
		got := make([]int, len(share))
		for queue, takers := range r.takers(round) {
			if len(takers) != 1 {
				return false
			}
			owners[queue] = takers[0]
			got[takers[0]]++
		}
		return slices.Equal(got, share)
	})
	return owners
}

func (r *rounds) complete(round int) bool {
	for _, takers := range r.takers(round) {
		if len(takers) == 0 {
			return false
		}
	}
	return true
}

// hold sends further rounds and requires each queue's message to go to its
// owner, once.
func (r *rounds) hold(owners [queues]int) {
	r.t.Helper()
	first := r.sent
	for range 3 {
		round := r.send()
		kit.Eventually(r.t, "arrival of a round", func() bool { return r.complete(round) })
	}
	for round := first; round < r.sent; round++ {
		for queue, takers := range r.takers(round) {
			require.Equal(r.t, []int{owners[queue]}, takers, "round %d, queue %d", round, queue)
		}
	}
}

// rebalance lets a second consumer join a first one, which is then killed.
func rebalance(t *testing.T, first, second string) {
	c := kit.Main(t)
	topic, group := c.Topic(t, queues), kit.Name("group")
	r := &rounds{t: t, cluster: c, topic: topic, producer: c.Producer(t)}
	join := func(language string) *worker {
		w := startWorker(t, language, "consume", c.NameServer, group, topic)
		r.consumers = append(r.consumers, w)
		return w
	}
	a := join(first)
	r.hold(r.settles(queues))
	join(second)
	r.hold(r.settles(queues/2, queues/2))
	a.kill()
	r.hold(r.settles(0, queues))
	for round := range r.sent {
		kit.Eventually(t, fmt.Sprint("arrival of all of round ", round), func() bool { return r.complete(round) })
	}
}
