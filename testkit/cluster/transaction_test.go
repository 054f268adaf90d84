package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// impatient has a broker ask about transactions soon, and never give up.
func impatient(c *config.Broker) {
	c.TransactionTimeOut, c.TransactionCheckInterval, c.TransactionCheckMax = 300, 500, 10_000
	c.TransactionOpBatchInterval = 200
	// Offsets are saved long before the log is flushed, unless somebody sees to it.
	c.FlushConsumerOffsetInterval, c.FlushIntervalCommitLog = 100, 60_000
}

// Whatever happens to the broker: the message of a transaction that took place is
// seen, that of one that did not never is, and the broker asks until it knows.
func TestTransactionsEndAsTheirProducersSay(t *testing.T) {
	committed, repeated, asked := 0, 0, 0
	sim.Seeds(t, 60, sim.Options{Link: sim.Link{MaxDelay: 300 * time.Microsecond, ResetRate: 3000}}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
			syncFlush(c)
			impatient(c)
		})
		b.CreateTopic(topic, queues)
		producer := cluster.NewTransactor(b, topic, queues)
		random := w.Host("chance").Env().Rand
		if random.IntN(2) == 0 {
			producer.Immunity = "1"
		}
		if random.IntN(2) == 0 { // commits are under way while rounds look
			b.Host.SetDisk(sim.Disk{Sync: sim.Latency{Max: time.Second}})
		}
		for range 4 {
			producer.Connect()
			producer.Load(random.IntN(3000))
			producer.Settle(time.Duration(random.IntN(1500)) * time.Millisecond)
			if kind := random.IntN(3); kind < 2 {
				b.Crash(sim.Crash(kind))
			} else {
				require.NoError(t, b.Stop())
			}
			b.Start()
		}
		b.Host.SetDisk(sim.Disk{})
		producer.Connect()
		producer.Settle(20 * time.Second)
		require.Zero(t, producer.Undecided())
		c, r := producer.Check()
		committed, repeated, asked = committed+c, repeated+r, asked+producer.Asked

		before := producer.Asked
		producer.Settle(5 * time.Second)
		require.Equal(t, before, producer.Asked, "nothing is open any more")
		requireAllChecked(t, b, w)
	})
	require.Positive(t, committed)
	require.Positive(t, asked)
	t.Logf("%d committed, %d of them again; %d questions", committed, repeated, asked)
}

// requireAllChecked asserts that the group's offsets have reached the ends of both
// queues, so that nothing of them is ever read again.
func requireAllChecked(t *testing.T, b *cluster.Broker, w *sim.World) {
	operator := w.Host("operator")
	w.SetLink(b.Host, operator, sim.Link{MaxDelay: time.Millisecond})
	c := b.Dial(operator)
	defer c.Close()
	for _, queue := range []string{messages.TopicTransHalf, messages.TopicTransOpHalf} {
		end, err := c.Call(script.MaxOffset(queue, 0))
		require.NoError(t, err)
		query := &messages.Command{Code: int32(messages.CodeQueryConsumerOffset)}
		query.Ext.Set("consumerGroup", messages.GroupTransactions)
		query.Ext.Set("topic", queue)
		query.Ext.SetInt("queueId", 0)
		at, err := c.Call(query)
		require.NoError(t, err)
		if end.Ext.Text("offset") == "0" {
			continue
		}
		require.Equal(t, end.Ext.Text("offset"), at.Ext.Text("offset"), queue)
	}
}

// asked starts a broker with one transaction, whose producer is there to be asked.
func asked(t *testing.T, w *sim.World, configure func(*config.Broker)) (*cluster.Broker, *sim.Client) {
	b, p, _ := begun(t, w, configure)
	return b, p
}

// begun is asked with the answer to the transaction's half.
func begun(t *testing.T, w *sim.World, configure func(*config.Broker)) (*cluster.Broker, *sim.Client, *messages.Command) {
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
		impatient(c)
		configure(c)
	})
	b.CreateTopic(topic, queues)
	p := join(t, w, b)
	half, err := p.Call(script.Half(topic, 0, "ID", []byte("text"), w.Now().UnixMilli()))
	require.NoError(t, err)
	require.NoError(t, script.Succeeded(half))
	return b, p, half
}

func join(t *testing.T, w *sim.World, b *cluster.Broker) *sim.Client {
	p := b.Dial(w.Host("producer"))
	beat, err := script.Heartbeat("producer@1")
	require.NoError(t, err)
	_, err = p.Call(beat)
	require.NoError(t, err)
	return p
}

