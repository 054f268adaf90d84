package cluster_test

import (
	"bytes"
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

// masterLog returns the log of a broker with so many messages of a kilobyte.
func masterLog(t *testing.T, n int) []byte {
	w := sim.New(1, sim.Options{})
	b, producer := master(t, w)
	for i := range n {
		succeed(t, producer, script.Send(topic, int32(i%queues), body(1000)))
	}
	return trimmed(b.ReadLog())
}

// led starts a slave of a scripted master that has reported its empty log.
func led(t *testing.T, w *sim.World, configure ...func(*config.Broker)) (*cluster.Leader, *cluster.Broker) {
	l := cluster.NewLeader(t, w, w.Host("master"))
	slave := cluster.StartBroker(t, w, w.Host("slave"), func(c *config.Broker) {
		c.BrokerRole, c.BrokerID, c.HAMasterAddress = config.Slave, 1, l.Addr
		for _, f := range configure {
			f(c)
		}
	})
	l.AwaitReport(0)
	return l, slave
}

const segmentSize = 64 << 10

func TestASlaveAppendsWhatComesInAnyPieces(t *testing.T) {
	log := masterLog(t, 200)
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		l, slave := led(t, w)
		random := rand.New(rand.NewPCG(w.Seed(), 1))
		for at := 0; at < len(log); {
			n := min(1+random.IntN(5000), len(log)-at, segmentSize-at%segmentSize)
			l.Send(int64(at), log[at:at+n])
			at += n
		}
		l.AwaitReport(int64(len(log)))
		require.Equal(t, log, trimmed(slave.ReadLog()))
		require.Equal(t, 1, l.Slaves)
		reader := slave.Dial(w.Host("reader"))
		w.Advance(time.Second)
		for id := range int32(queues) {
			response := succeed(t, reader, script.MaxOffset(topic, id))
			require.Equal(t, []string{"67", "67", "66"}[id], response.Ext.Text("offset"))
		}
	})
}

// What a master may not send ends the connection, changes nothing, and the slave
// comes back for what it lacks.
func TestASlaveRefuses(t *testing.T) {
	log := masterLog(t, 3)
	size := int64(len(log))
	tests := map[string]func(l *cluster.Leader){
		"a gap":             func(l *cluster.Leader) { l.Send(size+1, log) },
		"an overlap":        func(l *cluster.Leader) { l.Send(size-1, log) },
		"a heartbeat ahead": func(l *cluster.Leader) { l.Send(size+100, nil) },
		"a negative size":   func(l *cluster.Leader) { l.SendHeader(messages.HAHeader{Offset: size, Size: -1}, nil) },
		"a size beyond all": func(l *cluster.Leader) {
			l.SendHeader(messages.HAHeader{Offset: size, Size: messages.MaxHABody + 1}, nil)
		},
		"a negative offset": func(l *cluster.Leader) { l.SendHeader(messages.HAHeader{Offset: -1, Size: 1}, nil) },
		"the middle of a message, from a log that is another": func(l *cluster.Leader) { l.Send(size, log[50:]) },
		"a message of another offset":                         func(l *cluster.Leader) { l.Send(size, log) },
		"zeros":                                               func(l *cluster.Leader) { l.Send(size, make([]byte, 100)) },
	}
	for name, send := range tests {
		t.Run(name, func(t *testing.T) {
			w := sim.New(1, sim.Options{})
			l, slave := led(t, w)
			l.Send(0, log)
			l.AwaitReport(size)
			w.Advance(time.Second)
			require.True(t, l.Connected())
			w.Reset(w.Host("slave"), w.Host("master"))
			require.NoError(t, w.Run(func() bool { return l.Slaves == 2 && len(l.Reports) >= 3 }, time.Minute))
			send(l)
			require.NoError(t, w.Run(func() bool { return l.Slaves == 3 }, 10*time.Second))
			l.AwaitReport(size)
			require.Equal(t, log, trimmed(slave.ReadLog()))
		})
	}
}

