package torture

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/script"
)

// replicaTimeout is what a send waits for slaves, and answerLimit the time in which
// it is answered whatever happens to them, on a machine that does other things, too.
const (
	replicaTimeout = 500 * time.Millisecond
	answerLimit    = 5 * time.Second
)

// TestTortureOfASet has a SYNC_MASTER that promises two copies, and two slaves that
// are killed, frozen, cut off and slowed down while clients send. Every send is
// answered in time; and when the master is gone for good, the slave that has more
// has every message whose sender was told SEND_OK.
func TestTortureOfASet(t *testing.T) {
	binary := os.Getenv("ACTORMQ_BINARY")
	if binary == "" {
		t.Skip("needs a broker: make torture")
	}
	rounds := max(number(t, "TORTURE_ROUNDS", 20)/2, 1) // one takes as long as two of TestTorture
	seed := number(t, "TORTURE_SEED", int(time.Now().UnixNano()&0xffffff))
	t.Logf("%d rounds, TORTURE_SEED=%d", rounds, seed)
	s := newSet(t, binary, uint64(seed))
	loading := s.load()
	for range rounds {
		s.harm()
		s.pause(200, 1500)
		s.mend()
		s.pause(100, 600)
	}
	require.NoError(t, s.master.kill())
	loading.Wait()
	s.judge()
}

// set is a master and two slaves, each behind a proxy.
type set struct {
	t       *testing.T
	random  *rand.Rand
	master  *broker
	slaves  []*broker
	proxies []*proxy
	history *history.History
	queues  []history.Queue
	loaders []*loader
	errs    chan error
	harmed  map[string]int
}

func newSet(t *testing.T, binary string, seed uint64) *set {
	s := &set{t: t, random: rand.New(rand.NewPCG(seed, 2)), history: history.New(), errs: make(chan error, loaders), harmed: make(map[string]int)}
	s.master = newBroker(t, binary, "brokerRole=SYNC_MASTER", "inSyncReplicas=2", fmt.Sprint("slaveTimeout=", replicaTimeout.Milliseconds()),
		"flushDiskType=ASYNC_FLUSH")
	require.NoError(t, s.start(s.master))
	c, err := s.master.ready(topic, queues)
	require.NoError(t, err)
	defer c.conn.Close()
	for i := range 2 {
		var port int
		_, err := fmt.Sscanf(s.master.addr, "127.0.0.1:%d", &port)
		require.NoError(t, err)
		p := newProxy(t, fmt.Sprint("127.0.0.1:", port+1))
		s.proxies = append(s.proxies, p)
		s.slaves = append(s.slaves, newBroker(t, binary, "brokerRole=SLAVE", fmt.Sprint("brokerId=", i+1), "haMasterAddress="+p.addr,
			"haSendHeartbeatInterval=200", "haHousekeepingInterval=2000"))
		require.NoError(t, s.start(s.slaves[i]))
	}
	for id := range int32(queues) {
		s.queues = append(s.queues, history.Queue{Topic: topic, ID: id})
	}
	for id := range uint32(loaders) {
		s.loaders = append(s.loaders, &loader{id: id + 1, queues: s.queues, unpromised: map[messages.ResponseCode]bool{
			messages.FlushSlaveTimeout: true, messages.SlaveNotAvailable: true,
		}})
	}
	probe := history.ID{Client: loaders + 1}
	require.Eventually(t, func() bool {
		probe.Number++
		s.history.Sent(probe, s.queues[0])
		response, err := c.call(script.Send(topic, 0, history.Body(probe)))
		return err == nil && response.Code == int32(messages.Success)
	}, startLimit, 10*time.Millisecond, "the slaves come")
	return s
}

// start starts a broker that is killed with the test.
func (s *set) start(b *broker) error {
	s.t.Cleanup(func() {
		if b.process != nil {
			_ = b.kill()
		}
	})
	return b.start()
}

