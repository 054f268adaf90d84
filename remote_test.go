package actormq

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// groupScript is a broker whose group "readers" has one member, and whose queues
// are empty unless pull says otherwise.
func groupScript(pull func(*messages.Command) *messages.Command) func(*messages.Command) *messages.Command {
	return func(request *messages.Command) *messages.Command {
		response := answer(messages.Success, "offset", 0)
		switch messages.RequestCode(request.Code) {
		case messages.CodeGetConsumerListByGroup:
			response.Body = []byte(`{"consumerIdList":["test"]}`)
		case messages.CodeQueryConsumerOffset:
			return answer(messages.QueryNotFound)
		case messages.CodePullMessage:
			return pull(request)
		}
		return response
	}
}

// noMessages holds pulls for ever.
func noMessages(*messages.Command) *messages.Command { return nil }

// running is a consumer of topic t at scripted brokers.
func running(t *testing.T, names *server, o ConsumerOptions, handle Handler) {
	o.Group, o.Subscriptions, o.From = "readers", []Subscription{{Topic: "t"}}, FromFirst
	consumer, err := connect(t, names.addr).NewConsumer(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, handle) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { // its pulls may be earlier than that
		consumer.client.mu.Lock()
		defer consumer.client.mu.Unlock()
		return consumer.pid != nil
	}, limit, time.Millisecond)
}

// push sends a request of the broker's over all its connections, and returns the
// response, or nil if none is wanted.
func (s *server) push(request *messages.Command, answered bool) *messages.Command {
	s.t.Helper()
	request.Opaque = 77_000 + request.Code
	s.mu.Lock()
	conns := slices.Clone(s.conns)
	s.mu.Unlock()
	for _, c := range conns {
		require.NoError(s.t, s.write(c, request))
	}
	var found *messages.Command
	for ctx := within(s.t.(*testing.T)); answered && found == nil; {
		s.mu.Lock()
		for _, r := range s.requests {
			if r.IsResponse() && r.Opaque == request.Opaque {
				found = r
			}
		}
		s.mu.Unlock()
		if found != nil {
			break
		}
		select {
		case <-s.arrived:
		case <-ctx.Done():
			require.Fail(s.t, "no response", "to %d", request.Code)
		}
	}
	return found
}

func pushRequest(code messages.RequestCode, fields ...string) *messages.Command {
	r := &messages.Command{Code: int32(code), Version: messages.ProtocolVersion}
	for i := 0; i < len(fields); i += 2 {
		r.Ext.Set(fields[i], fields[i+1])
	}
	return r
}

func TestOperatorsSeeAConsumer(t *testing.T) {
	broker := serve(t, groupScript(noMessages))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 2}}})
	running(t, names, ConsumerOptions{}, func(context.Context, *Received) error { return nil })
	broker.await(messages.CodePullMessage, 2)

	response := broker.push(pushRequest(messages.CodeGetConsumerRunningInfo, "consumerGroup", "readers", "jstackEnable", "true"), true)
	require.EqualValues(t, messages.Success, response.Code, response.Remark)
	info, err := messages.DecodeConsumerRunningInfo(response.Body)
	require.NoError(t, err)
	require.Equal(t, messages.ConsumePassively, info.Properties[messages.PropConsumeType])
	require.Equal(t, "false", info.Properties[messages.PropConsumeOrderly])
	require.Equal(t, names.addr, info.Properties[messages.PropNameServerAddr])
	require.Equal(t, "20", info.Properties[messages.PropThreadPoolCoreSize])
	require.Len(t, info.MQTable, 2)
	require.Equal(t, messages.MessageQueue{Topic: "t", BrokerName: "broker-a", QueueID: 1}, info.MQTable[1].Queue)
	require.NotZero(t, info.MQTable[1].Value.LastPullTimestamp)
	require.Len(t, info.SubscriptionSet, 2)
	require.Contains(t, info.JStack, "goroutine")

	response = broker.push(pushRequest(messages.CodeGetConsumerStatusFromClient, "group", "readers", "topic", "t"), true)
	require.EqualValues(t, messages.Success, response.Code, response.Remark)
	status, err := messages.DecodeConsumerStatus(response.Body)
	require.NoError(t, err)
	require.Len(t, status.MessageQueueTable, 2)

	for _, code := range []messages.RequestCode{messages.CodeGetConsumerRunningInfo, messages.CodeConsumeMessageDirectly} {
		broker.forget()
		response = broker.push(pushRequest(code, "consumerGroup", "nobody"), true)
		require.EqualValues(t, messages.SystemError, response.Code)
	}
}

