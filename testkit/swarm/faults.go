package swarm

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
)

// strike has a fault begin, and its end on the agenda.
func (r *run) strike(f Fault) {
	n, host := r.nodes[f.Broker%len(r.nodes)], r.world.Host("names")
	if len(r.clients) > 0 {
		host = r.host(f.Client)
	}
	r.world.Note("fault: %s for %v (broker %s, host %s, %d)", f.Kind, f.For, n.name, host.Name(), f.N)
	r.struck(n, f.Kind)
	later := func(what func()) { r.at(r.world.Elapsed()+f.For, what) }
	switch f.Kind {
	case KillBroker, PowerLoss, StopBroker:
		r.bringDown(n, f.Kind, later)
	case KillNameServer:
		r.names.held++
		r.names.host.Crash(sim.ProcessKill)
		later(func() { r.names.held--; r.names.start() })
	case KillClient:
		if len(r.clients) > 0 {
			host.Crash(sim.ProcessKill)
			later(r.clients[f.Client%len(r.clients)].start)
		}
	case Partition, PartitionTo, PartitionFrom:
		if f.Kind != PartitionFrom {
			r.world.PartitionOneWay(host, n.host)
		}
		if f.Kind != PartitionTo {
			r.world.PartitionOneWay(n.host, host)
		}
		later(r.world.Heal)
	case Reset:
		r.world.Reset(host, n.host)
	case SlowReader:
		r.pause(host, later)
	case ClockJump:
		n.epoch++ // locks expire
		n.skew += f.For
		n.locksEnd = r.world.Elapsed()
		n.host.SetClock(n.skew)
	case SlowDisk:
		unit := time.Duration(f.N) * time.Microsecond
		n.host.SetDisk(sim.Disk{
			Sync: sim.Latency{Min: 100 * unit, Max: 10_000 * unit}, Write: sim.Latency{Max: 100 * unit}, Read: sim.Latency{Max: 20 * unit},
		})
		later(func() { n.host.SetDisk(r.plan.Disk) })
	case CrashInStart, SecondCrash:
		r.crashTwice(n, f)
	default:
		r.breakDisk(n, f, later)
	}
}

func (r *run) host(client int) *sim.Host {
	switch c := r.clients[client%len(r.clients)].(type) {
	case *producer:
		return c.host
	case *reader:
		return c.host
	case *listener:
		return c.host
	case *member:
		return c.host
	case *committer:
		return c.host
	case *contender:
		return c.host
	default:
		return c.(*inspector).host
	}
}

// bringDown ends a broker and keeps it down for a while.
func (r *run) bringDown(n *node, kind FaultKind, later func(func())) {
	n.held++
	switch {
	case kind == StopBroker && n.server != nil:
		n.server.BeginStop()
	case kind == PowerLoss:
		n.crash(sim.PowerLoss)
	default:
		n.crash(sim.ProcessKill)
	}
	later(func() {
		n.held--
		n.start()
	})
}

// pause has a client not read what brokers send.
func (r *run) pause(host *sim.Host, later func(func())) {
	for _, p := range r.peers {
		if host.Running() && p.env == host.Env() && p.conn != nil {
			p.conn.Pause()
			later(p.conn.Resume)
		}
	}
}

// crashTwice has a broker lose power, and again after some operations on its disk
// while it recovers, or a little while later.
func (r *run) crashTwice(n *node, f Fault) {
	n.crash(sim.PowerLoss)
	if f.Kind == SecondCrash {
		r.at(r.world.Elapsed()+restartDelay+f.For%time.Second, func() { n.crash(sim.PowerLoss) })
		return
	}
	operations := f.N
	n.ill()
	n.host.Disk().SetFault(func(vfs.Op, string) error {
		if operations--; operations < 0 {
			return errMedium
		}
		return nil
	})
	r.at(r.world.Elapsed()+restartDelay+time.Second, n.healed)
}

func (n *node) ill() {
	if n.ills++; n.illSince == 0 {
		n.illSince = n.run.world.Elapsed()
	}
}

// recovered is after the end of one fault of the disk.
func (n *node) recovered() {
	if n.ills--; n.ills == 0 {
		n.illSince, n.wellSince = 0, n.run.world.Elapsed()
	}
}

// breakDisk has operations of a broker's disk fail.
func (r *run) breakDisk(n *node, f Fault, later func(func())) {
	n.ill()
	switch f.Kind {
	case NoSpace:
		later(func() { n.host.Disk().SetCapacity(0); n.recovered() }) // somebody has made room
		if usage, err := n.host.Disk().Usage("/"); err == nil {
			n.host.Disk().SetCapacity(usage.Total - usage.Free + int64(f.N)<<10)
		}
	case SyncError:
		n.fault(vfs.OpSync, 1)
	case WriteError:
		n.fault(vfs.OpWrite, f.N%5+1)
	case ReadError:
		n.fault(vfs.OpRead, f.N%5+1)
	}
	switch {
	case f.Kind == ReadError && f.N%2 == 0:
		later(func() { n.host.Disk().SetFault(nil); n.recovered() }) // it has passed
	case f.Kind != NoSpace:
		later(n.healed)
	}
}

// struck counts a fault, and which requests it met.
func (r *run) struck(n *node, kind FaultKind) {
	name := string(kind)
	r.result.Faults[name]++
	met := r.result.Coverage[name]
	if met == nil {
		met = make(map[string]int)
		r.result.Coverage[name] = met
	}
	none := true
	for _, p := range r.peers {
		if p.node != n {
			continue
		}
		for _, c := range p.calls {
			met[messages.RequestCode(c.request.Code).String()]++
			none = false
		}
	}
	if none {
		met["nothing"]++
	}
}

// ops are the columns of a table of coverage, the most frequent first.
func ops(coverage map[string]map[string]int) []string {
	total := make(map[string]int)
	for _, met := range coverage {
		for op, n := range met {
			total[op] += n
		}
	}
	return slices.SortedFunc(maps.Keys(total), func(a, b string) int {
		return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b))
	})
}
