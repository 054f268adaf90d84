package actormq

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func acceptAll(request *messages.Command) *messages.Command {
	if request.Code == int32(messages.CodeHeartBeat) {
		return answer(messages.Success)
	}
	return stored(1, 7)
}

func TestSendSaysWhatAMessageIs(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"orders": {{"broker-a", broker, 2}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})

	sent, err := p.Send(within(t), &Message{
		Topic: "orders", Body: []byte("body"), Tags: "paid", Keys: []string{"k1", "k2"}, DelayLevel: 3, Flag: 9,
		Properties: map[string]string{"shop": "7"},
	})
	require.NoError(t, err)
	require.Equal(t, SendOK, sent.Status)
	require.Equal(t, Queue{"orders", "broker-a", 1}, sent.Queue, "the queue is the broker's choice")
	require.EqualValues(t, 7, sent.Offset)
	require.Equal(t, "7F00000100002A9F0000000000000000", sent.OffsetID)
	require.Len(t, sent.ID, 32)

	request := broker.await(messages.CodeSendMessageV2, 1)[0]
	require.Equal(t, "body", string(request.Body))
	require.Equal(t, messages.ProtocolVersion, request.Version)
	for field, want := range map[string]string{
		"a": "writers", "b": "orders", "c": "TBW102", "d": "4", "f": "0", "h": "9", "j": "0", "k": "false", "m": "false", "n": "broker-a",
	} {
		require.Equal(t, want, request.Ext.Text(field), "field %s", field)
	}
	var h messages.SendHeader
	require.NoError(t, messages.ParseSend(request, &h))
	require.Less(t, h.QueueID, int32(2))
	require.Equal(t, map[string]string{
		"TAGS": "paid", "KEYS": "k1 k2", "DELAY": "3", "WAIT": "true", "shop": "7", "UNIQ_KEY": sent.ID,
	}, messages.Properties(h.Properties))
}

func TestSendsGoRoundTheQueues(t *testing.T) {
	a, b := serve(t, acceptAll), serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 2}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	for range 6 {
		_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
		require.NoError(t, err)
	}
	perQueue := make(map[string]int)
	for _, s := range []*server{a, b} {
		for _, r := range s.got(messages.CodeSendMessageV2) {
			perQueue[r.Ext.Text("n")+"/"+r.Ext.Text("e")]++
		}
	}
	require.Equal(t, map[string]int{"broker-a/0": 2, "broker-a/1": 2, "broker-b/0": 2}, perQueue)
}

func TestStatusOfAStoredMessage(t *testing.T) {
	for code, want := range map[messages.ResponseCode]Status{
		messages.Success: SendOK, messages.FlushDiskTimeout: FlushDiskTimeout,
		messages.FlushSlaveTimeout: FlushSlaveTimeout, messages.SlaveNotAvailable: SlaveNotAvailable,
	} {
		broker := serve(t, func(*messages.Command) *messages.Command {
			response := stored(0, 1)
			response.Code = int32(code)
			return response
		})
		names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
		sent, err := newProducer(t, connect(t, names.addr), ProducerOptions{}).Send(within(t), &Message{Topic: "t", Body: []byte("x")})
		require.NoError(t, err)
		require.Equal(t, want, sent.Status)
		require.Len(t, broker.got(messages.CodeSendMessageV2), 1, "a stored message is not sent again")
	}
}

func TestAnotherBrokerIsTriedWhereThatMayHelp(t *testing.T) {
	for _, tt := range []struct {
		code  messages.ResponseCode
		again bool
	}{
		{messages.SystemBusy, true}, {messages.ServiceNotAvailable, true}, {messages.SystemError, true},
		{messages.NoPermission, true}, {messages.TopicNotExist, true}, {messages.GoAway, true},
		{messages.MessageIllegal, false}, {messages.InvalidParameter, false},
	} {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			refuse := func(request *messages.Command) *messages.Command {
				if request.Ext.Text("n") == "broker-a" {
					return answer(tt.code)
				}
				return stored(0, 1)
			}
			a, b := serve(t, refuse), serve(t, refuse)
			names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 8}, {"broker-b", b, 1}}})
			p := newProducer(t, connect(t, names.addr), ProducerOptions{})
			var failed error
			for range 3 {
				if _, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")}); err != nil {
					failed = err
				}
			}
			if tt.again {
				require.NoError(t, failed)
				require.Len(t, b.got(messages.CodeSendMessageV2), 3)
				return
			}
			var refused *Error
			require.ErrorAs(t, failed, &refused)
			require.Equal(t, int(tt.code), refused.Code)
			require.Equal(t, "as the script says", refused.Remark)
			require.Equal(t, a.addr, refused.Addr)
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	broker := serve(t, func(*messages.Command) *messages.Command { return answer(messages.SystemBusy) })
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	_, err := newProducer(t, c, ProducerOptions{Retries: 3}).Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrBusy)
	require.Len(t, broker.got(messages.CodeSendMessageV2), 4)
	_, err = newProducer(t, c, ProducerOptions{Retries: -1}).Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrBusy)
	require.Len(t, broker.got(messages.CodeSendMessageV2), 5)
}

