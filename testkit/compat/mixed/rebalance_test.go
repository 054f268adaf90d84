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
func TestRebalanceJavaAndSDK(t *testing.T)  { t.Parallel(); rebalance(t, "java", "sdk") }
func TestRebalanceSDKAndJava(t *testing.T)  { t.Parallel(); rebalance(t, "sdk", "java") }
func TestRebalanceSDKAndGo(t *testing.T)    { t.Parallel(); rebalance(t, "sdk", "go") }
func TestRebalanceSDKAndSDK(t *testing.T)   { t.Parallel(); rebalance(t, "sdk", "sdk") }

func TestOrderlyJavaAndSDK(t *testing.T) { t.Parallel(); orderly(t, "java", "sdk") }
func TestOrderlySDKAndJava(t *testing.T) { t.Parallel(); orderly(t, "sdk", "java") }
func TestOrderlySDKAndSDK(t *testing.T)  { t.Parallel(); orderly(t, "sdk", "sdk") }

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

// settles sends rounds until three in a row are distributed as share says: each
// queue's messages go to one consumer, once, and consumer i has share[i] queues.
// It returns the number of the first of the three.
//
// Only after a while can one say that nobody else got a message, because a
// consumer that has not heard of the new distribution yet may be slow to show
// what it took. Rounds from before a change may come twice later: the next owner
// of a queue starts at what its last owner has committed.
func (r *rounds) settles(share ...int) int {
	first := 0
	kit.Eventually(r.t, fmt.Sprintf("distribution of the queues as %v", share), func() bool {
		first = r.sent
		for range 3 {
			if !r.arrives(r.send()) {
				return false
			}
		}
		time.Sleep(500 * time.Millisecond)
		return r.distributed(first, share)
	})
	return first
}

// arrives waits for a round to be complete, but not for long: while queues change
// hands, a message may stay where nobody looks for it until the next rebalance.
func (r *rounds) arrives(round int) bool {
	for deadline := time.Now().Add(2 * time.Second); !r.complete(round); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// distributed reports whether the three rounds from first on went to the same
// consumers, each message to one, and each consumer got its share.
func (r *rounds) distributed(first int, share []int) bool {
	owners := r.takers(first)
	got := make([]int, len(share))
	for _, takers := range owners {
		if len(takers) != 1 {
			return false
		}
		got[takers[0]]++
	}
	for round := first + 1; round < first+3; round++ {
		for queue, takers := range r.takers(round) {
			if !slices.Equal(takers, owners[queue]) {
				return false
			}
		}
	}
	return slices.Equal(got, share)
}

func (r *rounds) complete(round int) bool {
	for _, takers := range r.takers(round) {
		if len(takers) == 0 {
			return false
		}
	}
	return true
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
	r.settles(queues)
	join(second)
	r.settles(queues/2, queues/2)
	a.kill()
	left := r.settles(0, queues)
	for round := range r.sent {
		kit.Eventually(t, fmt.Sprint("arrival of all of round ", round), func() bool { return r.complete(round) })
	}
	require.True(t, r.distributed(left, []int{0, queues}), "nothing came twice, not even late")
}

// orderly lets a second ordered consumer join a first one, which then leaves in
// good order. Locks have every message come once, and those of a queue in order.
//
// With one exception: Java's client marks a queue as dropped before it waits for the
// listener that has a message of it, and what a listener returns for a dropped queue
// is not committed (ConsumeMessageOrderlyService.processConsumeResult). The next
// owner gets that message again, after the first is done with it.
func orderly(t *testing.T, first, second string) {
	c := kit.Main(t)
	topic, group := c.Topic(t, queues), kit.Name("group")
	r := &rounds{t: t, cluster: c, topic: topic, producer: c.Producer(t)}
	join := func(language string) *worker {
		w := startWorker(t, language, "orderly", c.NameServer, group, topic)
		r.consumers = append(r.consumers, w)
		return w
	}
	a := join(first)
	r.settles(queues)
	join(second)
	r.settles(queues/2, queues/2)
	a.leave()
	r.settles(0, queues)
	var again [queues]int
	for round := range r.sent {
		kit.Eventually(t, fmt.Sprint("arrival of all of round ", round), func() bool { return r.complete(round) })
		for queue, takers := range r.takers(round) {
			if first == "java" && again[queue] == 0 && slices.Equal(takers, []int{0, 1}) {
				again[queue]++ // each queue is handed over once
				continue
			}
			require.Len(t, takers, 1, "round %d of queue %d", round, queue)
		}
	}
	for _, w := range r.consumers {
		var last [queues]int
		for _, body := range w.bodies() {
			var round, queue int
			_, err := fmt.Sscanf(body, "%d/%d", &round, &queue)
			require.NoError(t, err)
			require.GreaterOrEqual(t, round, last[queue], "queue %d at %s", queue, w.name)
			last[queue] = round
		}
	}
}
