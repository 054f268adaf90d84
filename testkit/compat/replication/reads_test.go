package replication

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// reader is a consumer in a process of its own, see testkit/compat/worker.
type reader struct {
	cmd      *exec.Cmd
	received atomic.Int64
}

func startReader(t *testing.T, language string, p *pair, topic string) *reader {
	command := []string{os.Getenv("COMPAT_GO_WORKER")}
	if language == "java" {
		command = []string{"java", "-Xmx768m", "-XX:+UseSerialGC", "-Duser.home=" + os.Getenv("HOME"), "-cp", os.Getenv("COMPAT_JAVA_CLASSPATH"), "compat.Worker"}
	}
	command = append(command, "consume", p.master.Config.NameServer, kit.Name(language), topic)
	r := &reader{cmd: exec.Command(command[0], command[1:]...)}
	cluster.DieWithParent(r.cmd)
	in, err := r.cmd.StdinPipe() // its end is the worker's
	require.NoError(t, err)
	out, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, r.cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if bytes.Contains(lines.Bytes(), []byte(`"event":"message"`)) {
				r.received.Add(1)
			}
		}
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = r.cmd.Process.Kill()
		<-ended
	})
	return r
}

// transferred is the number of messages that a broker has given to consumers.
func (p *pair) transferred(t *testing.T, b *cluster.Broker) int {
	out := p.mqadmin(t, "brokerStatus", "-b", b.Addr)
	found := regexp.MustCompile(`getMessageTransferredMsgCount\s*:\s*(\d+)`).FindStringSubmatch(out)
	require.NotNil(t, found, "%s", out)
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

// memory is the machine's, in bytes.
func memory(t *testing.T) int {
	text, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	var kib int
	_, err = fmt.Sscanf(strings.SplitN(string(text), "\n", 2)[0], "MemTotal: %d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}

// Consumers that are further behind than a hundredth of the memory are sent to the
// slave, and back when they are not.
func TestConsumersMoveToTheSlaveAndBack(t *testing.T) {
	p := newPair(t, map[string]string{"slaveReadEnable": "true", "accessMessageInMemoryMaxRatio": "1"})
	c := kit.Cluster{NameServer: p.master.Config.NameServer, Broker: p.master.Addr, BrokerName: p.master.Config.Name, Name: p.master.Config.Cluster}
	topic := c.Topic(t, 1)
	producer := c.Producer(t)
	body := make([]byte, 256<<10) // that clients cannot compress
	_, _ = rand.NewChaCha8([32]byte{}).Read(body)
	sent := 0
	send := func(n int) {
		for range n {
			m := primitive.NewMessage(topic, body)
			m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName}
			_, err := producer.SendSync(context.Background(), m)
			require.NoError(t, err)
			sent++
		}
	}
	send(memory(t) / 100 * 3 / 2 / len(body))
	p.awaitSlave(t)
	for _, language := range []string{"java", "go"} {
		atMaster, atSlave := p.transferred(t, p.master), p.transferred(t, p.slave)
		r := startReader(t, language, p, topic)
		all := func() bool { return r.received.Load() == int64(sent) }
		kit.Eventually(t, language+" reading all", all)
		movedTo := p.transferred(t, p.slave)
		require.Greater(t, movedTo, atSlave, "%s reads from the slave", language)
		send(20)
		kit.Eventually(t, language+" reading what is new", all)
		require.Equal(t, movedTo, p.transferred(t, p.slave), "%s has gone back", language)
		require.Greater(t, p.transferred(t, p.master), atMaster+20)
	}
}
