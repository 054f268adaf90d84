package replication

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

const segment = 16 << 20

// pair is a master and a slave behind one name server.
type pair struct {
	launcher            *cluster.Launcher
	masterKind, slaveOf cluster.Kind
	master, slave       *cluster.Broker
}

// newPair starts a pair; more are settings of both.
func newPair(t *testing.T, more map[string]string) *pair {
	launcher, target, err := cluster.FromEnv()
	require.NoError(t, err)
	p := &pair{launcher: launcher}
	p.masterKind, err = cluster.ParseKind(os.Getenv(cluster.EnvMaster))
	require.NoError(t, err)
	p.slaveOf, err = cluster.ParseKind(os.Getenv(cluster.EnvSlave))
	require.NoError(t, err)
	names, err := launcher.StartNameServer(target)
	require.NoError(t, err)
	t.Cleanup(func() { _ = names.Stop(syscall.SIGKILL) })
	conf := func(own map[string]string) cluster.BrokerConfig {
		own["mappedFileSizeCommitLog"] = strconv.Itoa(segment)
		maps.Copy(own, more)
		return cluster.BrokerConfig{NameServer: names.Addr, Conf: own}
	}
	p.master = p.start(t, p.masterKind, conf(map[string]string{
		"brokerRole": "SYNC_MASTER", "inSyncReplicas": "2", "slaveTimeout": "1000", // below the clients' patience
	}))
	p.slave = p.start(t, p.slaveOf, conf(map[string]string{"brokerRole": "SLAVE", "brokerId": "1"}))
	p.awaitSlave(t)
	return p
}

func (p *pair) start(t *testing.T, kind cluster.Kind, c cluster.BrokerConfig) *cluster.Broker {
	b, err := p.launcher.StartBroker(kind, c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Stop(syscall.SIGKILL) })
	return b
}

// awaitSlave waits until the master has nothing that the slave has not
// acknowledged, and returns the end of the log. Nothing may be sent meanwhile.
func (p *pair) awaitSlave(t *testing.T) int64 {
	var end int64
	kit.Eventually(t, "the slave catching up", func() bool {
		out := p.mqadmin(t, "haStatus", "-b", p.master.Addr)
		found := regexp.MustCompile(`#MasterCommitLogMaxOffset\s+(\d+)`).FindStringSubmatch(out)
		slave := regexp.MustCompile(`(?m)^\S+:\d+\s+(\d+)\s+(\d+)\s+[\d.]+\s+OK\s`).FindStringSubmatch(out)
		if found == nil || slave == nil || slave[2] != "0" {
			return false
		}
		end, _ = strconv.ParseInt(found[1], 10, 64)
		return slave[1] == found[1]
	})
	return end
}

func (p *pair) mqadmin(t *testing.T, args ...string) string {
	out := p.java(t, append([]string{"org.apache.rocketmq.tools.command.MQAdminStartup"}, append(args, "-n", p.master.Config.NameServer)...)...)
	t.Logf("mqadmin %s\n%s", strings.Join(args, " "), out)
	return out
}

func (p *pair) java(t *testing.T, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	args = append([]string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + os.Getenv("HOME"),
		"-cp", os.Getenv("COMPAT_JAVA_CLASSPATH")}, args...)
	cmd := exec.CommandContext(ctx, "java", args...)
	cluster.DieWithParent(cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// requireSameLogs compares the logs of the stopped brokers up to end.
func (p *pair) requireSameLogs(t *testing.T, end int64) {
	for start := int64(0); start < end; start += segment {
		name := fmt.Sprintf("%020d", start)
		n := min(segment, end-start)
		master, err := os.ReadFile(filepath.Join(p.master.Config.Store, "commitlog", name))
		require.NoError(t, err)
		slave, err := os.ReadFile(filepath.Join(p.slave.Config.Store, "commitlog", name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(master[:n], slave[:n]), "segment %s", name)
	}
}

// promote starts the slave's store as a master, at the address of the old one,
// which is in every message's id.
func (p *pair) promote(t *testing.T) *cluster.Broker {
	c := p.slave.Config
	c.Port = p.master.Config.Port
	c.Conf = map[string]string{"mappedFileSizeCommitLog": strconv.Itoa(segment)}
	return p.start(t, p.slaveOf, c)
}

// 10,000 messages of several topics, in several segments, with keys, batches,
// groups and consumer offsets.
func TestSlaveHasAll(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	manifest := filepath.Join(t.TempDir(), "manifest")
	p.java(t, "compat.Store", "fill", p.master.Config.NameServer, p.master.Addr, p.master.Config.Name, manifest)
	end := p.awaitSlave(t)
	require.Greater(t, end, int64(3*segment))
	require.Regexp(t, regexp.MustCompile(`(?m)^\S+\s+`+p.master.Config.Name+`\s+0\s+`+p.master.Addr+`\s(.*\n)*\S+\s+`+p.master.Config.Name+`\s+1\s+`+p.slave.Addr+`\s`),
		p.mqadmin(t, "clusterList"))
	// The slave asks for the master's offsets every ten seconds at most, and keeps them.
	kit.Eventually(t, "consumer offsets at the slave", func() bool {
		stored := cluster.StoredOffsets(p.slave.Config.Store, "interchange-0", "interchange-group")
		return stored["0"] == "100" && stored["3"] == "103"
	})
	require.NoError(t, p.slave.Stop(syscall.SIGTERM))
	require.NoError(t, p.master.Stop(syscall.SIGTERM))
	p.requireSameLogs(t, end)
	promoted := p.promote(t)
	p.java(t, "compat.Store", "check", promoted.Config.NameServer, promoted.Addr, promoted.Config.Name, manifest)
}

// A producer goes on while the slave is killed and comes back.
func TestSlaveKilledUnderLoad(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	c := kit.Cluster{NameServer: p.master.Config.NameServer, Broker: p.master.Addr, BrokerName: p.master.Config.Name, Name: p.master.Config.Cluster}
	topic := c.Topic(t, 4)
	producer := c.Producer(t)
	send := func(n int) (ok int) {
		for i := range n {
			m := primitive.NewMessage(topic, bytes.Repeat([]byte{byte(i)}, 1000))
			m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: i % 4}
			result, err := producer.SendSync(context.Background(), m)
			require.NoError(t, err)
			if result.Status == primitive.SendOK {
				ok++
			}
		}
		return ok
	}
	require.Equal(t, 500, send(500), "with its slave the master promises two copies")
	require.NoError(t, p.slave.Stop(syscall.SIGKILL))
	kit.Eventually(t, "the master hearing of it", func() bool { return send(1) == 0 })
	require.Zero(t, send(3), "without it, it does not")
	p.slave = p.start(t, p.slaveOf, p.slave.Config)
	kit.Eventually(t, "two copies again", func() bool { return send(1) == 1 })
	require.Equal(t, 500, send(500))
	end := p.awaitSlave(t)
	require.NoError(t, p.slave.Stop(syscall.SIGKILL))
	require.NoError(t, p.master.Stop(syscall.SIGKILL))
	p.requireSameLogs(t, end)
}
