package actormq

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// reply is what a broker passes on, with the properties of a reply to q1.
func reply(correlation string, change func(*messages.Command)) *messages.Command {
	c := &messages.Command{Code: int32(messages.CodePushReplyMessageToClient), Body: []byte("forty-two")}
	for field, value := range map[string]string{
		"topic": "c_REPLY_TOPIC", "sysFlag": "0", "bornTimestamp": "1000", "storeTimestamp": "2000", "flag": "7",
		"bornHost": "10.0.0.1:1", "storeHost": "10.0.0.2:2",
		"properties": "CORRELATION_ID\x01" + correlation + "\x02UNIQ_KEY\x01abc\x02",
	} {
		c.Ext.Set(field, value)
	}
	if change != nil {
		change(c)
	}
	return c
}

func TestAReplyIsHandedToTheRequest(t *testing.T) {
	c := connect(t, "127.0.0.1:1")
	waiting := c.requests.wait("q1")
	response := c.replied(reply("q1", nil))
	require.Equal(t, int32(messages.Success), response.Code)
	got := <-waiting
	require.Equal(t, "forty-two", string(got.Body))
	require.Equal(t, "abc", got.ID)
	require.Equal(t, "c_REPLY_TOPIC", got.Topic)
	require.EqualValues(t, 7, got.Flag)
	require.Equal(t, time.UnixMilli(1000), got.Born)
	require.Equal(t, "10.0.0.1:1", got.BornHost.String())

	require.Equal(t, int32(messages.Success), c.replied(reply("q1", nil)).Code, "late ones are taken, too")
}

func TestAReplyThatCannotBeRead(t *testing.T) {
	c := connect(t, "127.0.0.1:1")
	for name, change := range map[string]func(*messages.Command){
		"sysFlag":        func(r *messages.Command) { r.Ext.Set("sysFlag", "x") },
		"bornTimestamp":  func(r *messages.Command) { r.Ext.Set("bornTimestamp", "") },
		"storeTimestamp": func(r *messages.Command) { r.Ext.Set("storeTimestamp", "x") },
		"flag":           func(r *messages.Command) { r.Ext.Set("flag", "99999999999") },
		"body":           func(r *messages.Command) { r.Ext.Set("sysFlag", "1") },
	} {
		require.Equal(t, int32(messages.SystemError), c.replied(reply("q1", change)).Code, name)
	}
}

func FuzzReply(f *testing.F) {
	f.Add("0", "1", "2", "3", "CORRELATION_ID\x01q\x02", []byte("x"))
	c := &Client{}
	f.Fuzz(func(t *testing.T, sysFlag, born, stored, flag, properties string, body []byte) {
		command := &messages.Command{Body: body}
		command.Ext.Set("sysFlag", sysFlag)
		command.Ext.Set("bornTimestamp", born)
		command.Ext.Set("storeTimestamp", stored)
		command.Ext.Set("flag", flag)
		command.Ext.Set("properties", properties)
		_, _ = c.decodeReply(command)
	})
}

func TestARequestSaysWhoAsks(t *testing.T) {
	a, b := serve(t, acceptAll), serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 1}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := p.Request(ctx, &Message{Topic: "t", Body: []byte("?")})
	require.ErrorIs(t, err, ErrNoReply)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, p.client.requests.waiting)
	for _, broker := range []*server{a, b} {
		require.NotEmpty(t, broker.got(messages.CodeHeartBeat), "a reply may come from any broker")
	}
	request := append(a.got(messages.CodeSendMessageV2), b.got(messages.CodeSendMessageV2)...)[0]
	properties := messages.Properties([]byte(request.Ext.Text("i")))
	require.Equal(t, "test", properties[messages.PropertyReplyToClient])
	require.Len(t, properties[messages.PropertyCorrelationID], 32)
	require.Regexp(t, `^1?\d\d$`, properties[messages.PropertyTTL])
}

func TestOnlyRequestsAreReplied(t *testing.T) {
	broker := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"c_REPLY_TOPIC": {{"broker-a", broker, 1}, {"broker-b", broker, 8}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	properties := func(of ...string) *Received {
		r := &Received{Properties: make(map[string]string), Queue: Queue{Topic: "t", Broker: "broker-a"}}
		for _, name := range of {
			r.Properties[name] = "c"
		}
		return r
	}
	const to, id, cluster, ttl = messages.PropertyReplyToClient, messages.PropertyCorrelationID, messages.PropertyCluster, messages.PropertyTTL
	require.Error(t, p.Reply(within(t), properties(id, cluster), []byte("x")))
	require.Error(t, p.Reply(within(t), properties(to, cluster), []byte("x")))
	require.Error(t, p.Reply(within(t), properties(to, id), []byte("x")))
	require.Error(t, p.Reply(within(t), properties(to, id, cluster), nil))
	require.Empty(t, broker.got(messages.CodeSendReplyMessageV2))

	require.NoError(t, p.Reply(within(t), properties(to, id, cluster, ttl), []byte("x")))
	request := broker.got(messages.CodeSendReplyMessageV2)[0]
	require.Equal(t, "c_REPLY_TOPIC", request.Ext.Text("b"))
	require.Equal(t, "broker-a", request.Ext.Text("n"), "where the one who asks is connected")
	got := messages.Properties([]byte(request.Ext.Text("i")))
	require.Equal(t, "reply", got[messages.PropertyMessageType])
	require.Equal(t, "c", got[id])
	require.Equal(t, "c", got[to])
	require.Equal(t, "c", got[ttl])
}
