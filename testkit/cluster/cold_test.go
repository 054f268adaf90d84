package cluster_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// coldBroker is a broker of whose log only the last 40 KiB count as in memory, with
// twenty messages of 10 KiB in one queue. Each group may read 15 KiB of the others in
// five seconds.
func coldBroker(t *testing.T, configure func(*config.Broker)) (*sim.World, *cluster.Broker) {
	w := sim.New(1, sim.Options{Memory: 100 << 10})
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		c.ColdDataFlowControlEnable, c.CGColdReadThreshold, c.GlobalColdReadThreshold = true, 15<<10, 1<<20
		c.MaxTransferBytesOnMessageInDisk, c.MaxTransferCountOnMessageInDisk = 8<<10, 1
		if configure != nil {
			configure(c)
		}
	})
	b.CreateTopic(topic, 1)
	producer := b.Dial(w.Host("producer"))
	for range 20 {
		response, err := producer.Call(script.Send(topic, 0, make([]byte, 10<<10)))
		require.NoError(t, err)
		require.Zero(t, response.Code)
	}
	return w, b
}

// member makes a client a member of the group that script.Pull names, and returns it.
func member(t *testing.T, w *sim.World, b *cluster.Broker, group, consumeType string) *sim.Client {
	c := b.Dial(w.Host("consumer"))
	beat := &messages.HeartbeatData{ClientID: "c@1", Consumers: []messages.ConsumerData{{
		GroupName: group, ConsumeType: consumeType, MessageModel: messages.Clustering, ConsumeFromWhere: messages.ConsumeFromLastOffset,
	}}}
	body, err := beat.Encode()
	require.NoError(t, err)
	response, err := c.Call(&messages.Command{Code: int32(messages.CodeHeartBeat), Body: body})
	require.NoError(t, err)
	require.Zero(t, response.Code)
	return c
}

// read pulls the message at an offset and returns the answer, and how long it took.
func read(t *testing.T, c *sim.Client, offset int64) (*messages.Command, time.Duration) {
	call := c.Send(script.Pull(topic, 0, offset, 0))
	response, err := call.Wait(time.Minute)
	require.NoError(t, err)
	return response, call.Answered - call.Sent
}

func TestColdMessagesOfAPushConsumerAreLimited(t *testing.T) {
	w, b := coldBroker(t, nil)
	c := member(t, w, b, script.Group, messages.ConsumePassively)
	for offset := range int64(2) {
		response, _ := read(t, c, offset)
		require.Zero(t, response.Code, "within the limit")
	}
	response, _ := read(t, c, 2)
	require.EqualValues(t, messages.SystemBusy, response.Code)
	require.Equal(t, "This consumer group is reading cold data. It has been flow control", response.Remark)
	response, _ = read(t, c, 19)
	require.Zero(t, response.Code, "what is in memory is not limited")

	w.Advance(6 * time.Second)
	response, _ = read(t, c, 2)
	require.Zero(t, response.Code, "in the next five seconds")
}

func TestColdMessagesOfAPullConsumerComeOneByOne(t *testing.T) {
	w, b := coldBroker(t, nil)
	c := member(t, w, b, script.Group, messages.ConsumeActively)
	read(t, c, 0)
	read(t, c, 1)
	response, took := read(t, c, 2)
	require.Zero(t, response.Code)
	require.InDelta(t, 3, took.Seconds(), 0.1)
	pulled, err := script.Pulled(response)
	require.NoError(t, err)
	require.Len(t, pulled.Records, 1)
}

func TestOperatorsLimitTheColdMessagesOfAGroup(t *testing.T) {
	w, b := coldBroker(t, nil)
	c := member(t, w, b, script.Group, messages.ConsumePassively)
	call := func(code messages.RequestCode, body string) *messages.Command {
		response, err := c.Call(&messages.Command{Code: int32(code), Body: []byte(body)})
		require.NoError(t, err)
		require.Zero(t, response.Code)
		return response
	}
	call(messages.CodeUpdateColdDataFlowCtrConfig, script.Group+"=1000000\nother=x\n")
	for offset := range int64(5) {
		response, _ := read(t, c, offset)
		require.Zero(t, response.Code)
	}
	var info struct {
		RuntimeTable map[string]struct{ ColdAcc, LastColdReadTimeMills, CreateTimeMills int64 }
		ConfigTable  map[string]int64
		GlobalAcc    int64
	}
	require.NoError(t, json.Unmarshal(call(messages.CodeGetColdDataFlowCtrInfo, "").Body, &info))
	require.Equal(t, map[string]int64{script.Group: 1_000_000}, info.ConfigTable)
	require.Greater(t, info.RuntimeTable[script.Group].ColdAcc, int64(50<<10))
	require.Equal(t, info.GlobalAcc, info.RuntimeTable[script.Group].ColdAcc)

	call(messages.CodeRemoveColdDataFlowCtrConfig, script.Group)
	response, _ := read(t, c, 5)
	require.EqualValues(t, messages.SystemBusy, response.Code)

	w.Advance(2 * time.Minute)
	require.NoError(t, json.Unmarshal(call(messages.CodeGetColdDataFlowCtrInfo, "").Body, &info))
	require.Zero(t, info.GlobalAcc)
}

func TestColdMessagesAreNotLimitedByDefault(t *testing.T) {
	w, b := coldBroker(t, func(c *config.Broker) { c.ColdDataFlowControlEnable = false })
	c := member(t, w, b, script.Group, messages.ConsumePassively)
	for offset := range int64(15) {
		response, _ := read(t, c, offset)
		require.Zero(t, response.Code)
	}
}
