package cluster_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// A master and two slaves, of which processes are killed and connections cut while
// a producer sends. What the master promised for three brokers is at each slave
// when the master is gone for good, and no slave has anything else than the master.
func TestNothingThatWasPromisedIsMissingAtASlave(t *testing.T) {
	promised, broken := 0, 0
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newSet(t, w, 3)
		for range 6 {
			s.load(50 + s.random.IntN(300))
			s.harm()
			s.load(50 + s.random.IntN(300))
			s.mend()
			w.Advance(time.Duration(s.random.IntN(8000)) * time.Millisecond)
		}
		s.load(200)
		w.Advance(4 * time.Second)
		s.collect()
		require.Empty(t, s.open, "every send is answered")
		s.master.Crash(sim.PowerLoss)
		w.Advance(time.Second)
		s.judge()
		promised, broken = promised+len(s.promised), broken+s.broken
	})
	require.Greater(t, promised, 1000)
	require.Positive(t, broken)
}

// set is a master with two slaves, and a producer.
type set struct {
	t        *testing.T
	world    *sim.World
	random   *rand.Rand
	master   *cluster.Broker
	slaves   []*cluster.Broker
	producer *sim.Client
	open     []*sim.Call
	promised []*sim.Call
	broken   int
}

func newSet(t *testing.T, w *sim.World, copies int) *set {
	s := &set{t: t, world: w, random: rand.New(rand.NewPCG(w.Seed(), 0x736574))}
	names := cluster.StartNameServer(t, w, w.Host("names"))
	join := func(c *config.Broker) { c.BrokerName, c.NamesrvAddr = "set", names.Addr() }
	s.master = cluster.StartBroker(t, w, w.Host("master"), func(c *config.Broker) {
		syncMaster(copies)(c)
		join(c)
		c.SlaveTimeout = 300
	})
	for i := range 2 {
		s.slaves = append(s.slaves, cluster.StartBroker(t, w, w.Host(fmt.Sprintf("slave-%d", i+1)), func(c *config.Broker) {
			join(c)
			c.BrokerRole, c.BrokerID = config.Slave, int64(i+1)
		}))
	}
	s.master.CreateTopic(topic, queues)
	w.Advance(time.Minute) // the slaves find their master
	s.producer = s.master.Dial(w.Host("producer"))
	return s
}

// load sends for so many steps.
func (s *set) load(steps int) {
	for range steps {
		if s.random.IntN(3) == 0 && len(s.open) < 20 {
			text := fmt.Sprintf("message %d %s", len(s.open)+len(s.promised)+s.broken, body(s.random.IntN(1000)))
			s.open = append(s.open, s.producer.Send(script.Send(topic, int32(s.random.IntN(queues)), []byte(text))))
		}
		s.world.Advance(time.Duration(s.random.IntN(500)) * time.Microsecond)
		s.collect()
	}
	require.NoError(s.t, s.world.Err())
}

func (s *set) collect() {
	waiting := s.open[:0]
	for _, call := range s.open {
		if call.Response == nil {
			waiting = append(waiting, call)
			continue
		}
		require.Less(s.t, call.Answered-call.Sent, 500*time.Millisecond)
		switch code := messages.ResponseCode(call.Response.Code); code {
		case messages.Success:
			s.promised = append(s.promised, call)
		case messages.FlushSlaveTimeout, messages.SlaveNotAvailable:
			s.broken++
		default:
			s.t.Fatalf("an answer with code %v: %s", code, call.Response.Remark)
		}
	}
	s.open = waiting
}

func (s *set) harm() {
	slave := s.slaves[s.random.IntN(len(s.slaves))]
	switch s.random.IntN(4) {
	case 0:
		slave.Crash(sim.ProcessKill)
	case 1:
		s.world.Partition(s.master.Host, slave.Host)
	case 2:
		s.world.PartitionOneWay(slave.Host, s.master.Host)
	case 3:
		s.world.Reset(s.master.Host, slave.Host)
	}
}

func (s *set) mend() {
	s.world.Heal()
	for _, slave := range s.slaves {
		if !slave.Host.Running() {
			slave.Start()
		}
	}
}

// judge compares what is on the disks.
func (s *set) judge() {
	s.master.Host.Restart() // its disk only
	for i, slave := range s.slaves {
		log := slave.ReadLog()
		for _, call := range s.promised {
			_, phys, err := messages.DecodeOffsetMsgID(call.Response.Ext.Text("msgId"))
			require.NoError(s.t, err)
			require.Less(s.t, phys, int64(len(log)))
			require.True(s.t, bytes.Contains(log[phys:min(int(phys)+2000, len(log))], call.Request.Body), "slave %d lacks the record at %d", i+1, phys)
		}
	}
	a, b := trimmed(s.slaves[0].ReadLog()), trimmed(s.slaves[1].ReadLog())
	n := min(len(a), len(b))
	require.True(s.t, bytes.Equal(a[:n], b[:n]), "the slaves differ")
}

// trimmed cuts off the zeros ahead of the log's end.
func trimmed(log []byte) []byte { return bytes.TrimRight(log, "\x00") }
