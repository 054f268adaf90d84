package testkit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit"
)

func TestReminder(t *testing.T) {
	broker := testkit.StartBroker(t) // a name server and a broker, in memory, in milliseconds

	client, err := actormq.NewClient(actormq.Options{NameServers: []string{broker.NameServer()}})
	require.NoError(t, err)
	defer client.Close()
	producer, err := client.NewProducer(actormq.ProducerOptions{Group: "shop"})
	require.NoError(t, err)
	_, err = producer.Send(t.Context(), &actormq.Message{Topic: "reminders", Body: []byte("pay"), DelayLevel: 18})
	require.NoError(t, err)

	broker.AwaitDelayed(1)
	require.Empty(t, broker.Messages("reminders"))
	broker.Advance(2 * time.Hour) // takes no time
	require.Equal(t, "pay", string(broker.AwaitMessages("reminders", 1)[0].Body))
}