func TestABrokenConnectionIsMadeAgain(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("1")})
	require.NoError(t, err)
	broker.hangUp()
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("2")})
	require.NoError(t, err)
}

func TestSendEndsWithItsContext(t *testing.T) {
	broker := serve(t, func(*messages.Command) *messages.Command { return nil })
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		broker.await(messages.CodeSendMessageV2, 1)
		cancel()
	}()
	_, err := p.Send(ctx, &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, context.Canceled)

	p = newProducer(t, connect(t, names.addr), ProducerOptions{Timeout: 20 * time.Millisecond})
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestANewTopicGetsTheTemplatesQueues(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{messages.TopicDefault: {{"broker-a", broker, 8}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	for range 8 {
		_, err := p.Send(within(t), &Message{Topic: "new", Body: []byte("x")})
		require.NoError(t, err)
	}
	perQueue := make(map[string]int)
	for _, r := range broker.got(messages.CodeSendMessageV2) {
		require.Equal(t, "new", r.Ext.Text("b"))
		perQueue[r.Ext.Text("e")]++
	}
	require.Equal(t, map[string]int{"0": 2, "1": 2, "2": 2, "3": 2}, perQueue)
}

func TestATopicThatNobodyCreates(t *testing.T) {
	names := nameServer(t, nil)
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrUnknownTopic)
}

func TestTheNextNameServerIsAsked(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	gone := serve(t, acceptAll)
	require.NoError(t, gone.listener.Close())

	p := newProducer(t, connect(t, gone.addr, names.addr), ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)

	p = newProducer(t, connect(t, gone.addr), ProducerOptions{})
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrNoNameServer)
	require.ErrorIs(t, err, ErrConnection)
	require.ErrorContains(t, err, gone.addr)
}

func TestOneway(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	require.NoError(t, p.SendOneway(within(t), &Message{Topic: "t", Body: []byte("x")}))
	require.True(t, broker.await(messages.CodeSendMessageV2, 1)[0].IsOneway())
}

func TestBatchIsOneRequest(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	sent, err := p.SendBatch(within(t), []*Message{{Topic: "t", Body: []byte("one"), Tags: "A"}, {Topic: "t", Body: []byte("two"), Flag: 5}})
	require.NoError(t, err)
	require.Len(t, sent.ID, 32+1+32)

	request := broker.await(messages.CodeSendBatchMessage, 1)[0]
	require.Equal(t, "true", request.Ext.Text("m"))
	first, rest, err := messages.NextBatchRecord(request.Body)
	require.NoError(t, err)
	require.Equal(t, "one", string(first.Body))
	require.Equal(t, "A", messages.Properties(first.Properties)["TAGS"])
	second, rest, err := messages.NextBatchRecord(rest)
	require.NoError(t, err)
	require.Equal(t, "two", string(second.Body))
	require.EqualValues(t, 5, second.Flag)
	require.Empty(t, rest)

	for name, batch := range map[string][]*Message{
		"empty":      {},
		"two topics": {{Topic: "t", Body: []byte("x")}, {Topic: "u", Body: []byte("x")}},
		"delayed":    {{Topic: "t", Body: []byte("x"), DelayLevel: 1}},
		"no body":    {{Topic: "t"}},
	} {
		_, err := p.SendBatch(within(t), batch)
		require.Error(t, err, name)
	}
}

