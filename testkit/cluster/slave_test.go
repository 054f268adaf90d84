package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/fastjson"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// pair starts a name server, a master with a topic, and a slave that has found it.
func pair(t *testing.T, w *sim.World, configure ...func(*config.Broker)) (master, slave *cluster.Broker) {
	names := cluster.StartNameServer(t, w, w.Host("names"))
	join := func(c *config.Broker) {
		c.BrokerName, c.NamesrvAddr, c.SlaveReadEnable = "pair", names.Addr(), true
		for _, f := range configure {
			f(c)
		}
	}
	master = cluster.StartBroker(t, w, w.Host("master"), join)
	master.CreateTopic(topic, queues)
	slave = cluster.StartBroker(t, w, w.Host("slave"), func(c *config.Broker) {
		join(c)
		c.BrokerRole, c.BrokerID = config.Slave, 1
	})
	return master, slave
}

// catchUp lets a slave get everything.
func catchUp(t *testing.T, w *sim.World, master, slave *cluster.Broker) {
	t.Helper()
	w.Advance(15 * time.Second)
	require.Equal(t, trimmed(master.ReadLog()), trimmed(slave.ReadLog()))
}

func succeed(t *testing.T, c *sim.Client, command *messages.Command) *messages.Command {
	t.Helper()
	response, err := c.Call(command)
	require.NoError(t, err)
	require.NoError(t, script.Succeeded(response))
	return response
}

// What a master has, its slave has, byte for byte, and shows it to consumers.
func TestASlaveHasWhatItsMasterHas(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	producer := master.Dial(w.Host("producer"))
	for i := range 300 { // several segments
		succeed(t, producer, script.Send(topic, int32(i%queues), body(1000)))
	}
	catchUp(t, w, master, slave)
	consumer := slave.Dial(w.Host("consumer"))
	for id := range int32(queues) {
		response, err := consumer.Call(script.MaxOffset(topic, id))
		require.NoError(t, err)
		require.Equal(t, "100", response.Ext.Text("offset"))
	}
	require.NoError(t, slave.Stop())
	require.NoError(t, master.Stop())
	require.Equal(t, trimmed(master.ReadLog()), trimmed(slave.ReadLog()))
}

// Topics, groups and offsets of the master come to the slave, and go.
func TestASlaveHasTheTablesOfItsMaster(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	atMaster, atSlave := master.Dial(w.Host("client")), slave.Dial(w.Host("client"))
	commit(t, atMaster, 2, 17)
	w.Advance(15 * time.Second)
	for _, code := range []messages.RequestCode{
		messages.CodeGetAllTopicConfig, messages.CodeGetAllSubscriptionGroupConfig, messages.CodeGetAllConsumerOffset, messages.CodeGetAllDelayOffset,
	} {
		want := succeed(t, atMaster, &messages.Command{Code: int32(code)})
		got := succeed(t, atSlave, &messages.Command{Code: int32(code)})
		require.Equal(t, tables(t, want.Body), tables(t, got.Body), "%v", code)
	}
	remove := &messages.Command{Code: int32(messages.CodeDeleteTopicInBroker)}
	remove.Ext.Set("topic", topic)
	succeed(t, atMaster, remove)
	w.Advance(15 * time.Second)
	response, err := atSlave.Call(script.Pull(topic, 0, 0, 0))
	require.NoError(t, err)
	require.EqualValues(t, messages.TopicNotExist, response.Code)
}

// tables drops the versions, which move on between two questions.
func tables(t *testing.T, body []byte) map[string]any {
	var all map[string]any
	require.NoError(t, fastjson.Unmarshal(body, &all))
	delete(all, "dataVersion")
	return all
}

func commit(t *testing.T, c *sim.Client, queue, offset int64) {
	_, err := c.Call(script.Pull(topic, 0, 0, 0)) // the group comes to be
	require.NoError(t, err)
	command := &messages.Command{Code: int32(messages.CodeUpdateConsumerOffset)}
	command.Ext.Set("consumerGroup", script.Group)
	command.Ext.Set("topic", topic)
	command.Ext.SetInt("queueId", queue)
	command.Ext.SetInt("commitOffset", offset)
	succeed(t, c, command)
}

