package embedded

import (
	"context"
	"os"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit"
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("error")
	os.Exit(m.Run())
}

// limit is what the whole test may take: the broker, the clients and all they do.
const limit = time.Second

func TestTheGoClientInATest(t *testing.T) {
	began := time.Now()
	b := testkit.StartBroker(t)
	b.CreateTopic("orders", 4)
	names := primitive.NamesrvAddr{b.NameServer()}

	p, err := rocketmq.NewProducer(producer.WithNameServer(names), producer.WithGroupName("shop"))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	for _, text := range []string{"one", "two", "three"} {
		_, err := p.SendSync(t.Context(), primitive.NewMessage("orders", []byte(text)))
		require.NoError(t, err)
	}
	require.Len(t, b.AwaitMessages("orders", 3), 3)

	got := make(chan string, 3)
	c, err := rocketmq.NewPushConsumer(consumer.WithNameServer(names), consumer.WithGroupName("warehouse"),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	require.NoError(t, err)
	require.NoError(t, c.Subscribe("orders", consumer.MessageSelector{},
		func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			for _, m := range messages {
				got <- string(m.Body)
			}
			return consumer.ConsumeSuccess, nil
		}))
	require.NoError(t, c.Start())
	var all []string
	for range 3 {
		select {
		case text := <-got:
			all = append(all, text)
		case <-time.After(testkit.DefaultPatience):
			t.Fatal("a message is missing")
		}
	}
	require.ElementsMatch(t, []string{"one", "two", "three"}, all)
	took := time.Since(began)
	t.Logf("broker, producer and consumer took %v", took)
	require.Less(t, took, limit)
	require.NoError(t, c.Shutdown())
	require.NoError(t, p.Shutdown())
}
