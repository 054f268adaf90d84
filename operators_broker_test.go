package actormq_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/actormq/actormq/transport/tcp"
)

// operator is a connection of an administrator's tool to a broker.
type operator struct {
	t    *testing.T
	conn *remoting.Client
}

func (o *operator) ask(code messages.RequestCode, fields ...string) *messages.Command {
	o.t.Helper()
	request := &messages.Command{Code: int32(code), Version: messages.ProtocolVersion}
	for i := 0; i < len(fields); i += 2 {
		request.Ext.Set(fields[i], fields[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	response, err := o.conn.Call(ctx, request)
	require.NoError(o.t, err)
	return response
}

// What an operator asks of a consumer goes through the broker, and the consumer's answer
// comes back the same way.
func TestOperatorsReachConsumersThroughTheBroker(t *testing.T) {
	if lenderURL != "" {
		t.Skip("mqadmin's cases do the same at real brokers")
	}
	b := testkit.StartBroker(t, testkit.WithProperty("useServerSideResetOffset", "false"))
	b.CreateTopic("orders", 1)
	b.Send(&actormq.Message{Topic: "orders", Body: []byte("good")}, &actormq.Message{Topic: "orders", Body: []byte("bad")})

	var consumed, failing atomic.Int64
	client := b.Client()
	consumer, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: "readers", Subscriptions: []actormq.Subscription{{Topic: "orders"}}, From: actormq.FromFirst,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(_ context.Context, m *actormq.Received) error {
			consumed.Add(1)
			if string(m.Body) == "bad" && failing.Load() > 0 {
				return errors.New("no good")
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	b.AwaitConsumed("readers", "orders")

	network := tcp.New(tcp.Options{})
	t.Cleanup(func() { require.NoError(t, network.Close()) })
	conn, err := remoting.Dial(ctx, network, b.Addr(), remoting.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	op := &operator{t, conn}

	info, err := messages.DecodeConsumerRunningInfo(op.ask(messages.CodeGetConsumerRunningInfo, "consumerGroup", "readers", "clientId", client.ID()).Body)
	require.NoError(t, err)
	require.Len(t, info.MQTable, 1)
	status, err := messages.DecodeConsumerStatus(op.ask(messages.CodeInvokeBrokerToGetConsumerStatus, "topic", "orders", "group", "readers").Body)
	require.NoError(t, err)
	require.EqualValues(t, 2, status.ConsumerTable[client.ID()][0].Value)

	failing.Store(1)
	bad := b.AwaitMessages("orders", 2)[1]
	direct, err := messages.DecodeConsumeMessageDirectlyResult(op.ask(messages.CodeConsumeMessageDirectly,
		"consumerGroup", "readers", "clientId", client.ID(), "topic", "orders", "msgId", bad.OffsetID).Body)
	require.NoError(t, err)
	require.Equal(t, messages.ConsumeLater, direct.ConsumeResult)
	require.Equal(t, "no good", direct.Remark)
	failing.Store(0)

	before := consumed.Load()
	reset := op.ask(messages.CodeInvokeBrokerToResetOffset, "topic", "orders", "group", "readers", "timestamp", "0", "isForce", "true")
	require.EqualValues(t, messages.Success, reset.Code, reset.Remark)
	require.Eventually(t, func() bool { return consumed.Load() == before+2 }, limit, 10*time.Millisecond, "both of them again")
	b.AwaitConsumed("readers", "orders")
}
