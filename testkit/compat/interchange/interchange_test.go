package interchange

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

func TestStoreAfterCleanStop(t *testing.T) { t.Parallel(); interchange(t, syscall.SIGTERM) }
func TestStoreAfterKill(t *testing.T)      { t.Parallel(); interchange(t, syscall.SIGKILL) }

// The pair is who writes the store, and who then opens it.
func pair(t *testing.T) (launcher *cluster.Launcher, writer, reader cluster.Kind) {
	launcher, _, err := cluster.FromEnv()
	require.NoError(t, err)
	writer, err = cluster.ParseKind(os.Getenv(cluster.EnvWriter))
	require.NoError(t, err)
	reader, err = cluster.ParseKind(os.Getenv(cluster.EnvReader))
	require.NoError(t, err)
	return launcher, writer, reader
}

func interchange(t *testing.T, end syscall.Signal) {
	launcher, writer, reader := pair(t)
	manifest := filepath.Join(t.TempDir(), "manifest")

	// Segments of 16 MiB, so that there are several. Both programs must agree on it.
	config := cluster.BrokerConfig{Conf: map[string]string{"mappedFileSizeCommitLog": "16777216"}}
	broker := start(t, launcher, writer, config)
	program(t, "Store", "fill", broker, manifest)
	if end == syscall.SIGKILL {
		// Consumer offsets are written every few seconds only.
		kit.Eventually(t, "consumer offsets on disk", func() bool {
			stored := cluster.StoredOffsets(broker.Config.Store, "interchange-0", "interchange-group")
			return stored["0"] == "100" && stored["3"] == "103"
		})
	}
	require.NoError(t, broker.Stop(end))
	segments, err := filepath.Glob(filepath.Join(broker.Config.Store, "commitlog", "*"))
	require.NoError(t, err)
	require.Greater(t, len(segments), 3, "segments of the log")

	check := map[syscall.Signal]string{syscall.SIGTERM: "check", syscall.SIGKILL: "check-after-kill"}[end]
	program(t, "Store", check, start(t, launcher, reader, broker.Config), manifest)
}

// start starts a broker and a name server of its own.
func start(t *testing.T, launcher *cluster.Launcher, kind cluster.Kind, config cluster.BrokerConfig) *cluster.Broker {
	names, err := launcher.StartNameServer(kind)
	require.NoError(t, err)
	t.Cleanup(func() { _ = names.Stop(syscall.SIGKILL) })
	config.NameServer = names.Addr
	began := time.Now()
	broker, err := launcher.StartBroker(kind, config)
	require.NoError(t, err)
	t.Logf("%s started in %.1f s", kind, time.Since(began).Seconds())
	t.Cleanup(func() { _ = broker.Stop(syscall.SIGKILL) })
	return broker
}

// program runs the Java program that fills or checks a broker.
func program(t *testing.T, class, command string, broker *cluster.Broker, more ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	args := []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + os.Getenv("HOME"),
		"-cp", os.Getenv("COMPAT_JAVA_CLASSPATH"), "compat." + class, command,
		broker.Config.NameServer, broker.Addr, broker.Config.Name}
	cmd := exec.CommandContext(ctx, "java", append(args, more...)...)
	cluster.DieWithParent(cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	t.Logf("%s took %.1f s: %s", command, time.Since(began).Seconds(), out)
}
