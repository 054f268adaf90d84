package commitlog_test

import (
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
)

// Under SYNC_FLUSH no crash takes back what was acknowledged, or what a consumer
// was shown, and none invents anything, wherever it strikes.
func TestCrashesLoseNothingThatWasPromised(t *testing.T) {
	acks := 0
	sim.Seeds(t, 200, sim.Options{}, func(t *testing.T, w *sim.World) {
		r := newRig(t, w)
		for range 4 {
			r.start()
			r.check()
			r.load(r.env.Rand.IntN(1000))
			r.host.Crash(sim.Crash(r.env.Rand.IntN(2)))
			r.host.Restart()
		}
		r.start()
		r.check()
		require.Empty(t, r.failed)
		acks += r.history.Acknowledgements()
	})
	require.Positive(t, acks)
}

// Under ASYNC_FLUSH a killed process loses nothing that it wrote. (A power loss
// may, and that is what was asked for.)
func TestAKillLosesNothingUnderAsyncFlush(t *testing.T) {
	sim.Seeds(t, 100, sim.Options{}, func(t *testing.T, w *sim.World) {
		r := newRig(t, w)
		r.sync = false
		for range 3 {
			r.start()
			r.check()
			r.load(r.env.Rand.IntN(1000))
			r.host.Crash(sim.ProcessKill)
			r.host.Restart()
		}
		r.start()
		r.check()
	})
}

func TestAFailedFsyncEndsWriting(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		r := newRig(t, w)
		r.start()
		r.load(500)
		broken := errors.New("medium error")
		r.host.Disk().SetFault(func(op vfs.Op, name string) error {
			if op == vfs.OpSync && strings.Contains(name, "/commitlog/") {
				return broken
			}
			return nil
		})
		r.load(500)
		w.Advance(time.Second)
		require.Zero(t, r.open, "every send is answered")
		require.NotEmpty(t, r.failed)
		require.ErrorIs(t, r.failed[0], broken)
		refused := len(r.refused)
		require.Positive(t, refused)

		r.host.Disk().SetFault(nil)
		r.appendOne()
		w.Advance(time.Second)
		require.Greater(t, len(r.refused), refused, "the page cache is not trusted again")
		last := r.refused[len(r.refused)-1]
		require.Equal(t, messages.ServiceNotAvailable, last.Code)
		require.Contains(t, last.Remark, "read-only")
		for id := range int32(queues) { // what was shown can still be read
			r.read(id, math.MaxInt64)
		}

		r.host.Crash(sim.Crash(r.env.Rand.IntN(2)))
		r.host.Restart()
		r.start()
		r.check()
		r.load(500)
		w.Advance(time.Second)
		r.check()
		require.Empty(t, r.refused, "a new process starts over")
	})
}

func TestAFullDiskRefusesSendsAndServesReads(t *testing.T) {
	sim.Seeds(t, 50, sim.Options{DiskSize: 400 << 10}, func(t *testing.T, w *sim.World) {
		r := newRig(t, w)
		r.start()
		for len(r.refused) == 0 {
			r.load(100)
			require.Less(t, w.Elapsed(), time.Minute)
		}
		w.Advance(time.Second)
		require.Zero(t, r.open)
		for _, send := range r.refused {
			require.Equal(t, messages.ServiceNotAvailable, send.Code)
			require.Contains(t, send.Remark, syscall.ENOSPC.Error())
		}
		for id := range int32(queues) {
			r.read(id, math.MaxInt64)
		}
		r.host.Disk().SetCapacity(0)
		r.host.Crash(sim.Crash(r.env.Rand.IntN(2)))
		r.host.Restart()
		r.start()
		r.check()
		r.load(500)
		w.Advance(time.Second)
		require.Empty(t, r.refused)
		r.check()
	})
}
