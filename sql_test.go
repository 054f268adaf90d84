package actormq_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

// startFilteringBroker is startBroker with SQL filters.
func startFilteringBroker(t *testing.T) string {
	return start(t, "messageDelayLevel", "1s 1s 1s", "enablePropertyFilter", "true").NameServer()
}

// sendPriced sends messages whose price is their body.
func sendPriced(t *testing.T, c *actormq.Client, topic string, prices ...int) {
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	for _, price := range prices {
		body := strconv.Itoa(price)
		_, err := p.Send(within(t), &actormq.Message{Topic: topic, Body: []byte(body), Properties: map[string]string{"price": body}})
		require.NoError(t, err)
	}
	require.NoError(t, p.Close())
}

func TestAGroupSubscribesBySQL(t *testing.T) {
	c := connect(t, startFilteringBroker(t))
	sendPriced(t, c, "t", 5, 10, 50, 100)
	send(t, c, "t", 4) // without a price
	got := collect(4)
	o := group(actormq.FromFirst)
	o.Subscriptions[0].SQL = "price BETWEEN 10 AND 99"
	failed := false
	stop := consume(t, c, o, func(_ context.Context, m *actormq.Received) error {
		if string(m.Body) == "50" && !failed {
			failed = true
			return errors.New("once more") // from the retry topic, which is not filtered
		}
		got.add(m)
		return nil
	})
	sendPriced(t, c, "t", 100, 77, 9, 42) // into waiting pulls
	got.wait(t)
	stop()
	require.Equal(t, map[string]int{"10": 1, "50": 1, "77": 1, "42": 1}, got.seen)
	require.True(t, failed)
}

func TestPullAndReadBySQL(t *testing.T) {
	c := connect(t, startFilteringBroker(t))
	sendPriced(t, c, "t", 1, 2, 3, 4, 5, 6, 7, 8)
	enough := errors.New("enough")
	err := c.Read(within(t), actormq.ReadOptions{Topic: "t", SQL: "price = 6", From: actormq.FromFirst}, func(m *actormq.Received) error {
		require.Equal(t, "6", string(m.Body))
		return enough
	})
	require.ErrorIs(t, err, enough)

	queues, err := c.Queues(within(t), "t")
	require.NoError(t, err)
	found := 0
	for _, q := range queues {
		result, err := c.Pull(within(t), actormq.PullRequest{Group: "readers", Queue: q, SQL: "price > 4"})
		require.NoError(t, err)
		require.Equal(t, result.Max, result.Next)
		for _, m := range result.Messages {
			require.Greater(t, string(m.Body), "4")
			found++
		}
	}
	require.Equal(t, 4, found)

	var wrong *sql92.Error
	_, err = c.Pull(within(t), actormq.PullRequest{Group: "readers", Queue: queues[0], SQL: "price >"})
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, 7, wrong.Offset)
}

// A broker that does not filter says so each time, for it may be configured anew.
func TestABrokerWithoutSQL(t *testing.T) {
	c := connect(t, startBroker(t))
	sendPriced(t, c, "t", 1)
	o := group(actormq.FromFirst)
	o.Subscriptions[0].SQL = "price > 4"
	consumer, err := c.NewConsumer(o)
	require.NoError(t, err)
	refused := make(chan *actormq.Error, 1)
	consumer.OnError(func(err error) {
		var refusal *actormq.Error
		if errors.As(err, &refusal) { // and not the topic, whose route is new
			select {
			case refused <- refusal:
			default:
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, func(context.Context, *actormq.Received) error { return nil }) }()
	select {
	case refusal := <-refused:
		require.EqualValues(t, messages.SystemError, refusal.Code)
		require.ErrorContains(t, refusal, "does not support consumer to filter message by SQL92")
	case <-time.After(limit):
		require.Fail(t, "nobody refused")
	}
	cancel()
	require.NoError(t, <-ended)
}
