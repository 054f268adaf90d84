package namesrv_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/transport/tcp"
)

// apache runs programs of Apache RocketMQ. ROCKETMQ_LIB names the folder of its
// jars (the lib folder of a binary release); without it such tests are skipped.
type apache struct {
	t   *testing.T
	lib string
	dir string
}

func newApache(t *testing.T) *apache {
	lib := os.Getenv("ROCKETMQ_LIB")
	if lib == "" {
		t.Skip("ROCKETMQ_LIB is not set")
	}
	return &apache{t: t, lib: lib, dir: t.TempDir()}
}

func (a *apache) java(main string, args ...string) *exec.Cmd {
	options := []string{
		"-Xmx512m", "-Duser.home=" + a.dir, "-cp", filepath.Join(a.lib, "*"),
		"--add-opens", "java.base/java.nio=ALL-UNNAMED", "--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-exports", "java.base/jdk.internal.ref=ALL-UNNAMED", "--add-opens", "java.base/java.lang=ALL-UNNAMED", main,
	}
	c := exec.Command("java", append(options, args...)...)
	c.Env = append(os.Environ(), "ROCKETMQ_HOME="+a.dir)
	return c
}

// admin runs mqadmin and returns what it prints.
func (a *apache) admin(args ...string) string {
	a.t.Helper()
	out, err := a.java("org.apache.rocketmq.tools.command.MQAdminStartup", args...).CombinedOutput()
	require.NoError(a.t, err, "%s", out)
	a.t.Logf("mqadmin %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// broker starts a broker and returns when it says that it is up. Stopping it is a
// process kill: it does not unregister.
func (a *apache) broker(nameServer string, port int, lines ...string) *exec.Cmd {
	a.t.Helper()
	dir := filepath.Join(a.dir, fmt.Sprint("broker-", port))
	require.NoError(a.t, os.MkdirAll(dir, 0o755))
	conf := append([]string{
		"brokerName=broker-a", "brokerIP1=127.0.0.1", fmt.Sprint("listenPort=", port), fmt.Sprint("haListenPort=", port+1),
		"namesrvAddr=" + nameServer, "storePathRootDir=" + dir, "storePathCommitLog=" + filepath.Join(dir, "commitlog"),
		"mappedFileSizeCommitLog=16777216",
	}, lines...)
	file := filepath.Join(dir, "broker.conf")
	require.NoError(a.t, os.WriteFile(file, []byte(strings.Join(conf, "\n")), 0o600))
	c := a.java("org.apache.rocketmq.broker.BrokerStartup", "-c", file)
	var out syncBuffer
	c.Stdout, c.Stderr = &out, &out
	require.NoError(a.t, c.Start())
	a.t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	require.Eventually(a.t, func() bool { return strings.Contains(out.String(), "boot success") }, time.Minute, 100*time.Millisecond)
	return c
}

// freePort returns a port p such that p-2 … p+1 are likely free.
func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port + 2
}

func startServer(t *testing.T, lines string) *namesrv.Server {
	c, warnings, err := config.LoadNameServer(strings.NewReader("bindAddress=127.0.0.1\nlistenPort=0\n"+lines), "test")
	require.NoError(t, err)
	require.Empty(t, warnings)
	network, pool := tcp.New(tcp.Options{}), mailbox.NewPool()
	s, err := namesrv.Start(env.System(network, vfs.OS(), pool, zerolog.New(zerolog.NewTestWriter(t))), c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Stop())
		require.NoError(t, network.Close())
		pool.Close()
	})
	return s
}