// load sends until the master is gone.
func (s *set) load() *sync.WaitGroup {
	var loading sync.WaitGroup
	for _, l := range s.loaders {
		loading.Go(func() {
			if err := l.load(s.master.addr, s.history, func() {}); err != nil {
				s.errs <- err
			}
		})
	}
	return &loading
}

func (s *set) pause(least, most int) {
	time.Sleep(time.Duration(least+s.random.IntN(most-least)) * time.Millisecond)
	select {
	case err := <-s.errs:
		s.t.Fatal(err)
	case <-s.master.exited:
		s.t.Fatalf("the master has ended:\n%s", &s.master.output)
	default:
	}
}

// harm disturbs one slave, or both.
func (s *set) harm() {
	for i := range s.slaves {
		if s.random.IntN(3) == 0 {
			continue
		}
		what := [...]string{"killed", "frozen", "cut off", "slowed down", "reset"}[s.random.IntN(5)]
		s.harmed[what]++
		switch what {
		case "killed":
			require.NoError(s.t, s.slaves[i].kill(), "%s", &s.slaves[i].output)
		case "frozen":
			require.NoError(s.t, s.slaves[i].process.Process.Signal(syscall.SIGSTOP))
		case "cut off":
			s.proxies[i].hold()
		case "slowed down":
			s.proxies[i].slow(time.Duration(s.random.IntN(100)) * time.Millisecond)
		case "reset":
			s.proxies[i].cut()
		}
	}
}

func (s *set) mend() {
	for i, b := range s.slaves {
		s.proxies[i].heal()
		select {
		case <-b.exited:
			require.NoError(s.t, b.start())
		default:
			require.NoError(s.t, b.process.Process.Signal(syscall.SIGCONT))
		}
	}
}

// judge promotes the slave that has more, and reads all of it.
func (s *set) judge() {
	survivor := s.slaves[0]
	for _, b := range s.slaves {
		require.NoError(s.t, b.kill(), "%s", &b.output)
		if s.logEnd(b) > s.logEnd(survivor) {
			survivor = b
		}
	}
	conf, err := os.ReadFile(survivor.config)
	require.NoError(s.t, err)
	promoted := strings.NewReplacer("brokerRole=SLAVE", "brokerRole=ASYNC_MASTER", "brokerId=1", "brokerId=0", "brokerId=2", "brokerId=0").Replace(string(conf))
	require.NoError(s.t, os.WriteFile(survivor.config, []byte(promoted), 0o644))
	require.NoError(s.t, survivor.start())
	c, err := survivor.ready(topic, queues)
	require.NoError(s.t, err, "%s", &survivor.output)
	defer c.conn.Close()
	for _, q := range s.queues {
		first, end, err := c.readQueue(s.history, q, 0)
		require.NoError(s.t, err)
		require.Zero(s.t, first)
		require.NoError(s.t, s.history.Whole(q, 0, end))
	}
	var broken int
	var slowest time.Duration
	for _, l := range s.loaders {
		broken += l.broken
		slowest = max(slowest, l.slowest)
	}
	require.Less(s.t, slowest, answerLimit)
	require.Positive(s.t, broken)
	s.t.Logf("slaves %v; %d messages sent, %d with two copies, all there, %d told otherwise; the slowest answer took %v",
		s.harmed, s.history.Total(), s.history.Acknowledgements(), broken, slowest.Round(time.Millisecond))
}

// logEnd is the end of the log of a broker that does not run: that of the last
// segment's last byte that is not zero.
func (s *set) logEnd(b *broker) int64 {
	dir := filepath.Join(filepath.Dir(b.config), "store", "commitlog")
	files, err := os.ReadDir(dir)
	require.NoError(s.t, err)
	var end int64
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(s.t, err)
		var start int64
		_, err = fmt.Sscanf(f.Name(), "%d", &start)
		require.NoError(s.t, err)
		if used := strings.TrimRight(string(content), "\x00"); used != "" {
			end = max(end, start+int64(len(used)))
		}
	}
	return end
}
