package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/audit"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/sim"
)

// The topics of a run, on every broker.
const (
	topicPlain   = "plain"
	topicOrdered = "ordered"
	topicDelayed = "delayed"
	topicHasty   = "hasty" // whose producers do not wait for the disk
)

var topics = []string{topicPlain, topicOrdered, topicDelayed, topicHasty}

// node is a broker, over all of its processes. Whoever runs it starts it again a
// second after it ended.
type node struct {
	run    *run
	index  int
	name   string
	host   *sim.Host
	config config.Broker
	server *broker.Server // nil while the broker is down
	up     bool
	life   int // processes so far
	epoch  int // of what only memory has: another one after each process, and jump of the clock
	// offsets and locks are what contenders did.
	offsets, locks lives
	held           int // faults that keep it down
	failed         error

	skew      time.Duration   // of its clock
	locksEnd  time.Duration   // when its queue locks were last lost
	atRest    int             // actors of the first process before clients came
	darkSince time.Duration   // when it was last up; 0 while it is
	deaths    []time.Duration // when its process ended without a chance to save its state
	// illSince is when its disk began to fail; 0 while it does not. What a broker
	// answers meanwhile may be an error, and what it could not flush may be lost.
	illSince  time.Duration
	wellSince time.Duration // when that ended
	ills      int           // faults of the disk that have not ended
}

// ailing reports whether requests may fail.
func (n *node) ailing() bool {
	return n.illSince > 0 || n.wellSince > 0 && n.run.world.Elapsed() < n.wellSince+lastAnswers
}

// lastAnswers is the time in which answers from before may still come.
const lastAnswers = 5 * time.Second

// healed is after the end of a fault of the disk: the broker begins anew, as the
// operator who has replaced the disk sees to.
func (n *node) healed() {
	n.host.Disk().SetFault(nil)
	n.host.Disk().SetCapacity(0)
	n.crash(sim.PowerLoss)
	n.recovered()
}

func newNode(r *run, index int) *node {
	name := fmt.Sprintf("broker-%c", 'a'+index)
	n := &node{run: r, index: index, name: name, host: r.world.Host(name), locksEnd: -lockLife}
	n.host.SetDisk(r.plan.Disk)
	n.config = cluster.NewBroker(nil, r.world, n.host, func(c *config.Broker) {
		c.NamesrvAddr = "names:9876"
		c.FlushDiskType = config.AsyncFlush
		if r.plan.SyncFlush {
			c.FlushDiskType = config.SyncFlush
		}
		c.MappedFileSizeCommitLog = r.plan.Segment
		c.MessageDelayLevel = r.plan.Delays
		c.DefaultTopicQueueNums = r.plan.Queues
		// A full disk must not cost messages here, which it otherwise may.
		c.DiskSpaceWarningLevelRatio, c.DiskSpaceCleanForciblyRatio, c.CleanFileForciblyEnable = 100, 99, false
	}).Config
	return n
}

// queueTopic is the name of a topic of this broker in the history: queues of two
// brokers have nothing to do with each other.
func (n *node) queueTopic(topic string) string { return n.name + "/" + topic }

func (n *node) queue(topic string, id int32) history.Queue {
	return history.Queue{Topic: n.queueTopic(topic), ID: id}
}

func (n *node) addr() string { return fmt.Sprintf("%s:%d", n.name, n.config.ListenPort) }

// restartDelay is the time after which a broker that ended is started again.
const restartDelay = time.Second

// start starts the broker, and again later if that fails.
func (n *node) start() {
	if n.held > 0 || n.server != nil {
		return
	}
	n.host.Restart()
	n.life++
	life := n.life
	n.note("start %d", life)
	server, err := broker.Begin(n.host.Env(), n.config, func(_ netip.AddrPort, err error) {
		switch {
		case n.life != life:
		case err != nil:
			n.note("does not come up: %v", err)
			n.failed = err
			n.down()
		default:
			n.up, n.darkSince = true, 0
		}
	})
	if err != nil {
		n.failed = err
		n.down()
		return
	}
	n.server = server
}

// down is after the broker has ended.
func (n *node) down() {
	n.epoch++
	if n.up {
		n.darkSince = n.run.world.Elapsed()
	}
	n.server, n.up = nil, false
	n.locksEnd = n.run.world.Elapsed()
	n.run.at(n.run.world.Elapsed()+restartDelay, n.start)
}

// look notices a broker that has ended by itself.
func (n *node) look() {
	if n.server == nil {
		return
	}
	select {
	case <-n.server.Done():
		n.note("ended: %v", n.server.Err())
		n.down()
	default:
	}
}

// crash ends the broker as it stands.
func (n *node) crash(kind sim.Crash) {
	if kind == sim.PowerLoss {
		n.run.doubt(n)
	}
	n.deaths = append(n.deaths, n.run.world.Elapsed())
	n.host.Crash(kind)
	if !n.ailing() {
		n.run.fail(n.audit(false))
	}
	n.life++
	n.down()
}

// actors is the number of actors in the broker's process.
func (n *node) actors() (all int) {
	for _, bucket := range n.host.Env().Actors.ProcessRegistry.LocalPIDs.LocalPIDs {
		all += bucket.Count()
	}
	return all
}

// audit looks at the broker's files.
func (n *node) audit(clean bool) error {
	levels, err := messages.ParseDelayLevels(n.config.MessageDelayLevel)
	if err != nil {
		return err
	}
	_, err = audit.Store(n.host.Disk().Snapshot(), n.config.StorePathRootDir, audit.Options{
		Clean: clean, Delays: levels, Index: n.config.MessageIndexEnable, Slots: n.config.MaxHashSlotNum, Entries: n.config.MaxIndexNum,
	})
	if err != nil {
		return fmt.Errorf("swarm: %s: %w", n.name, err)
	}
	return nil
}

// diedWithin reports whether the process died in the time d after at.
func (n *node) diedWithin(at, d time.Duration) bool {
	return slices.ContainsFunc(n.deaths, func(death time.Duration) bool { return at <= death && death < at+d })
}

func (n *node) note(format string, args ...any) {
	n.run.world.Note("%s "+format, append([]any{n.name}, args...)...)
}

var errMedium = errors.New("swarm: medium error")

// fault has operations on the log fail.
func (n *node) fault(op vfs.Op, every int) {
	count := 0
	n.host.Disk().SetFault(func(did vfs.Op, name string) error {
		if did != op || !strings.Contains(name, "/commitlog/") {
			return nil
		}
		if count++; count%every == 0 {
			return errMedium
		}
		return nil
	})
}

// names is the name server. It forgets everything when it ends.
type names struct {
	run  *run
	host *sim.Host
	held int
}

func (n *names) start() {
	if n.held > 0 {
		return
	}
	n.host.Restart()
	_, err := namesrv.Begin(n.host.Env(), config.DefaultNameServer(), func(_ netip.AddrPort, err error) {
		if err != nil {
			n.run.fail(fmt.Errorf("the name server does not come up: %w", err))
		}
	})
	if err != nil {
		n.run.fail(fmt.Errorf("the name server does not start: %w", err))
	}
}
