package swarm

import (
	"math/rand/v2"
	"time"

	"github.com/actormq/actormq/testkit/sim"
)

// Plan is everything about a run but its schedule, which its seed decides.
type Plan struct {
	Seed    uint64
	Load    time.Duration // how long clients work and faults strike
	Brokers int
	Queues  int32 // of each topic on each broker
	// SyncFlush promises that what was acknowledged survives a power loss.
	SyncFlush bool
	Segment   int64 // mappedFileSizeCommitLog, bytes
	Delays    string
	Disk      sim.Disk // of the brokers
	Link      sim.Link
	StallRate int
	Clients   []Client
	Faults    []Fault
}

// ClientKind is what a client does.
type ClientKind string

// The kinds of clients.
const (
	// Producers differ in how many messages they have under way, and in what they send.
	SyncProducer    ClientKind = "sync producer"
	AsyncProducer   ClientKind = "async producer"
	OnewayProducer  ClientKind = "one-way producer"
	BatchProducer   ClientKind = "batch producer"
	OrderedProducer ClientKind = "ordered producer"
	HastyProducer   ClientKind = "hasty producer" // waits for no flush
	DelayProducer   ClientKind = "delay producer"
	// Reader pulls every queue, without a group.
	Reader ClientKind = "reader"
	// Member is a push consumer in a group that shares the queues.
	Member ClientKind = "member"
	// OrderlyMember consumes a queue only while it has its lock.
	OrderlyMember ClientKind = "orderly member"
	// Listener is a broadcasting consumer.
	Listener ClientKind = "listener"
	// Inspector asks for messages by id, key and time.
	Inspector ClientKind = "inspector"
	// Committer commits offsets and asks for them.
	Committer ClientKind = "committer"
	// Contender shares an offset and a lock with others of its kind.
	Contender ClientKind = "contender"
)

// Client is one client, on a host of its own.
type Client struct {
	Kind   ClientKind
	Window int           // requests under way
	Pause  time.Duration // between two requests, on average
	Join   time.Duration // when it comes
	// One in FailRate messages is one that the consumer's handler fails on; 0 none.
	FailRate int
}

// FaultKind is a way in which things break.
type FaultKind string

// The kinds of faults.
const (
	KillBroker     FaultKind = "kill broker"
	PowerLoss      FaultKind = "power loss"
	StopBroker     FaultKind = "stop broker"
	KillNameServer FaultKind = "kill name server"
	KillClient     FaultKind = "kill client"
	Partition      FaultKind = "partition"      // of a client and a broker
	PartitionTo    FaultKind = "partition to"   // what the client sends is held back
	PartitionFrom  FaultKind = "partition from" // what the broker sends is held back
	Reset          FaultKind = "reset"          // of the connections of a client and a broker
	SlowReader     FaultKind = "slow reader"    // the client does not read
	NoSpace        FaultKind = "no space"       // the broker's disk is full
	SyncError      FaultKind = "sync error"     // an fsync of the broker's log fails
	WriteError     FaultKind = "write error"    // a write to the broker's log fails, maybe in part
	ReadError      FaultKind = "read error"     // one read in a few of the broker's log fails
	SlowDisk       FaultKind = "slow disk"      // the broker's disk takes its time
	ClockJump      FaultKind = "clock jump"     // of the broker's wall clock, forwards
	CrashInStart   FaultKind = "crash in start" // the broker loses power again while it recovers
	SecondCrash    FaultKind = "second crash"   // and soon after it has come up
)

var faultKinds = []FaultKind{
	KillBroker, PowerLoss, StopBroker, KillNameServer, KillClient, Partition, PartitionTo, PartitionFrom,
	Reset, SlowReader, NoSpace, SyncError, WriteError, ReadError, SlowDisk, ClockJump, CrashInStart, SecondCrash,
}

// Fault is one that strikes At and ends For later.
type Fault struct {
	Kind   FaultKind
	At     time.Duration
	For    time.Duration
	Broker int
	Client int
	N      int // what else the kind needs: operations, a rate
}

// Draw returns the plan of a seed. Half of the kinds of clients and few of the
// kinds of faults are in a plan: each thing must also be tried without all others.
func Draw(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := Plan{
		Seed:      seed,
		Load:      time.Duration(2+r.IntN(20)) * time.Second,
		Brokers:   1 + r.IntN(3)*r.IntN(2),
		Queues:    int32(1 + r.IntN(4)),
		SyncFlush: r.IntN(3) > 0,
		Segment:   int64(16+r.IntN(64)) << 10,
		Delays:    "1s 2s 3s 4s 5s 6s",
		Link:      sim.Link{MinDelay: 50 * time.Microsecond, MaxDelay: time.Duration(1+r.IntN(3000)) * time.Microsecond},
		StallRate: 64 << r.IntN(4),
	}
	if r.IntN(3) == 0 {
		p.Link.ResetRate = 500 + r.IntN(2000)
	}
	if r.IntN(2) == 0 {
		most := time.Duration(1+r.IntN(10_000)) * time.Microsecond
		p.Disk = sim.Disk{Sync: sim.Latency{Min: most / 10, Max: most}, Write: sim.Latency{Max: most / 100}, Read: sim.Latency{Max: most / 50}}
	}
	p.drawClients(r)
	p.drawFaults(r)
	return p
}

func (p *Plan) drawClients(r *rand.Rand) {
	add := func(kind ClientKind, n int) {
		for range n {
			c := Client{Kind: kind, Window: 1, Pause: time.Duration(5+r.IntN(200)) * time.Millisecond}
			switch kind {
			case AsyncProducer, HastyProducer, OnewayProducer:
				c.Window = 2 + r.IntN(8)
			case Member, OrderlyMember:
				if r.IntN(2) == 0 {
					c.Join = time.Duration(r.Int64N(int64(p.Load)))
				}
				if r.IntN(2) == 0 {
					c.FailRate = 5 + r.IntN(20)
				}
			}
			p.Clients = append(p.Clients, c)
		}
	}
	add(AsyncProducer, 1)
	for _, kind := range []ClientKind{SyncProducer, AsyncProducer, OnewayProducer, BatchProducer, OrderedProducer, HastyProducer, DelayProducer} {
		add(kind, r.IntN(2))
	}
	add(Reader, r.IntN(2))
	add(Member, r.IntN(2)*(1+r.IntN(3)))
	add(OrderlyMember, r.IntN(2)*(1+r.IntN(3)))
	add(Listener, r.IntN(2)*r.IntN(2))
	add(Inspector, r.IntN(2))
	add(Committer, r.IntN(2))
	add(Contender, r.IntN(2)*(2+r.IntN(2)))
}

func (p *Plan) drawFaults(r *rand.Rand) {
	kinds := make([]FaultKind, 1+r.IntN(4))
	for i := range kinds {
		kinds[i] = faultKinds[r.IntN(len(faultKinds))]
	}
	for range r.IntN(8) {
		f := Fault{
			Kind:   kinds[r.IntN(len(kinds))],
			At:     time.Duration(r.Int64N(int64(p.Load))),
			For:    time.Duration(1+r.IntN(1<<r.IntN(13))) * time.Millisecond,
			Broker: r.IntN(p.Brokers),
			Client: r.IntN(len(p.Clients)),
			N:      1 + r.IntN(1<<r.IntN(9)),
		}
		p.Faults = append(p.Faults, f)
	}
}
