package sim

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"github.com/rs/zerolog"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/storage/vfs"
)

// Crash is a way in which a host can fail.
type Crash int

const (
	// ProcessKill ends the process. The kernel keeps what was written to files
	// and resets the connections.
	ProcessKill Crash = iota
	// PowerLoss ends everything. Of what was not synced, the disk keeps what the
	// seed decides. Peers hear nothing until the host is back, which then resets
	// the connections that it does not know.
	PowerLoss
)

func (c Crash) String() string { return [...]string{"process kill", "power loss"}[c] }

// Host is a machine: one process, one disk, one address.
type Host struct {
	world     *World
	name      string
	ip        netip.Addr
	disk      *vfs.Mem
	losses    *rand.Rand // decide what a power loss leaves
	latencies *rand.Rand // of the disk
	process   *process
	started   int           // processes so far
	skew      time.Duration // of the wall clock
	off       bool          // power lost
	port      uint16        // last ephemeral port
}

func newHost(w *World, name string, ip netip.Addr) *Host {
	h := &Host{world: w, name: name, ip: ip, port: 40000, losses: w.stream("disk " + name), latencies: w.stream("disk latency " + name)}
	h.disk = vfs.NewMem(h.Now)
	h.disk.SetCapacity(w.opts.DiskSize)
	return h
}

// process is one life of a host. What belongs to a dead one never runs.
type process struct {
	host    *Host
	alive   bool
	rand    *rand.Rand
	env     *env.Env // made when first asked for
	running string   // the actor that is given a message
	// outboxes hold back messages of actors that wait for the disk, by sender.
	outboxes map[string]*outbox
}

// Name returns the name, which is also a host name for Dial and Listen.
func (h *Host) Name() string { return h.name }

// IP returns the address of the host in the simulated network.
func (h *Host) IP() netip.Addr { return h.ip }

// Disk returns the host's disk, which outlives its processes. Its faults are the
// test's to set.
func (h *Host) Disk() *vfs.Mem { return h.disk }

// Now returns the host's wall clock.
func (h *Host) Now() time.Time { return h.world.Now().Add(h.skew) }

// SetClock moves the host's wall clock by d against the world's. Timers do not
// move.
func (h *Host) SetClock(d time.Duration) { h.skew = d }

// Running reports whether the host has a process.
func (h *Host) Running() bool { return h.process != nil && h.process.alive }

// Env returns the environment of the running process.
func (h *Host) Env() *env.Env {
	if !h.Running() {
		panic("sim: host " + h.name + " is down")
	}
	if h.process.env == nil {
		h.process.env = newEnv(h.process)
	}
	return h.process.env
}

// hostMemory is the memory that a host claims to have, unless Options says otherwise, in
// bytes.
const hostMemory = 8 << 30

func newEnv(p *process) *env.Env {
	return &env.Env{
		Actors:     newActorSystem(p),
		Clock:      clock{p},
		Rand:       p.rand,
		Net:        &network{p},
		FS:         p.host.disk,
		Log:        zerolog.New(logLines{p}).Level(p.host.world.opts.LogLevel),
		Dispatcher: dispatcher{p},
		Memory:     cmp.Or(p.host.world.opts.Memory, hostMemory),
		PID:        1,
		Options:    []actor.PropsOption{actor.WithReceiverMiddleware(p.observe), actor.WithSenderMiddleware(p.lagging)},
	}
}

// A system's registry of names is a thousand maps of so many shards each, made
// for a machine full of writers. One shard each makes a new host thirty times
// cheaper. The number must be set before the first map of a process is made, and
// holds for all.
func init() { cmap.SHARD_COUNT = 1 }

// newActorSystem returns an actor system that starts no goroutine that does
// anything: the library's throttle of its dead letter log has one, which ends at
// once and finds nothing to report.
func newActorSystem(p *process) *actor.ActorSystem {
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(libraryLog{p}) }),
		actor.WithDeadLetterThrottleCount(math.MaxInt32),
		actor.WithDeadLetterThrottleInterval(time.Nanosecond),
	)
	system.Root.WithSenderMiddleware(p.lagging)
	env.ReturnUndelivered(system)
	system.EventStream.Subscribe(func(event any) {
		letter, ok := event.(*actor.DeadLetterEvent)
		if ok && p.alive {
			p.host.world.trace.line(p.host.name, "deadletter", fmt.Sprintf("%T to %s", letter.Message, letter.PID.GetId()))
		}
	})
	return system
}

// Crash ends the host's process as it stands: no actor is told, no timer fires.
func (h *Host) Crash(kind Crash) {
	if !h.Running() {
		return
	}
	h.world.trace.line(h.name, "host", kind.String())
	h.process.alive = false
	h.off = kind == PowerLoss
	h.world.net.crash(h.process, kind)
	if kind == PowerLoss {
		h.disk.Crash(h.losses.IntN)
	} else {
		h.disk.CrashProcess()
	}
}

// Restart starts a new process after a crash, or after the old one has ended in
// order: it gets a new Env over the same disk. What is left of the old process
// is killed.
func (h *Host) Restart() {
	h.Crash(ProcessKill)
	h.started++
	h.off = false
	h.process = &process{
		host:     h,
		alive:    true,
		outboxes: make(map[string]*outbox),
		rand:     h.world.stream("host " + h.name + " " + strconv.Itoa(h.started)),
	}
	h.world.trace.line(h.name, "host", "start "+strconv.Itoa(h.started))
	h.world.net.restarted(h)
}
