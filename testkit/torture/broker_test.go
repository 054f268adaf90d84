package torture

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/script"
)

// startLimit is the real time in which a broker must serve after a start.
const startLimit = 20 * time.Second

// broker is a broker process that is started again and again on one store.
type broker struct {
	binary, config string
	addr           string
	process        *exec.Cmd
	exited         chan struct{}
	output         tail
}

// newBroker configures a broker; more are lines of its broker.conf.
func newBroker(t *testing.T, binary string, more ...string) *broker {
	dir, port := t.TempDir(), freePort(t)
	b := &broker{binary: binary, config: filepath.Join(dir, "broker.conf"), addr: fmt.Sprintf("127.0.0.1:%d", port)}
	config := fmt.Sprintf(`brokerName=broker-a
brokerClusterName=DefaultCluster
brokerIP1=127.0.0.1
listenPort=%d
storePathRootDir=%s
flushDiskType=SYNC_FLUSH
mappedFileSizeCommitLog=4194304
%s
`, port, filepath.Join(dir, "store"), strings.Join(more, "\n"))
	require.NoError(t, os.WriteFile(b.config, []byte(config), 0o644))
	return b
}

// freePort returns a port that is free together with those beside it that a
// broker takes for its VIP channel (-2) and for replication (+1).
func freePort(t *testing.T) int {
	free := func(port int) bool {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			l.Close()
		}
		return err == nil
	}
	for range 100 {
		// Below what systems give to clients: the port must stay free while the broker
		// is down.
		port := 10_000 + rand.IntN(20_000)
		if free(port) && free(port-2) && free(port+1) {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

func (b *broker) start() error {
	b.output.clear()
	b.process = exec.Command(b.binary, "broker", "-c", b.config)
	b.process.Stdout, b.process.Stderr = &b.output, &b.output
	if err := b.process.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	b.exited = exited
	go func() {
		_ = b.process.Wait()
		close(exited)
	}()
	return nil
}

// ready waits until the broker serves requests and returns a connection to it.
func (b *broker) ready(topic string, queues int) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for {
		c, err := dial(b.addr)
		if err == nil {
			response, err := c.call(script.CreateTopic(topic, queues))
			if err != nil {
				return nil, fmt.Errorf("create the topic: %w", err)
			}
			return c, script.Succeeded(response)
		}
		select {
		case <-b.exited:
			return nil, fmt.Errorf("the broker ended by itself: %v", b.process.ProcessState)
		case <-ctx.Done():
			return nil, fmt.Errorf("the broker does not serve after %v: %w", startLimit, err)
		case <-pace.C:
		}
	}
}

// kill ends the process as kill -9 does, and waits for its end. It fails if the
// process had ended before.
func (b *broker) kill() error {
	select {
	case <-b.exited:
		return fmt.Errorf("the broker ended by itself: %v", b.process.ProcessState)
	default:
	}
	if err := b.process.Process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-b.exited
	return nil
}

// tail keeps the end of what a process prints.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailSize {
		t.b = bytes.Clone(t.b[len(t.b)-tailSize:])
	}
	return len(p), nil
}

func (t *tail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