// Apache's brokers register here, and Apache's tools read what they registered.
func TestApacheBrokersAndToolsUseThisNameServer(t *testing.T) {
	a := newApache(t)
	s := startServer(t, "")
	ns, port := s.Addr().String(), freePort(t)
	addr := fmt.Sprint("127.0.0.1:", port)
	master := a.broker(ns, port)
	slave := a.broker(ns, port+10, "brokerId=1", "brokerRole=SLAVE")

	clusters := a.admin("clusterList", "-n", ns)
	require.Contains(t, clusters, "broker-a")
	require.Contains(t, clusters, addr)
	require.Contains(t, clusters, "V5_5_0")

	a.admin("updateTopic", "-n", ns, "-c", "DefaultCluster", "-t", "Made", "-r", "3", "-w", "3", "-a", "+message.type=FIFO")
	route := a.admin("topicRoute", "-n", ns, "-t", "Made")
	require.Contains(t, route, addr)
	require.Contains(t, route, `"writeQueueNums":3`)
	require.Contains(t, route, fmt.Sprint("127.0.0.1:", port+10), "the slave")
	require.Contains(t, a.admin("topicList", "-n", ns), "Made")
	require.Contains(t, a.admin("topicClusterList", "-n", ns, "-t", "Made"), "DefaultCluster")

	require.Contains(t, a.admin("updateKvConfig", "-n", ns, "-s", "space", "-k", "key", "-v", "value"), "success")
	require.Contains(t, a.admin("deleteKvConfig", "-n", ns, "-s", "space", "-k", "key"), "success")
	a.admin("updateOrderConf", "-n", ns, "-m", "put", "-t", "Made", "-v", "broker-a:3")
	require.Contains(t, a.admin("updateOrderConf", "-n", ns, "-m", "get", "-t", "Made"), "broker-a:3")

	require.Contains(t, a.admin("wipeWritePerm", "-n", ns, "-b", "broker-a"), "OK")
	require.Contains(t, a.admin("topicRoute", "-n", ns, "-t", "Made"), `"perm":4`)
	require.Contains(t, a.admin("addWritePerm", "-n", ns, "-b", "broker-a"), "OK")
	require.Contains(t, a.admin("topicRoute", "-n", ns, "-t", "Made"), `"perm":6`)

	require.Contains(t, a.admin("getNamesrvConfig", "-n", ns), "scanNotActiveBrokerInterval")
	a.admin("updateNamesrvConfig", "-n", ns, "-k", "enableTopicList", "-v", "false")
	require.Regexp(t, `enableTopicList\s+=\s+false`, a.admin("getNamesrvConfig", "-n", ns))

	a.admin("deleteTopic", "-n", ns, "-c", "DefaultCluster", "-t", "Made")
	require.NotContains(t, a.admin("topicList", "-n", ns), "Made")

	// A broker that is killed goes with its connection, one that stops says so.
	require.NoError(t, master.Process.Kill())
	require.Eventually(t, func() bool { return !strings.Contains(a.admin("clusterList", "-n", ns), addr) }, time.Minute, time.Second)
	require.Contains(t, a.admin("clusterList", "-n", ns), fmt.Sprint("127.0.0.1:", port+10))
	require.NoError(t, slave.Process.Signal(syscall.SIGTERM))
	_ = slave.Wait()
	require.NotContains(t, a.admin("clusterList", "-n", ns), "broker-a")
}

// A message goes from an Apache producer to an Apache consumer with this name
// server in between.
func TestApacheClientsFindTheirWay(t *testing.T) {
	a := newApache(t)
	s := startServer(t, "")
	ns := s.Addr().String()
	a.broker(ns, freePort(t))
	// The first message creates its topic. A JVM that just started may take longer
	// than the 3 s that mqadmin gives it.
	require.Eventually(t, func() bool {
		out, _ := a.java("org.apache.rocketmq.tools.command.MQAdminStartup", "sendMessage", "-n", ns, "-t", "Auto", "-p", "hello").CombinedOutput()
		return strings.Contains(string(out), "SEND_OK")
	}, 2*time.Minute, time.Second)
	require.Contains(t, a.admin("topicRoute", "-n", ns, "-t", "Auto"), `"perm":6`)
	require.Contains(t, a.admin("consumeMessage", "-n", ns, "-t", "Auto", "-c", "1"), "hello")
}

// syncBuffer is written by a process and read by the test.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