// Half a frame is appended and acknowledged, no more.
func TestASlaveKeepsWhatItHasOfAFrame(t *testing.T) {
	log := masterLog(t, 3)
	w := sim.New(1, sim.Options{})
	l, slave := led(t, w)
	l.SendHeader(messages.HAHeader{Size: len(log)}, log[:1500])
	l.AwaitReport(1500)
	w.Reset(w.Host("slave"), w.Host("master"))
	require.NoError(t, w.Run(func() bool { return l.Slaves == 2 && len(l.Reports) == 3 }, time.Minute))
	require.Equal(t, []int64{0, 1500, 1500}, l.Reports)
	l.Send(1500, log[1500:])
	l.AwaitReport(int64(len(log)))
	require.Equal(t, log, trimmed(slave.ReadLog()))
}

// A slave that waits for its disk says where to begin when that is done: the
// master would send again what is written, but not flushed.
func TestASlaveBeginsWithWhatIsFlushed(t *testing.T) {
	log := masterLog(t, 3)
	w := sim.New(1, sim.Options{})
	l, slave := led(t, w, func(c *config.Broker) { c.FlushDiskType = config.SyncFlush })
	slave.Host.SetDisk(sim.Disk{Sync: sim.Latency{Min: time.Second, Max: time.Second}})
	l.Send(0, log)
	w.Advance(10 * time.Millisecond)
	w.Reset(w.Host("slave"), w.Host("master"))
	require.NoError(t, w.Run(func() bool { return l.Slaves == 2 }, time.Second/2))
	require.Equal(t, []int64{0}, l.Reports)
	require.NoError(t, w.Run(func() bool { return len(l.Reports) > 1 }, 5*time.Second))
	require.Equal(t, []int64{0, int64(len(log))}, l.Reports)
}

// An empty slave begins where its master's last segment does.
func TestAnEmptySlaveBeginsAtASegment(t *testing.T) {
	w := sim.New(1, sim.Options{})
	l, slave := led(t, w)
	l.Send(100, []byte("not at a segment"))
	require.NoError(t, w.Run(func() bool { return l.Slaves == 2 && len(l.Reports) == 2 }, time.Minute))
	log := masterLog(t, 100)
	l.Send(segmentSize, log[segmentSize:])
	l.AwaitReport(int64(len(log)))
	require.NoError(t, slave.Stop())
	require.NoError(t, slave.TryStart())
	l.AwaitReport(int64(len(log)))
}

func TestASlaveGivesSignsOfLife(t *testing.T) {
	w := sim.New(1, sim.Options{})
	l, _ := led(t, w)
	w.Advance(19 * time.Second)
	require.Equal(t, []int64{0, 0, 0, 0}, l.Reports, "every five seconds")
	require.True(t, l.Connected())
	w.Advance(3 * time.Second)
	require.Equal(t, 2, l.Slaves, "a silent master is left, and tried again")
	for range 10 {
		l.Send(0, nil)
		w.Advance(5 * time.Second)
	}
	require.Equal(t, 2, l.Slaves)
}

// With SYNC_FLUSH a slave reports what is on its disk, and nothing else: after a
// loss of power it has it still.
func TestAReportIsAPromise(t *testing.T) {
	log := masterLog(t, 50)
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		l, slave := led(t, w, func(c *config.Broker) { c.FlushDiskType = config.SyncFlush })
		slave.Host.SetDisk(sim.Disk{Sync: sim.Latency{Min: time.Millisecond, Max: 20 * time.Millisecond}})
		random := rand.New(rand.NewPCG(w.Seed(), 1))
		for at := 0; at < len(log); {
			n := min(1+random.IntN(5000), len(log)-at)
			l.Send(int64(at), log[at:at+n])
			at += n
			w.Advance(time.Duration(random.IntN(10)) * time.Millisecond)
		}
		w.Advance(time.Duration(random.IntN(30)) * time.Millisecond)
		slave.Crash(sim.PowerLoss)
		promised := l.Reports[len(l.Reports)-1]
		slave.Host.Restart()
		got := trimmed(slave.ReadLog())
		require.GreaterOrEqual(t, int64(len(got)), promised-1, "the last byte of a record may be zero")
		require.True(t, bytes.Equal(log[:min(int(promised), len(got))], got[:min(int(promised), len(got))]))
		slave.Start()
		w.Advance(6 * time.Second)
		require.LessOrEqual(t, l.Reports[len(l.Reports)-1], int64(len(log)))
	})
}
