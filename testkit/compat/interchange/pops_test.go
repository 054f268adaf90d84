package interchange

import (
	"syscall"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

func TestPoppedMessagesAfterCleanStop(t *testing.T) {
	t.Parallel()
	poppedMessages(t, syscall.SIGTERM, "end")
}

func TestPoppedMessagesAfterKill(t *testing.T) {
	t.Parallel()
	poppedMessages(t, syscall.SIGKILL, "end-and-repeat")
}

// poppedMessages has the reader give again what was popped from the writer and not
// acknowledged, and nothing that was.
func poppedMessages(t *testing.T, end syscall.Signal, check string) {
	launcher, writer, reader := pair(t)
	broker := start(t, launcher, writer, cluster.BrokerConfig{})
	program(t, "PoppedMessages", "begin", broker)
	if end == syscall.SIGKILL {
		// What was popped behind the group's offset on disk is popped again after a kill.
		kit.Eventually(t, "offsets on disk", func() bool {
			pops := cluster.StoredOffsets(broker.Config.Store, "interchange-pops", "interchange-popper")
			ordered := cluster.StoredOffsets(broker.Config.Store, "interchange-pops-in-order", "interchange-popper")
			return pops["0"] == "200" && ordered["0"] == "2"
		})
	}
	require.NoError(t, broker.Stop(end))
	program(t, "PoppedMessages", check, start(t, launcher, reader, broker.Config))
}
