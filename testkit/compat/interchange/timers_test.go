package interchange

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/stretchr/testify/require"
)

func TestPendingTimersAfterCleanStop(t *testing.T) {
	t.Parallel()
	pendingTimers(t, syscall.SIGTERM, "end")
}

func TestPendingTimersAfterKill(t *testing.T) {
	t.Parallel()
	pendingTimers(t, syscall.SIGKILL, "end-and-repeat")
}

// pendingTimers has the reader deliver the messages that wait in the writer's store:
// none early, none that was recalled, and, unless the writer was killed, none twice.
func pendingTimers(t *testing.T, end syscall.Signal, check string) {
	launcher, writer, reader := pair(t)
	manifest := filepath.Join(t.TempDir(), "manifest")
	broker := start(t, launcher, writer, cluster.BrokerConfig{Conf: map[string]string{"recallMessageEnable": "true"}})
	program(t, "PendingTimers", "begin", broker, manifest)
	require.NoError(t, broker.Stop(end))
	program(t, "PendingTimers", check, start(t, launcher, reader, broker.Config), manifest)
}