func committed(t *testing.T, c *sim.Client, queue int64) string {
	command := &messages.Command{Code: int32(messages.CodeQueryConsumerOffset)}
	command.Ext.Set("consumerGroup", script.Group)
	command.Ext.Set("topic", topic)
	command.Ext.SetInt("queueId", queue)
	return succeed(t, c, command).Ext.Text("offset")
}

// While its master is away a slave serves consumers, and keeps their offsets for it.
func TestConsumersGoOnWithoutAMaster(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	producer := master.Dial(w.Host("producer"))
	for range 10 {
		succeed(t, producer, script.Send(topic, 0, body(1000)))
	}
	commit(t, producer, 0, 3)
	commit(t, producer, 1, 5)
	catchUp(t, w, master, slave)

	consumer := slave.Dial(w.Host("consumer"))
	require.Equal(t, "0", suggested(t, consumer, 3), "there is a master")
	empty, err := consumer.Call(script.Pull(topic, 0, 10, 1000))
	require.NoError(t, err)
	require.EqualValues(t, messages.PullRetryImmediately, empty.Code, "what is new is at the master")

	master.Crash(sim.ProcessKill)
	w.Advance(time.Second)
	require.Equal(t, "1", suggested(t, consumer, 3))
	before := w.Elapsed()
	empty, err = consumer.Call(script.Pull(topic, 0, 10, 1000))
	require.NoError(t, err)
	require.EqualValues(t, messages.PullNotFound, empty.Code)
	require.InDelta(t, time.Second, w.Elapsed()-before, float64(300*time.Millisecond), "it was held")
	commit(t, consumer, 0, 10)

	master.Start()
	require.Equal(t, "3", committed(t, master.Dial(w.Host("client")), 0))
	w.Advance(30 * time.Second)
	at := master.Dial(w.Host("client"))
	require.Equal(t, "10", committed(t, at, 0), "the master hears of it")
	require.Equal(t, "5", committed(t, at, 1))
	commit(t, at, 0, 4) // an operator has the group consume again
	w.Advance(30 * time.Second)
	require.Equal(t, "4", committed(t, at, 0))
	require.Equal(t, "4", committed(t, consumer, 0))
	require.Equal(t, "0", suggested(t, consumer, 3))
}

// suggested pulls from an offset and returns where the consumer is sent.
func suggested(t *testing.T, c *sim.Client, offset int64) string {
	return succeed(t, c, script.Pull(topic, 0, offset, 0)).Ext.Text("suggestWhichBrokerId")
}

// A consumer that is far behind is sent to a slave, and back when it is not.
func TestSlowConsumersReadFromSlaves(t *testing.T) {
	w := sim.New(1, sim.Options{})
	w.Host("master").Env().Memory = 100 << 10 // of which 40 % are taken to hold the end of the log
	w.Host("slave").Env().Memory = 100 << 10
	master, slave := pair(t, w)
	producer := master.Dial(w.Host("producer"))
	for range 100 {
		succeed(t, producer, script.Send(topic, 0, body(1000)))
	}
	catchUp(t, w, master, slave)
	for _, at := range []*cluster.Broker{master, slave} {
		consumer := at.Dial(w.Host("consumer"))
		require.Equal(t, "1", suggested(t, consumer, 0))
		require.Equal(t, "0", suggested(t, consumer, 90))
	}
}

func TestWithoutSlaveReadEnable(t *testing.T) {
	w := sim.New(1, sim.Options{})
	w.Host("master").Env().Memory = 100 << 10
	master, slave := pair(t, w, func(c *config.Broker) { c.SlaveReadEnable = false })
	producer := master.Dial(w.Host("producer"))
	for range 100 {
		succeed(t, producer, script.Send(topic, 0, body(1000)))
	}
	require.Equal(t, "0", suggested(t, producer, 0))
	response, err := slave.Dial(w.Host("consumer")).Call(script.Pull(topic, 0, 0, 0))
	require.NoError(t, err)
	require.EqualValues(t, messages.SystemBusy, response.Code)
}

