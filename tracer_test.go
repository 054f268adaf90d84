package actormq

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// tracedClient is a client with message traces at a scripted broker, which has the
// topic of traces, too.
func tracedClient(t *testing.T, broker *server) *Client {
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}, "RMQ_SYS_TRACE_TOPIC": {{"broker-a", broker, 1}}})
	c, err := NewClient(Options{NameServers: []string{names.addr}, ClientID: "test", Namespace: "mine", Trace: &Trace{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func aTrace(id string) []messages.Trace {
	return []messages.Trace{{Type: messages.TraceRecall, Time: 1, Region: "r", Group: "g", Topic: "t", ID: id, Keys: "k"}}
}

func tracesSent(requests []*messages.Command) (bodies []*messages.Command) {
	for _, r := range requests {
		if r.Code == int32(messages.CodeSendMessageV2) {
			bodies = append(bodies, r)
		}
	}
	return bodies
}

func TestTracesAreSentTenAtATime(t *testing.T) {
	broker := serve(t, acceptAll)
	c := tracedClient(t, broker)
	for range 9 {
		c.tracer.add("t", aTrace("a"))
	}
	c.tracer.add("other", aTrace("b"))
	requests := broker.await(messages.CodeSendMessageV2, 2) // one for each topic
	for _, r := range requests {
		require.Equal(t, "_INNER_TRACE_PRODUCER", r.Ext.Text("a"))
		require.Equal(t, "RMQ_SYS_TRACE_TOPIC", r.Ext.Text("b"), "in no namespace")
	}
	c.tracer.add("t", aTrace("c"))
	require.NoError(t, c.Close())
	last := tracesSent(broker.all())
	require.Len(t, last, 3, "what waits is sent at the end")
	traces, err := messages.DecodeTraces(last[2].Body)
	require.NoError(t, err)
	require.Equal(t, "c", traces[0].ID)
	require.Equal(t, "c k", messages.Properties([]byte(last[2].Ext.Text("i")))["KEYS"])
}

func TestTracesThatAreNotTakenAreDropped(t *testing.T) {
	var once sync.Once
	frozen := make(chan struct{})
	broker := serve(t, nil)
	broker.script = func(request *messages.Command) *messages.Command {
		if request.Code == int32(messages.CodeSendMessageV2) && request.Ext.Text("b") == "RMQ_SYS_TRACE_TOPIC" {
			once.Do(func() { close(frozen) })
			return nil
		}
		return acceptAll(request)
	}
	c := tracedClient(t, broker)
	add := func(n int) {
		for range n {
			c.tracer.add("t", aTrace("a"))
		}
	}
	add(defaultTraceBatch)
	<-frozen
	began := time.Now()
	add(2 * (maxTracesWaiting + maxTraceSends*defaultTraceBatch))
	require.Less(t, time.Since(began), limit/2, "nobody waits")
	require.Positive(t, c.Stats().TracesDropped)
	c.tracer.cancel() // what Close does after a while
	require.NoError(t, c.Close())
}

func TestLongRecordsAreSplit(t *testing.T) {
	broker := serve(t, acceptAll)
	c := tracedClient(t, broker)
	var many []messages.Trace
	for range 1500 { // as of a handler of that many messages
		many = append(many, aTrace(c.uniq.make(time.Now()))...)
	}
	c.tracer.add("t", many)
	require.NoError(t, c.Close())
	var got int
	for _, r := range tracesSent(broker.all()) {
		body, err := decompress(r.Body, int32(mustInt(t, r, "f")))
		require.NoError(t, err)
		require.LessOrEqual(t, len(r.Ext.Text("i")), messages.MaxPropertiesSize)
		traces, err := messages.DecodeTraces(body)
		require.NoError(t, err)
		got += len(traces)
	}
	require.Equal(t, 1500, got)
	require.Zero(t, c.Stats().TracesDropped)
}

func mustInt(t *testing.T, r *messages.Command, field string) int64 {
	n, err := r.Ext.Int64(field)
	require.NoError(t, err)
	return n
}

func TestTraceOptions(t *testing.T) {
	_, err := NewClient(Options{NameServers: []string{"127.0.0.1:1"}, Trace: &Trace{Topic: "no topic"}})
	require.ErrorContains(t, err, "trace topic")
	_, err = NewClient(Options{NameServers: []string{"127.0.0.1:1"}, Spans: &Spans{}})
	require.ErrorContains(t, err, "Provider")
}
