package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/audit"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// A topic of queue type BatchCQ keeps what TestSyncFlushLosesNothing says of all:
// batches, and messages between them, are there whole, or not at all, at the offsets
// that their producers were told, through crashes of every kind; and at each end the
// files say the same as the log.
func TestBatchTopicsLoseNothing(t *testing.T) {
	acks := 0
	sim.Seeds(t, 100, sim.Options{Link: sim.Link{MaxDelay: 300 * time.Microsecond, ResetRate: 2000}}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), syncFlush)
		b.CreateBatchTopic(topic, queues)
		j := cluster.NewJudge(b, topic, queues, 2)
		j.Batches = true
		random := w.Host("chance").Env().Rand
		for range 3 {
			j.Connect()
			j.Load(random.IntN(4000))
			if kind := random.IntN(3); kind < 2 {
				b.Crash(sim.Crash(kind))
			} else {
				require.NoError(t, b.Stop())
				auditStore(t, b)
			}
			if random.IntN(3) == 0 {
				crashDuringStart(b, random.IntN(150))
			}
			b.Start()
			j.Check()
		}
		require.NoError(t, b.Stop())
		auditStore(t, b)
		acks += j.History.Acknowledgements()
	})
	require.Positive(t, acks)
}

// auditStore checks the files of a broker that has stopped.
func auditStore(t *testing.T, b *cluster.Broker) {
	levels, err := messages.ParseDelayLevels(b.Config.MessageDelayLevel)
	require.NoError(t, err)
	report, err := audit.Store(b.Host.Disk().Snapshot(), b.Config.StorePathRootDir, audit.Options{
		Clean: true, Delays: levels, Index: true, Slots: b.Config.MaxHashSlotNum, Entries: b.Config.MaxIndexNum,
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, report.Units, report.Records, "every record of the log is in a queue")
}

// A slave has a batch topic's queue as its master has it, also if the first message
// came before the topic was known there, and after it was killed.
func TestBatchTopicAtASlave(t *testing.T) {
	sim.Seeds(t, 10, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newSet(t, w, 1)
		s.master.CreateBatchTopic("late", 1)
		client := s.master.Dial(w.Host("client"))
		send := func(request *messages.Command) {
			response, err := client.Call(request)
			require.NoError(t, err)
			require.NoError(t, script.Succeeded(response))
		}
		send(script.Send("late", 0, []byte("a")))
		w.Advance(500 * time.Millisecond) // it is at the slaves, the topic is not
		send(script.SendBatch("late", 0, "B1", [][]byte{[]byte("b"), []byte("c")}))
		w.Advance(30 * time.Second)
		slave := s.slaves[0]
		if w.Seed()%2 == 0 {
			slave.Crash(sim.ProcessKill)
			slave.Start()
			w.Advance(10 * time.Second)
		}
		send(script.Send("late", 0, []byte("d")))
		w.Advance(time.Second)

		require.NoError(t, slave.Stop())
		auditStore(t, slave)
		slave.Crash(sim.ProcessKill)
		slave.Config.SlaveReadEnable = true
		slave.Start()
		response, err := slave.Dial(w.Host("reader")).Call(script.Pull("late", 0, 0, 0))
		require.NoError(t, err)
		pulled, err := script.Pulled(response)
		require.NoError(t, err)
		require.Len(t, pulled.Records, 4)
		for i, body := range []string{"a", "b", "c", "d"} {
			require.EqualValues(t, i, pulled.Records[i].QueueOffset)
			require.Equal(t, body, string(pulled.Records[i].Body))
		}
	})
}