func TestOperatorsResetOffsets(t *testing.T) {
	broker := serve(t, groupScript(noMessages))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	running(t, names, ConsumerOptions{}, func(context.Context, *Received) error { return nil })
	broker.await(messages.CodePullMessage, 1)
	broker.forget()
	reset := pushRequest(messages.CodeResetConsumerClientOffset, "group", "readers", "topic", "t", "timestamp", "1", "isForce", "true")
	body := messages.ResetOffsetBody{OffsetTable: messages.QueueTable[int64]{
		{Queue: messages.MessageQueue{Topic: "t", BrokerName: "broker-a"}, Value: 42},
		{Queue: messages.MessageQueue{Topic: "other", BrokerName: "broker-a"}, Value: 43},
	}}
	var err error
	reset.Body, err = body.Encode()
	require.NoError(t, err)
	reset.Flag = messages.FlagOneway
	broker.push(reset, false)
	require.Equal(t, "42", broker.await(messages.CodePullMessage, 1)[0].Ext.Text("queueOffset"))
	require.Equal(t, "42", broker.await(messages.CodeUpdateConsumerOffset, 1)[0].Ext.Text("commitOffset"))
	broker.push(&messages.Command{Code: int32(messages.CodeResetConsumerClientOffset), Body: []byte("{")}, false) // changes nothing
}

func TestOperatorsHaveAMessageConsumed(t *testing.T) {
	broker := serve(t, groupScript(noMessages))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	running(t, names, ConsumerOptions{Ordered: true}, func(_ context.Context, m *Received) error {
		if string(m.Body) == "bad" {
			return errors.New("no good")
		}
		require.Equal(t, "broker-a", m.Queue.Broker)
		return nil
	})
	broker.await(messages.CodeGetConsumerListByGroup, 1)
	for body, want := range map[string]messages.ConsumeMessageDirectlyResult{
		"good": {ConsumeResult: messages.ConsumeSuccess, Order: true, AutoCommit: true},
		"bad":  {ConsumeResult: messages.ConsumeLater, Remark: "no good", Order: true, AutoCommit: true},
	} {
		broker.forget()
		request := pushRequest(messages.CodeConsumeMessageDirectly, "consumerGroup", "readers", "brokerName", "broker-a")
		request.Body = encoded(5, []byte(body), nil)
		response := broker.push(request, true)
		require.EqualValues(t, messages.Success, response.Code, response.Remark)
		got, err := messages.DecodeConsumeMessageDirectlyResult(response.Body)
		require.NoError(t, err)
		got.SpentTimeMills = 0
		require.Equal(t, &want, got)
	}
	broker.forget()
	response := broker.push(pushRequest(messages.CodeConsumeMessageDirectly, "consumerGroup", "readers"), true)
	require.EqualValues(t, messages.SystemError, response.Code, "there is no message")
}

// pair serves a route whose broker has a master and a slave.
func pair(t *testing.T, master, slave *server) *server {
	return serve(t, func(request *messages.Command) *messages.Command {
		if request.Ext.Text("topic") != "t" {
			return answer(messages.TopicNotExist)
		}
		route := messages.TopicRouteData{
			BrokerDatas: []messages.BrokerData{{BrokerName: "broker-a", Cluster: "c", BrokerAddrs: map[int64]string{0: master.addr, 1: slave.addr}}},
			QueueDatas:  []messages.QueueData{{BrokerName: "broker-a", Perm: 6, ReadQueueNums: 1, WriteQueueNums: 1}},
		}
		response := answer(messages.Success)
		response.Body, _ = route.Encode()
		return response
	})
}

// suggests answers a pull with no message and the process to ask next.
func suggests(request *messages.Command, id int64) *messages.Command {
	return answer(messages.PullRetryImmediately, "nextBeginOffset", request.Ext.Text("queueOffset"),
		"minOffset", 0, "maxOffset", 9, "suggestWhichBrokerId", id)
}

func TestASlaveIsReadWhenTheMasterSaysSo(t *testing.T) {
	atSlave := 0
	slave := serve(t, nil)
	slave.script = groupScript(func(request *messages.Command) *messages.Command {
		if atSlave++; atSlave == 3 {
			slave.hangUp()
			return nil
		}
		return suggests(request, 1)
	})
	atMaster := 0
	master := serve(t, groupScript(func(request *messages.Command) *messages.Command {
		if atMaster++; atMaster == 2 {
			return nil // back at the master
		}
		return suggests(request, 1)
	}))
	running(t, pair(t, master, slave), ConsumerOptions{}, func(context.Context, *Received) error { return nil })
	master.await(messages.CodePullMessage, 2)
	require.Len(t, slave.got(messages.CodePullMessage), 3)
	for _, s := range []*server{master, slave} {
		require.NotEmpty(t, s.got(messages.CodeHeartBeat), "slaves need to know the group, too")
	}
}

func TestABrokerThatHasForgottenTheGroupIsTold(t *testing.T) {
	first := true
	broker := serve(t, groupScript(func(*messages.Command) *messages.Command {
		if first {
			first = false
			return answer(messages.SubscriptionNotExist)
		}
		return nil
	}))
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	running(t, names, ConsumerOptions{}, func(context.Context, *Received) error { return nil })
	broker.await(messages.CodePullMessage, 1)
	before := len(broker.got(messages.CodeHeartBeat))
	broker.await(messages.CodePullMessage, 2)
	require.Greater(t, len(broker.got(messages.CodeHeartBeat)), before-1)
	broker.await(messages.CodeHeartBeat, 2)
}
