package actormq_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/actormq/actormq"
)

// spanning is a client whose spans are kept.
func spanning(t *testing.T, names string) (*actormq.Client, trace.Tracer, func() map[string][]tracetest.SpanStub) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}, Spans: &actormq.Spans{Provider: provider}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, provider.Tracer("test"), func() map[string][]tracetest.SpanStub {
		all := make(map[string][]tracetest.SpanStub)
		for _, s := range exporter.GetSpans() {
			all[s.Name] = append(all[s.Name], s)
		}
		return all
	}
}

func attributesOf(s tracetest.SpanStub) map[attribute.Key]any {
	all := make(map[attribute.Key]any)
	for _, a := range s.Attributes {
		all[a.Key] = a.Value.AsInterface()
	}
	return all
}

func TestSpansFollowAMessage(t *testing.T) {
	c, tracer, spans := spanning(t, startBroker(t))
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	ctx, request := tracer.Start(within(t), "request")
	sent, err := p.Send(ctx, &actormq.Message{Topic: "t", Body: []byte("abc"), Tags: "red", Keys: []string{"k1", "k2"}, OrderKey: "o"})
	require.NoError(t, err)
	request.End()

	handled := collect(1)
	var inside trace.SpanContext
	stop := consume(t, c, group(actormq.FromFirst), func(ctx context.Context, m *actormq.Received) error {
		inside = trace.SpanContextFromContext(ctx)
		handled.add(m)
		return nil
	})
	handled.wait(t)
	stop()

	all := spans()
	require.Len(t, all["send t"], 1)
	require.Len(t, all["process t"], 1)
	send, process := all["send t"][0], all["process t"][0]
	require.Equal(t, trace.SpanKindProducer, send.SpanKind)
	require.Equal(t, trace.SpanKindConsumer, process.SpanKind)
	require.Equal(t, request.SpanContext().SpanID(), send.Parent.SpanID())
	require.Equal(t, send.SpanContext.SpanID(), process.Parent.SpanID())
	require.True(t, process.Parent.IsRemote())
	require.Equal(t, process.SpanContext, inside)
	require.Equal(t, request.SpanContext().TraceID(), inside.TraceID())

	of := attributesOf(send)
	require.NotZero(t, of["server.port"])
	delete(of, "server.port")
	delete(of, "messaging.rocketmq.namespace") // of a broker that is shared
	require.Equal(t, map[attribute.Key]any{
		"messaging.system": "rocketmq", "messaging.client.id": c.ID(), "messaging.operation.name": "send", "messaging.operation.type": "send",
		"messaging.destination.name": "t", "messaging.destination.partition.id": partition(sent.Queue),
		"messaging.message.id": sent.ID, "messaging.message.body.size": int64(3),
		"messaging.rocketmq.message.type": "fifo", "messaging.rocketmq.message.group": "o",
		"messaging.rocketmq.message.tag": "red", "messaging.rocketmq.message.keys": []string{"k1", "k2"}, "server.address": "127.0.0.1",
	}, of)
	of = attributesOf(process)
	require.Equal(t, "readers", of["messaging.consumer.group.name"])
	require.Equal(t, "clustering", of["messaging.rocketmq.consumption_model"])
	require.Equal(t, sent.ID, of["messaging.message.id"])
}

func partition(q actormq.Queue) string { return q.Broker + "/" + string(rune('0'+q.ID)) }

