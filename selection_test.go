package actormq

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/selector"
	"github.com/actormq/actormq/messages"
)

// slowBroker takes sends after a while, without holding up what comes after them.
func slowBroker(t *testing.T, pause *atomic.Int64) *server {
	return serve(t, func(request *messages.Command) *messages.Command {
		if request.Code == int32(messages.CodeSendMessageV2) {
			<-time.After(time.Duration(pause.Load()))
		}
		return acceptAll(request)
	})
}

func send(t *testing.T, p *Producer, n int) (brokers map[string]int) {
	brokers = make(map[string]int)
	for range n {
		sent, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
		require.NoError(t, err)
		brokers[sent.Queue.Broker]++
	}
	return brokers
}

// awaitBroker waits until what the producer knows of a broker is as wanted.
func awaitBroker(t *testing.T, p *Producer, broker string, wanted func(*selector.Item) bool) {
	for end := time.Now().Add(limit); ; runtime.Gosched() {
		if item := p.queues.view.Load().Item(broker); item != nil && wanted(item) {
			return
		}
		require.True(t, time.Now().Before(end), "%s: %+v", broker, p.queues.view.Load().Item(broker))
	}
}

func TestASlowBrokerIsLeftAloneAndComesBack(t *testing.T) {
	var pause atomic.Int64
	pause.Store(int64(250 * time.Millisecond))
	a, b := slowBroker(t, &pause), serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 1}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{
		LatencyFault: &LatencyFault{Steps: []LatencyStep{{Latency: 200 * time.Millisecond, Isolation: 2 * time.Second}}},
	})
	send(t, p, 2)
	awaitBroker(t, p, "broker-a", func(i *selector.Item) bool { return i.Suspect })
	require.Zero(t, send(t, p, 10)["broker-a"])
	pause.Store(0)
	awaitBroker(t, p, "broker-a", func(i *selector.Item) bool {
		send(t, p, 1)
		return !i.Suspect
	})
	both := func() bool { // a busy machine may make the other one slow for once
		brokers := send(t, p, 10)
		return brokers["broker-a"] > 0 && brokers["broker-b"] > 0
	}
	require.Eventually(t, both, limit, time.Millisecond)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
}

func TestABrokerThatRefusesIsLeftAlone(t *testing.T) {
	a := serve(t, func(*messages.Command) *messages.Command { return answer(messages.SystemBusy) })
	b := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 1}, {"broker-b", b, 1}}})
	c := connect(t, names.addr)
	p := newProducer(t, c, ProducerOptions{LatencyFault: &LatencyFault{}})
	send(t, p, 2)
	awaitBroker(t, p, "broker-a", func(i *selector.Item) bool { return i.Failed })
	send(t, p, 20)
	require.Len(t, a.got(messages.CodeSendMessageV2), 1)

	stats := c.Stats()
	require.EqualValues(t, 22, stats.Sent)
	require.EqualValues(t, 1, stats.Retries)
	require.Equal(t, "broker-a", stats.Brokers[0].Broker)
	require.Greater(t, stats.Brokers[0].Isolated, 25*time.Second)
	require.Zero(t, stats.Brokers[1].Isolated)
}

func TestALostBrokerIsDetected(t *testing.T) {
	var answers atomic.Bool
	script := func(request *messages.Command) *messages.Command {
		if !answers.Load() {
			return nil
		}
		return acceptAll(request)
	}
	a, b := serve(t, script), serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 1}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{
		AttemptTimeout: tooLate + 50*time.Millisecond,
		LatencyFault:   &LatencyFault{Detect: true, DetectInterval: 10 * time.Millisecond},
	})
	send(t, p, 2)
	awaitBroker(t, p, "broker-a", func(i *selector.Item) bool { return !i.Reachable })
	require.Equal(t, map[string]int{"broker-b": 10}, send(t, p, 10))
	answers.Store(true)
	awaitBroker(t, p, "broker-a", func(i *selector.Item) bool {
		send(t, p, 1)
		return !i.Suspect
	})
	require.Equal(t, 5, send(t, p, 10)["broker-a"])
}

func TestWhatTheEndOfAnAttemptSays(t *testing.T) {
	refused := func(code messages.ResponseCode) error { return &Error{Code: int(code)} }
	for _, tt := range []struct {
		took time.Duration
		err  error
		want selector.Outcome
	}{
		{time.Second, nil, selector.Answered},
		{0, refused(messages.SystemBusy), selector.Refused},
		{0, refused(messages.MessageIllegal), selector.Answered},
		{0, refused(messages.TopicNotExist), selector.Answered},
		{0, ErrConnection, selector.Unreachable},
		{3 * time.Second, context.DeadlineExceeded, selector.Unreachable},
		{5 * time.Millisecond, context.DeadlineExceeded, selector.Answered}, // the caller is in a hurry
	} {
		require.Equal(t, tt.want, outcomeOf(tt.took, tt.err), "%v after %v", tt.err, tt.took)
	}
}

func TestAnAttemptThatTakesTooLongIsMadeElsewhere(t *testing.T) {
	frozen := serve(t, func(*messages.Command) *messages.Command { return nil })
	b := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", frozen, 1}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{AttemptTimeout: 200 * time.Millisecond, Retries: 20, Timeout: limit})
	require.Equal(t, map[string]int{"broker-b": 4}, send(t, p, 4))
	require.NotEmpty(t, frozen.got(messages.CodeSendMessageV2))
}

func TestLatencyFaultIsChecked(t *testing.T) {
	names := nameServer(t, nil)
	_, err := connect(t, names.addr).NewProducer(ProducerOptions{Group: "writers", LatencyFault: &LatencyFault{Isolation: -1}})
	require.ErrorContains(t, err, "LatencyFault")
}
