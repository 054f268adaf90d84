package actormq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
)

// tracing is a client that records traces in a topic of the broker's.
func tracing(t *testing.T, names, topic string) *actormq.Client {
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}, Trace: &actormq.Trace{Topic: topic}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// tracesIn returns n traces from a topic, in the order of their times and types.
func tracesIn(t *testing.T, names, topic string, n int) []messages.Trace {
	t.Helper()
	var all []messages.Trace
	enough := errors.New("enough")
	c, err := actormq.NewClient(actormq.Options{NameServers: []string{names}}) // the topic is in no namespace
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	err = c.Read(within(t), actormq.ReadOptions{Topic: topic, From: actormq.FromFirst}, func(m *actormq.Received) error {
		traces, err := messages.DecodeTraces(m.Body)
		require.NoError(t, err)
		for _, trace := range traces {
			require.Contains(t, m.Keys, trace.ID)
		}
		if all = append(all, traces...); len(all) >= n {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough, "%v", all)
	require.Len(t, all, n)
	return all
}

func ofType(all []messages.Trace, kind messages.TraceType) (found []messages.Trace) {
	for _, trace := range all {
		if trace.Type == kind {
			found = append(found, trace)
		}
	}
	return found
}

func traceBroker(t *testing.T, properties ...string) string {
	return start(t, append([]string{"traceTopicEnable", "true", "messageDelayLevel", "1s 1s 1s"}, properties...)...).NameServer()
}

func TestTracesTellOfSendsAndHandlers(t *testing.T) {
	names := traceBroker(t, "regionId", "here")
	c := tracing(t, names, "")
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	began := time.Now().Truncate(time.Millisecond)
	first, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("abc"), Tags: "red", Keys: []string{"k1", "k2"}})
	require.NoError(t, err)
	second, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte("later"), DelayLevel: 1})
	require.NoError(t, err)

	failed := false
	both := collect(2)
	stop := consume(t, c, group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		if m.ID == first.ID && !failed {
			failed = true
			return errors.New("not now")
		}
		both.add(m)
		return nil
	})
	both.wait(t)
	stop()
	require.NoError(t, c.Close(), "sends what waits")

	all := tracesIn(t, names, "RMQ_SYS_TRACE_TOPIC", 2+2*3)
	pubs := ofType(all, messages.TracePub)
	require.Len(t, pubs, 2)
	at, host := pubs[0].Time, pubs[0].StoreHost
	require.WithinRange(t, time.UnixMilli(at), began, time.Now())
	require.NotEmpty(t, host)
	require.Less(t, pubs[0].Cost, int64(limit/time.Millisecond))
	pubs[0].Cost = 0
	require.Equal(t, messages.Trace{
		Type: messages.TracePub, Time: at, Region: "here", Group: "writers", Topic: "t", ID: first.ID, Tags: "red", Keys: "k1 k2",
		StoreHost: host, BodyLength: 3, OffsetID: first.OffsetID, Success: true,
	}, pubs[0])
	require.Equal(t, second.ID, pubs[1].ID)
	require.Equal(t, messages.TraceDelayed, pubs[1].Kind)

	before, after := ofType(all, messages.TraceSubBefore), ofType(all, messages.TraceSubAfter)
	require.Len(t, before, 3)
	codes := make(map[string][]int)
	for _, b := range before {
		require.Equal(t, "readers", b.Group)
		require.Equal(t, "here", b.Region)
		i := slices.IndexFunc(after, func(a messages.Trace) bool { return a.RequestID == b.RequestID })
		require.GreaterOrEqual(t, i, 0, "one after each before")
		require.Equal(t, b.ID, after[i].ID)
		require.Equal(t, after[i].Code == messages.TraceSucceeded, after[i].Success)
		codes[b.ID] = append(codes[b.ID], b.Retries, after[i].Code)
	}
	require.Equal(t, []int{0, messages.TraceFailed, 1, messages.TraceSucceeded}, codes[first.ID])
	require.Equal(t, []int{0, messages.TraceSucceeded}, codes[second.ID])
	require.Zero(t, c.Stats().TracesDropped)
}