// decide answers the last question with a commit, and returns what the broker makes of it.
func decide(t *testing.T, p *sim.Client) *messages.Command {
	questions := p.Pushes()
	require.NotEmpty(t, questions)
	end, err := script.Checked(questions[len(questions)-1], messages.SysFlagCommit)
	require.NoError(t, err)
	end.Flag = 0
	response, err := p.Call(end)
	require.NoError(t, err)
	return response
}

// A commit that the log refuses, for the disk is nearly full, is no end: the
// transaction is asked about until its message finds room.
func TestARefusedCommitIsNoEnd(t *testing.T) {
	w := sim.New(1, sim.Options{DiskSize: 10 << 20})
	b, p := asked(t, w, func(c *config.Broker) {
		c.CleanFileForciblyEnable = false
		c.CleanResourceInterval = 100
	})
	used, err := b.Host.Disk().Usage("/")
	require.NoError(t, err)
	b.Host.Disk().SetCapacity(int64(float64(used.Total-used.Free) / 0.95))
	w.Advance(65 * time.Second) // the first look at the disk is after a minute
	refused := decide(t, p)
	require.Equal(t, int32(messages.ServiceNotAvailable), refused.Code)
	require.Contains(t, refused.Remark, "disk")

	b.Host.Disk().SetCapacity(10 << 20)
	w.Advance(2 * time.Second)
	p.Pushes() // the first may have been under way
	w.Advance(2 * time.Second)
	require.NoError(t, script.Succeeded(decide(t, p)))
}

// A round that gets past a half has its copy on disk before the offset: a loss of
// power that takes the end of the log leaves the transaction to be asked about.
func TestALossOfPowerForgetsNoOpenTransaction(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, p := asked(t, w, func(c *config.Broker) { c.TransactionTimeOut = 70_000 })
		w.Advance(65 * time.Second) // the half is flushed, and not asked about yet
		require.Empty(t, p.Pushes())
		w.Advance(6 * time.Second)
		require.NotEmpty(t, p.Pushes())
		b.Crash(sim.PowerLoss)
		b.Start()
		p = join(t, w, b)
		w.Advance(2 * time.Second)
		require.NoError(t, script.Succeeded(decide(t, p)))
	})
}

// A half is left alone while its commit waits for the disk, however long that takes.
func TestACommitUnderWayIsNotAskedAbout(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, p, half := begun(t, w, func(c *config.Broker) {
			syncFlush(c)
			c.TransactionTimeOut, c.TransactionCheckInterval = 1000, 500
		})
		w.Advance(900 * time.Millisecond)
		b.Host.SetDisk(sim.Disk{Sync: sim.Latency{Min: 3 * time.Second, Max: 3 * time.Second}})
		commit := sendEnd(t, p, half, messages.SysFlagCommit)
		w.Advance(2 * time.Second) // rounds come and go
		require.Nil(t, commit.Response)
		b.Host.SetDisk(sim.Disk{})
		w.Advance(10 * time.Second)
		require.NoError(t, script.Succeeded(commit.Response))
		require.Empty(t, p.Pushes())
	})
}

// A half may end while the round that is about to ask waits for its copy: then the
// copy has ended as well, and nobody is asked.
func TestAHalfThatEndsWhileItIsStoredAgainIsNotAskedAbout(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b, p, half := begun(t, w, func(*config.Broker) {})
		w.Advance(400 * time.Millisecond)
		b.Host.SetDisk(sim.Disk{Write: sim.Latency{Min: 3 * time.Second, Max: 3 * time.Second}})
		w.Advance(200 * time.Millisecond) // the round was at 500 ms
		rollback := sendEnd(t, p, half, messages.SysFlagRollback)
		w.Advance(time.Second)
		require.NoError(t, script.Succeeded(rollback.Response))
		b.Host.SetDisk(sim.Disk{})
		w.Advance(10 * time.Second)
		require.Empty(t, p.Pushes())
		end, err := p.Call(script.MaxOffset(messages.TopicTransHalf, 0))
		require.NoError(t, err)
		require.Equal(t, "2", end.Ext.Text("offset"), "the half and its copy")
		requireAllChecked(t, b, w)
	})
}

// sendEnd ends a transaction by the answer to its half.
func sendEnd(t *testing.T, p *sim.Client, half *messages.Command, outcome int32) *sim.Call {
	end, err := script.End(half, outcome)
	require.NoError(t, err)
	end.Flag = 0 // the test wants an answer
	return p.Send(end)
}