func TestSpansOfBatchesAreLinked(t *testing.T) {
	names := startBroker(t)
	c, _, spans := spanning(t, names)
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	gathering, err := c.NewProducer(actormq.ProducerOptions{Group: "gatherers", Batching: &actormq.Batching{}})
	require.NoError(t, err)
	_, err = p.SendBatch(within(t), []*actormq.Message{{Topic: "t", Body: []byte("1")}, {Topic: "t", Body: []byte("2")}})
	require.NoError(t, err)
	for _, body := range []string{"3", "4"} {
		_, err = gathering.Send(within(t), &actormq.Message{Topic: "t", Body: []byte(body)})
		require.NoError(t, err)
	}
	sends := spans()["send t"]
	require.Len(t, sends, 3, "one for the batch, one for each gathered message")
	require.EqualValues(t, 2, attributesOf(sends[0])["messaging.batch.message_count"])

	pulling, err := c.NewPullConsumer(actormq.PullConsumerOptions{Group: "pullers", From: actormq.FromFirst, Subscriptions: []actormq.Subscription{{Topic: "t"}}})
	require.NoError(t, err)
	links := make(map[trace.SpanID]int)
	for got := 0; got < 4; {
		batch, err := pulling.Poll(within(t))
		require.NoError(t, err)
		got += len(batch)
		for _, m := range batch {
			carried := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier(m.Properties))
			require.True(t, trace.SpanContextFromContext(carried).IsRemote())
		}
	}
	for _, s := range spans()["poll t"] {
		require.Equal(t, trace.SpanKindClient, s.SpanKind)
		require.Equal(t, "receive", attributesOf(s)["messaging.operation.type"])
		for _, l := range s.Links {
			links[l.SpanContext.SpanID()]++
		}
	}
	require.Equal(t, map[trace.SpanID]int{
		sends[0].SpanContext.SpanID(): 2, sends[1].SpanContext.SpanID(): 1, sends[2].SpanContext.SpanID(): 1,
	}, links)
}

func TestSpansTellOfFailures(t *testing.T) {
	c, _, spans := spanning(t, startBroker(t))
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	_, err = p.SendTo(within(t), actormq.Queue{Topic: "t", Broker: "nowhere"}, &actormq.Message{Topic: "t", Body: []byte("b")})
	require.Error(t, err)
	_, err = p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("b")})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("b")})
	require.ErrorIs(t, err, actormq.ErrClosed)
	var causes []any
	for _, s := range spans()["send t"] {
		causes = append(causes, attributesOf(s)["error.type"])
		require.Equal(t, attributesOf(s)["error.type"] != nil, s.Status.Code == codes.Error)
	}
	require.Equal(t, []any{"route", nil, "closed"}, causes)

	done := collect(1)
	stop := consume(t, c, group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		if m.Attempts == 0 {
			return errors.New("not now")
		}
		done.add(m)
		return nil
	})
	done.wait(t)
	stop()
	processed := spans()["process t"]
	require.Len(t, processed, 2)
	require.Equal(t, codes.Error, processed[0].Status.Code)
	require.Equal(t, "not now", processed[0].Status.Description)
	require.Equal(t, codes.Unset, processed[1].Status.Code)
}

func TestSpansOfTransactions(t *testing.T) {
	c, tracer, spans := spanning(t, traceBroker(t, impatient()...))
	checked := make(chan struct{})
	p, err := c.NewTransactionProducer(actormq.TransactionOptions{
		ProducerOptions: actormq.ProducerOptions{Group: "writers"},
		Check: func(context.Context, *actormq.Received) (actormq.Decision, error) {
			defer close(checked)
			return actormq.Rollback, nil
		},
	})
	require.NoError(t, err)
	for _, d := range []actormq.Decision{actormq.Commit, actormq.Unknown} {
		ctx, span := tracer.Start(within(t), "request")
		_, err := p.Send(ctx, &actormq.Message{Topic: "t", Body: []byte("b")}, func(context.Context, *actormq.Message, actormq.Sent) (actormq.Decision, error) {
			return d, nil
		})
		require.NoError(t, err)
		span.End()
	}
	select {
	case <-checked:
	case <-within(t).Done():
		require.Fail(t, "the broker did not ask")
	}
	require.NoError(t, p.Close())
	all := spans()
	requests, halves := all["request"], all["send t"]
	require.Len(t, halves, 2)
	require.Equal(t, "transaction", attributesOf(halves[0])["messaging.rocketmq.message.type"])
	require.Len(t, all["commit t"], 1)
	require.Equal(t, requests[0].SpanContext.SpanID(), all["commit t"][0].Parent.SpanID())
	require.Len(t, all["rollback t"], 1)
	require.Equal(t, halves[1].SpanContext.SpanID(), all["rollback t"][0].Parent.SpanID(), "the half carries the trace")
}
