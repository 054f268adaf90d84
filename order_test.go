package actormq

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// The hashes are those of Java's String.hashCode.
func TestKeysChooseTheQueuesThatJavaChooses(t *testing.T) {
	for key, hash := range map[string]int32{
		"": 0, "a": 97, "hello": 99162322, "order-1": -1207111310, "订单": 1129459, "😀": 1772899,
		"the quick brown fox jumps over": javaHashOf("the quick brown fox jumps over"),
	} {
		require.Equal(t, hash, javaHash(key), "%q", key)
	}
	queues := make([]Queue, 7)
	for key, at := range map[string]int{"": 0, "a": 97 % 7, "order-1": 1207111310 % 7} {
		require.Equal(t, at, byKey(key)(queues), "%q", key)
	}
}

// javaHashOf is the definition, s[0]*31^(n-1) + … + s[n-1], for ASCII.
func javaHashOf(s string) int32 {
	var sum, power int32 = 0, 1
	for i := len(s) - 1; i >= 0; i-- {
		sum += int32(s[i]) * power
		power *= 31
	}
	return sum
}

func TestAKeyHasOneQueue(t *testing.T) {
	a, b := serve(t, acceptAll), serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 3}, {"broker-b", b, 4}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	const keys, each = 20, 3
	for i := range keys * each {
		_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x"), OrderKey: fmt.Sprint("key", i%keys)})
		require.NoError(t, err)
	}
	queueOf := make(map[string]string)
	used := make(map[string]bool)
	for _, s := range []*server{a, b} {
		for _, r := range s.got(messages.CodeSendMessageV2) {
			properties, _ := r.Ext.Get("i")
			key := string(messages.FindProperty(properties, messages.PropertyShardingKey))
			queue := r.Ext.Text("n") + "/" + r.Ext.Text("e")
			require.Contains(t, []string{"", queue}, queueOf[key], "key %s", key)
			queueOf[key], used[queue] = queue, true
		}
	}
	require.Len(t, queueOf, keys)
	require.Greater(t, len(used), 4, "keys are spread: %v", used)
}

func TestAKeyIsNotTriedElsewhere(t *testing.T) {
	refuse := serve(t, func(*messages.Command) *messages.Command { return answer(messages.SystemBusy) })
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", refuse, 1}, {"broker-b", refuse, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x"), OrderKey: "k"})
	require.ErrorIs(t, err, ErrBusy)
	require.Len(t, refuse.got(messages.CodeSendMessageV2), 1)
}

func TestASelectorChooses(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 3}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	var offered []Queue
	_, err := p.SendSelect(within(t), &Message{Topic: "t", Body: []byte("x")}, func(queues []Queue) int {
		offered = queues
		return 2
	})
	require.NoError(t, err)
	require.Equal(t, []Queue{{"t", "broker-a", 0}, {"t", "broker-a", 1}, {"t", "broker-a", 2}}, offered)
	require.Equal(t, "2", broker.got(messages.CodeSendMessageV2)[0].Ext.Text("e"))
	for _, at := range []int{-1, 3} {
		_, err = p.SendSelect(within(t), &Message{Topic: "t", Body: []byte("x")}, func([]Queue) int { return at })
		require.ErrorIs(t, err, ErrNoQueue)
	}
	_, err = p.SendSelect(within(t), &Message{Topic: "t", Body: []byte("x")}, nil)
	require.Error(t, err)
}
