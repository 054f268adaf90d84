package mqadmin

import (
	"context"
	"slices"
	"testing"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

// TestQueryMsgTraceByIdOfSDK: Java's tools read the traces of actormq's SDK.
func TestQueryMsgTraceByIdOfSDK(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group, traces := c.Topic(t, 1), kit.Name("group"), c.Topic(t, 1)
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{c.NameServer}, Trace: &actormq.Trace{Topic: traces}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	producer, err := client.NewProducer(actormq.ProducerOptions{Group: "trace-writers"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one, err := producer.Send(ctx, &actormq.Message{Topic: topic, Body: []byte("one"), Tags: "red", Keys: []string{"k1", "k2"}})
	require.NoError(t, err)
	_, err = producer.SendBatch(ctx, []*actormq.Message{{Topic: topic, Body: []byte("two")}, {Topic: topic, Body: []byte("three")}})
	require.NoError(t, err)

	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: group, Subscriptions: []actormq.Subscription{{Topic: topic}}, From: actormq.FromFirst,
	})
	require.NoError(t, err)
	handled := make(chan string, 3)
	go func() {
		_ = consumer.Run(ctx, func(_ context.Context, m *actormq.Received) error { // Close ends it
			handled <- m.ID
			return nil
		})
	}()
	ids := []string{<-handled, <-handled, <-handled}
	require.Contains(t, ids, one.ID)
	cancel()
	require.NoError(t, client.Close(), "sends what waits")

	for _, id := range ids {
		kit.Eventually(t, "traces of "+id, func() bool {
			out, _ := try(t, c, "queryMsgTraceById", "-i", id, "-t", traces)
			return hasRow(out, "success", "Pub", "trace-writers") && hasRow(out, "success", "Sub", group)
		})
	}
}

// hasRow reports whether a line of a table begins with some words and ends with one.
func hasRow(out, end string, begin ...string) bool {
	for _, row := range table(out) {
		if len(row) > len(begin) && slices.Equal(row[:len(begin)], begin) && row[len(row)-1] == end {
			return true
		}
	}
	return false
}
