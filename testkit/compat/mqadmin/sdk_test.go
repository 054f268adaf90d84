package mqadmin

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

// sdkConsumer starts a consumer of actormq's SDK, waits until it got n messages,
// and returns its client's id and the number that it has got.
func sdkConsumer(t *testing.T, c kit.Cluster, group, topic string, n int64) (id string, got *atomic.Int64) {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{c.NameServer}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: group, Subscriptions: []actormq.Subscription{{Topic: topic}}, From: actormq.FromFirst, Ordered: true,
	})
	require.NoError(t, err)
	got = new(atomic.Int64)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(context.Context, *actormq.Received) error {
			got.Add(1)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	kit.Eventually(t, "consumption", func() bool { return got.Load() >= n })
	return client.ID(), got
}

func TestConsumerStatusOfSDK(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("group")
	send(t, c, topic, 1, 3)
	id, _ := sdkConsumer(t, c, group, topic, 3)
	out := mqadmin(t, c, "consumerStatus", "-g", group, "-i", id, "-s", "true")
	for _, want := range []string{"PROP_CONSUMEORDERLY", topic, c.BrokerName, "%RETRY%" + group, "goroutine"} {
		require.Contains(t, out, want)
	}
}

func TestResetOffsetOfSDK(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	const n = 5
	send(t, c, topic, 0, n)
	_, got := sdkConsumer(t, c, group, topic, n)
	require.EqualValues(t, n, got.Load())
	out := mqadmin(t, c, "resetOffsetByTime", "-g", group, "-t", topic, "-s", strconv.Itoa(1))
	require.Contains(t, out, topic)
	kit.Eventually(t, "consumption from the beginning", func() bool { return got.Load() >= 2*n })
}
