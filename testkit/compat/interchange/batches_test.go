package interchange

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

func TestInnerBatchesAfterCleanStop(t *testing.T) { t.Parallel(); innerBatches(t, syscall.SIGTERM) }
func TestInnerBatchesAfterKill(t *testing.T)      { t.Parallel(); innerBatches(t, syscall.SIGKILL) }

// innerBatches hands over a topic of queue type BatchCQ, whose queue is another kind
// of file.
func innerBatches(t *testing.T, end syscall.Signal) {
	launcher, writer, reader := pair(t)
	config := cluster.BrokerConfig{Conf: map[string]string{"mappedFileSizeCommitLog": "16777216"}}
	broker := start(t, launcher, writer, config)
	manifest := filepath.Join(t.TempDir(), "none")
	program(t, "InnerBatches", "fill", broker, manifest)
	if err := broker.Stop(end); err != nil {
		t.Fatal(err)
	}
	program(t, "InnerBatches", "check", start(t, launcher, reader, broker.Config), manifest)
}