func TestTracesOfAllWaysToSend(t *testing.T) {
	names := traceBroker(t, "msgTraceTopicName", "my-traces")
	made, err := connect(t, names).Queues(within(t), "my-traces")
	require.NoError(t, err)
	require.Len(t, made, 1, "by the broker, not by use")
	c := tracing(t, names, "my-traces")
	p, err := c.NewProducer(actormq.ProducerOptions{Group: "writers"})
	require.NoError(t, err)
	batched, err := c.NewProducer(actormq.ProducerOptions{Group: "batchers", Batching: &actormq.Batching{}})
	require.NoError(t, err)
	ctx, body := within(t), []byte("b")
	want := make(map[string]string) // offset ids by id
	put := func(s actormq.Sent, err error) {
		require.NoError(t, err)
		want[s.ID] = s.OffsetID
	}
	put(p.SendSelect(ctx, &actormq.Message{Topic: "t", Body: body}, func([]actormq.Queue) int { return 0 }))
	put(p.Send(ctx, &actormq.Message{Topic: "t", Body: body, OrderKey: "key"}))
	ended := make(chan actormq.Sent, 3)
	for range 3 {
		require.NoError(t, batched.SendAsync(ctx, &actormq.Message{Topic: "t", Body: body}, func(s actormq.Sent, err error) {
			ended <- s
		}))
	}
	for range 3 {
		put(<-ended, nil)
	}
	_, err = p.SendBatch(ctx, []*actormq.Message{{Topic: "t", Body: body}, {Topic: "t", Body: []byte("four")}})
	require.NoError(t, err)
	require.NoError(t, p.SendOneway(ctx, &actormq.Message{Topic: "t", Body: body}), "nobody knows what becomes of it")
	require.Equal(t, uint64(7), c.Stats().Sent, "traces do not count")
	require.NoError(t, c.Close())

	all := tracesIn(t, names, "my-traces", 7)
	for _, trace := range all {
		if offset, known := want[trace.ID]; known {
			require.Equal(t, offset, trace.OffsetID)
			delete(want, trace.ID)
		}
	}
	require.Empty(t, want)
}

func TestTracesOfTransactions(t *testing.T) {
	names := traceBroker(t, impatient()...)
	c := tracing(t, names, "")
	p, err := c.NewTransactionProducer(actormq.TransactionOptions{
		ProducerOptions: actormq.ProducerOptions{Group: "writers"},
		Check:           func(context.Context, *actormq.Received) (actormq.Decision, error) { return actormq.Rollback, nil },
	})
	require.NoError(t, err)
	decisions := make(map[string]string)
	for _, d := range []actormq.Decision{actormq.Commit, actormq.Unknown} {
		sent, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: []byte(d.String()), Keys: []string{"k"}},
			func(context.Context, *actormq.Message, actormq.Sent) (actormq.Decision, error) { return d, nil })
		require.NoError(t, err)
		decisions[sent.ID] = d.String()
	}
	all := tracesIn(t, names, "RMQ_SYS_TRACE_TOPIC", 5)
	require.NoError(t, c.Close())
	for _, trace := range ofType(all, messages.TracePub) {
		require.Equal(t, messages.TraceHalf, trace.Kind)
	}
	var ends []string
	for _, trace := range ofType(all, messages.TraceEndTransaction) {
		require.Equal(t, "k", trace.Keys)
		require.Equal(t, trace.ID, trace.TransactionID)
		ends = append(ends, fmt.Sprint(decisions[trace.ID], " ", trace.State, " ", trace.FromCheck))
	}
	require.ElementsMatch(t, []string{"COMMIT COMMIT_MESSAGE false", "UNKNOWN UNKNOW false", "UNKNOWN ROLLBACK_MESSAGE true"}, ends)
}

func TestNothingIsTracedWhereBrokersDoNotWantIt(t *testing.T) {
	names := traceBroker(t, "traceOn", "false")
	c := tracing(t, names, "")
	send(t, c, "t", 3)
	all := collect(3)
	stop := consume(t, c, group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		all.add(m)
		return nil
	})
	all.wait(t)
	stop()
	require.NoError(t, c.Close())
	reader := connect(t, names)
	queues, err := reader.Queues(within(t), "RMQ_SYS_TRACE_TOPIC")
	require.NoError(t, err)
	for _, q := range queues {
		end, err := reader.MaxOffset(within(t), q)
		require.NoError(t, err)
		require.Zero(t, end)
	}
}
