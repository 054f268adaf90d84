package metrics_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit"
)

// gather returns all samples as NAME{label=value,…}, without those that all have.
func gather(t *testing.T, b *testkit.Broker) map[string]float64 {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(b.Metrics())
	families, err := registry.Gather()
	require.NoError(t, err)
	samples := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			constant := make(map[string]string)
			for _, l := range m.Label {
				switch l.GetName() {
				case "node_type", "cluster", "node_id", "zone":
					constant[l.GetName()] = l.GetValue()
				default:
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			require.Equal(t, map[string]string{"node_type": "broker", "cluster": "DefaultCluster", "node_id": b.Name(), "zone": "west"}, constant)
			samples[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = value(f, m)
		}
	}
	return samples
}

func value(f *dto.MetricFamily, m *dto.Metric) float64 {
	if f.GetType() == dto.MetricType_COUNTER {
		return m.Counter.GetValue()
	}
	return m.Gauge.GetValue()
}

func TestTrafficAndLag(t *testing.T) {
	b := testkit.StartBroker(t, testkit.WithProperty("metricsExporterType", "PROM"), testkit.WithProperty("metricsLabel", "zone:west,nonsense"))
	b.CreateTopic("orders", 1)
	b.Send(&actormq.Message{Topic: "orders", Body: []byte("1")}, &actormq.Message{Topic: "orders", Body: []byte("2")},
		&actormq.Message{Topic: "orders", Body: []byte("3"), OrderKey: "k"})
	consume(t, b, 3)
	b.Advance(time.Minute)
	b.Send(&actormq.Message{Topic: "orders", Body: []byte("4")})
	b.Advance(time.Minute)

	samples := gather(t, b)
	require.Equal(t, 3.0, samples["rocketmq_messages_in_total{is_system=false,message_type=normal,topic=orders}"])
	require.Equal(t, 1.0, samples["rocketmq_messages_in_total{is_system=false,message_type=fifo,topic=orders}"])
	require.Greater(t, samples["rocketmq_throughput_in_total{is_system=false,message_type=normal,topic=orders}"], 300.0)
	const group = "{consumer_group=billing,is_retry=false,is_system=false,topic=orders}"
	require.Equal(t, 3.0, samples["rocketmq_messages_out_total"+group])
	require.Equal(t, 1.0, samples["rocketmq_consumer_lag_messages"+group])
	require.InDelta(t, 60_000, samples["rocketmq_consumer_lag_latency"+group], 5_000)
	require.Equal(t, 6.0, samples["rocketmq_broker_permission{}"])
	require.Positive(t, samples["rocketmq_topic_number{}"])
	require.Positive(t, samples["rocketmq_consumer_group_number{}"])
	require.InDelta(t, 120_000, samples["rocketmq_storage_message_reserve_time{}"], 5_000)
	require.Contains(t, samples, "rocketmq_storage_flush_behind_bytes{}")
	require.Zero(t, samples["actormq_replication_slaves{}"])
}

// Without an exporter nothing is counted by topic, and the rest is there.
func TestNothingIsCountedForNobody(t *testing.T) {
	b := testkit.StartBroker(t, testkit.WithProperty("metricsLabel", "zone:west"))
	b.CreateTopic("orders", 1)
	b.Send(&actormq.Message{Topic: "orders", Body: []byte("1")})
	samples := gather(t, b)
	require.Contains(t, samples, "rocketmq_topic_number{}")
	for name := range samples {
		require.NotContains(t, name, "rocketmq_messages_in_total")
	}
}

func TestConnectionsAndDeadLetters(t *testing.T) {
	b := testkit.StartBroker(t, testkit.WithProperty("metricsExporterType", "PROM"), testkit.WithProperty("metricsLabel", "zone:west"))
	b.CreateTopic("orders", 1)
	b.Send(&actormq.Message{Topic: "orders", Body: []byte("1")})
	consumer, err := b.Client().NewConsumer(actormq.ConsumerOptions{
		Group: "billing", Subscriptions: []actormq.Subscription{{Topic: "orders"}}, From: actormq.FromFirst,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(context.Context, *actormq.Received) error {
			return &actormq.Retry{Level: actormq.DeadLetter}
		})
	}()
	b.AwaitMessages("%DLQ%billing", 1)
	samples := gather(t, b)
	require.Equal(t, 1.0, samples["rocketmq_send_to_dlq_messages_total{consumer_group=billing,is_system=false,topic=%DLQ%billing}"])
	connections := 0.0
	for name, v := range samples {
		if strings.HasPrefix(name, "rocketmq_consumer_connections{consume_mode=push,consumer_group=billing,") {
			connections += v
		}
	}
	require.Equal(t, 1.0, connections)
	cancel()
	<-ended
}

// consume has the group billing consume so many messages.
func consume(t *testing.T, b *testkit.Broker, n int) {
	consumer, err := b.Client().NewConsumer(actormq.ConsumerOptions{
		Group: "billing", Subscriptions: []actormq.Subscription{{Topic: "orders"}}, From: actormq.FromFirst,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan struct{}, n)
	ended := make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(context.Context, *actormq.Received) error {
			seen <- struct{}{}
			return nil
		})
	}()
	for range n {
		<-seen
	}
	b.AwaitConsumed("billing", "orders")
	cancel()
	<-ended
}