func TestAsyncSendsKeepTheirOrder(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	const n = 200
	var ended atomic.Int32
	for i := range n {
		err := p.SendAsync(within(t), &Message{Topic: "t", Body: fmt.Append(nil, i)}, func(_ Sent, err error) {
			if err == nil {
				ended.Add(1)
			}
		})
		require.NoError(t, err)
	}
	require.NoError(t, p.Close())
	require.EqualValues(t, n, ended.Load(), "Close waits for what is under way")
	for i, request := range broker.got(messages.CodeSendMessageV2) {
		require.Equal(t, fmt.Sprint(i), string(request.Body))
	}
	require.ErrorIs(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, func(Sent, error) {}), ErrClosed)
}

func TestAsyncSendsAreBounded(t *testing.T) {
	broker := serve(t, func(*messages.Command) *messages.Command { return nil })
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	p := newProducer(t, c, ProducerOptions{MaxInFlight: 2})
	failed := make(chan error, 2)
	for range 2 {
		require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, func(_ Sent, err error) { failed <- err }))
	}
	ctx, cancel := context.WithTimeout(within(t), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.SendAsync(ctx, &Message{Topic: "t", Body: []byte("x")}, func(Sent, error) {}), context.DeadlineExceeded)
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-failed, ErrClosed)
	require.ErrorIs(t, <-failed, ErrClosed)
}

func TestUnusableMessages(t *testing.T) {
	names := nameServer(t, nil)
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	for name, m := range map[string]Message{
		"no topic":          {Body: []byte("x")},
		"illegal topic":     {Topic: "a b", Body: []byte("x")},
		"system topic":      {Topic: messages.TopicSchedule, Body: []byte("x")},
		"no body":           {Topic: "t"},
		"key with blank":    {Topic: "t", Body: []byte("x"), Keys: []string{"a b"}},
		"empty key":         {Topic: "t", Body: []byte("x"), Keys: []string{""}},
		"tag with 0x02":     {Topic: "t", Body: []byte("x"), Tags: "a\x02b"},
		"reserved property": {Topic: "t", Body: []byte("x"), Properties: map[string]string{"KEYS": "k"}},
		"empty property":    {Topic: "t", Body: []byte("x"), Properties: map[string]string{"a": ""}},
		"separator":         {Topic: "t", Body: []byte("x"), Properties: map[string]string{"a": "b\x01"}},
		"negative delay":    {Topic: "t", Body: []byte("x"), DelayLevel: -1},
		"32 KiB":            {Topic: "t", Body: []byte("x"), Properties: map[string]string{"a": string(make([]byte, 40_000))}},
	} {
		_, err := p.Send(within(t), &m)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, ErrUnknownTopic, "%s: nobody was asked", name)
	}
	require.Empty(t, names.got(messages.CodeGetRouteInfoByTopic))
}

func TestAClosedClient(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	c := connect(t, names.addr)
	p := newProducer(t, c, ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.ErrorIs(t, err, ErrClosed)
	_, err = c.NewProducer(ProducerOptions{Group: "g"})
	require.ErrorIs(t, err, ErrClosed)
	_, err = c.Queues(within(t), "t")
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, p.Close())
}

func TestTheGroupIsMadeKnown(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})
	require.NoError(t, err)
	beat, err := messages.DecodeHeartbeat(broker.await(messages.CodeHeartBeat, 1)[0].Body)
	require.NoError(t, err)
	require.Equal(t, "test", beat.ClientID)
	require.Equal(t, []messages.ProducerData{{GroupName: "writers"}}, beat.Producers)
	require.NoError(t, p.Close())
	left := broker.await(messages.CodeUnregisterClient, 1)[0]
	require.Equal(t, "test", left.Ext.Text("clientID"))
	require.Equal(t, "writers", left.Ext.Text("producerGroup"))
	require.Empty(t, names.got(messages.CodeHeartBeat))
}

func TestErrorsCompare(t *testing.T) {
	require.ErrorIs(t, &Error{Code: 17}, ErrUnknownTopic)
	require.ErrorIs(t, fmt.Errorf("wrapped: %w", &Error{Code: 2}), ErrBusy)
	require.ErrorIs(t, &Error{Code: 22}, ErrNoOffset)
	require.False(t, errors.Is(&Error{Code: 1}, ErrBusy))
}