// What is the master's, a slave refuses.
func TestASlaveChangesNothing(t *testing.T) {
	back := &messages.Command{Code: int32(messages.CodeConsumerSendMsgBack)}
	back.Ext.Set("group", script.Group)
	back.Ext.SetInt("offset", 0)
	back.Ext.SetInt("delayLevel", 0)
	remove := &messages.Command{Code: int32(messages.CodeDeleteTopicInBroker)}
	remove.Ext.Set("topic", topic)
	reset := &messages.Command{Code: int32(messages.CodeInvokeBrokerToResetOffset)}
	tests := map[string]struct {
		request *messages.Command
		code    messages.ResponseCode
	}{
		"a send":             {script.Send(topic, 0, body(10)), messages.SystemBusy},
		"a send to no topic": {script.Send("unknown", 0, body(10)), messages.SystemBusy},
		"a send back":        {back, messages.SystemBusy},
		"a topic":            {script.CreateTopic("other", 1), messages.SystemError},
		"no topic":           {remove, messages.SystemError},
		"a reset":            {reset, messages.SystemError},
	}
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	catchUp(t, w, master, slave)
	client := slave.Dial(w.Host("client"))
	for name, test := range tests {
		response, err := client.Call(test.request)
		require.NoError(t, err)
		require.EqualValues(t, test.code, response.Code, "%s: %s", name, response.Remark)
	}
	catchUp(t, w, master, slave)
}

// A delayed message is delivered by the master alone.
func TestASlaveDeliversNoDelayedMessages(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	producer := master.Dial(w.Host("producer"))
	delayed := script.Send(topic, 0, body(100))
	delayed.Ext.Set("properties", "DELAY\x013\x02")
	succeed(t, producer, delayed)
	w.Advance(30 * time.Second)
	catchUp(t, w, master, slave)
	for _, at := range []*cluster.Broker{master, slave} {
		require.Equal(t, "1", succeed(t, at.Dial(w.Host("client")), script.MaxOffset(topic, 0)).Ext.Text("offset"))
	}
}

// The master comes back at another address, of which the name server tells.
func TestASlaveFindsItsMasterAgain(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w)
	succeed(t, master.Dial(w.Host("producer")), script.Send(topic, 0, body(100)))
	catchUp(t, w, master, slave)
	require.NoError(t, master.Stop())
	master.Config.ListenPort, master.Config.HAListenPort = 20911, 30000
	master.Start()
	succeed(t, master.Dial(w.Host("producer")), script.Send(topic, 0, body(100)))
	w.Advance(time.Minute)
	catchUp(t, w, master, slave)
	status := succeed(t, slave.Dial(w.Host("client")), script.HAStatus())
	s, err := messages.DecodeHAStatus(status.Body)
	require.NoError(t, err)
	require.False(t, s.Master)
	require.Equal(t, w.Host("master").IP().String()+":30000", s.Client.MasterAddr)
	require.EqualValues(t, len(trimmed(slave.ReadLog())), s.Client.MaxOffset)
}

// A power loss takes the end of the slave's log; what is lost comes again.
func TestASlaveComesBackAfterAPowerLoss(t *testing.T) {
	sim.Seeds(t, 30, sim.Options{}, func(t *testing.T, w *sim.World) {
		master, slave := pair(t, w)
		producer := master.Dial(w.Host("producer"))
		for range 4 {
			for range 50 {
				succeed(t, producer, script.Send(topic, 0, body(1000)))
			}
			w.Advance(time.Second)
			succeed(t, producer, script.Send(topic, 0, body(1000)))
			slave.Crash(sim.PowerLoss)
			succeed(t, producer, script.Send(topic, 0, body(1000)))
			slave.Start()
		}
		catchUp(t, w, master, slave)
		require.Equal(t, "208", succeed(t, slave.Dial(w.Host("client")), script.MaxOffset(topic, 0)).Ext.Text("offset"))
	})
}

// A message that is larger than what Reput looks at in one go.
func TestASlaveShowsLargeMessages(t *testing.T) {
	w := sim.New(1, sim.Options{})
	master, slave := pair(t, w, func(c *config.Broker) { c.MappedFileSizeCommitLog, c.MaxMessageSize = 4<<20, 1<<20 })
	producer := master.Dial(w.Host("producer"))
	for _, size := range []int{100, 900_000, 300_000, 100} {
		succeed(t, producer, script.Send(topic, 0, body(size)))
	}
	catchUp(t, w, master, slave)
	require.Equal(t, "4", succeed(t, slave.Dial(w.Host("client")), script.MaxOffset(topic, 0)).Ext.Text("offset"))
}
