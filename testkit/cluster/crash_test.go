package cluster_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

const (
	topic  = "T"
	queues = 3
)

func syncFlush(c *config.Broker) { c.FlushDiskType = config.SyncFlush }

// Under SYNC_FLUSH a broker loses no acknowledged message, shows none that it
// later loses, and invents none: whether its process is killed, its host loses
// power with unsynced pages, its clients' connections break, or it is stopped;
// also if the next crash comes while it recovers.
func TestSyncFlushLosesNothing(t *testing.T) {
	acks := 0
	sim.Seeds(t, 200, sim.Options{Link: sim.Link{MaxDelay: 300 * time.Microsecond, ResetRate: 2000}}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), syncFlush)
		b.CreateTopic(topic, queues)
		j := cluster.NewJudge(b, topic, queues, 2)
		random := w.Host("chance").Env().Rand
		for range 3 {
			j.Connect()
			j.Load(random.IntN(4000))
			if kind := random.IntN(3); kind < 2 {
				b.Crash(sim.Crash(kind))
			} else {
				require.NoError(t, b.Stop())
			}
			if random.IntN(3) == 0 {
				crashDuringStart(b, random.IntN(150))
			}
			b.Start()
			j.Check()
		}
		acks += j.History.Acknowledgements()
	})
	require.Positive(t, acks)
}

// crashDuringStart starts a broker whose host loses power after so many
// operations on the store's files.
func crashDuringStart(b *cluster.Broker, operations int) {
	off := errors.New("no power")
	b.Host.Disk().SetFault(func(_ vfs.Op, name string) error {
		if strings.Contains(name, "/config/") || strings.Contains(name, "/timer") {
			return nil // who cannot read its state panics, which ends the broker as well
		}
		if operations--; operations < 0 {
			return off
		}
		return nil
	})
	_ = b.TryStart() // it may come up before
	b.Crash(sim.PowerLoss)
	b.Host.Disk().SetFault(nil)
}

func TestAFullDiskRefusesSendsWhileConsumptionGoesOn(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{DiskSize: 1 << 20}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) {
			syncFlush(c)
			c.DiskSpaceWarningLevelRatio, c.DiskSpaceCleanForciblyRatio = 99, 98
		})
		b.CreateTopic(topic, queues)
		j := cluster.NewJudge(b, topic, queues, 2)
		j.Connect()
		for len(j.Refused) < 10 {
			j.Load(1000)
			require.Less(t, w.Elapsed(), time.Minute)
		}
		j.Finish()
		for _, refused := range j.Refused {
			require.Equal(t, messages.ServiceNotAvailable, refused.Code)
			require.Regexp(t, "no space left|disk", refused.Remark)
		}
		j.Check()
		require.False(t, b.Stopped())

		w.Host("broker").Disk().SetCapacity(0)
		b.Crash(sim.PowerLoss)
		b.Start()
		j.Check()
		j.Connect()
		j.Load(1000)
		j.Finish()
		require.Empty(t, j.Refused)
		j.Check()
	})
}

func TestAFailedFsyncMakesTheStoreReadOnly(t *testing.T) {
	sim.Seeds(t, 20, sim.Options{}, func(t *testing.T, w *sim.World) {
		b := cluster.StartBroker(t, w, w.Host("broker"), syncFlush)
		b.CreateTopic(topic, queues)
		j := cluster.NewJudge(b, topic, queues, 2)
		j.Connect()
		j.Load(2000)
		j.Finish()
		b.Host.Disk().SetFault(func(op vfs.Op, name string) error {
			if op == vfs.OpSync && strings.Contains(name, "/commitlog/") {
				return errors.New("medium error")
			}
			return nil
		})
		j.Load(2000)
		j.Finish()
		require.NotEmpty(t, j.Refused)
		b.Host.Disk().SetFault(nil)

		c := b.Dial(w.Host("late"))
		response, err := c.Call(script.Send(topic, 0, []byte("anything")))
		require.NoError(t, err)
		require.Equal(t, int32(messages.ServiceNotAvailable), response.Code, "nor later")
		require.Contains(t, response.Remark, "read-only")
		response, err = c.Call(script.Pull(topic, 0, 0, 0))
		require.NoError(t, err)
		_, err = script.Pulled(response)
		require.NoError(t, err, "what is there can be read")

		b.Crash(sim.PowerLoss)
		b.Start()
		j.Check()
	})
}
