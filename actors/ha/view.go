package ha

import (
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// Replica is what the others know of a connected slave. Each field has one
// writer; any goroutine may read.
type Replica struct {
	Addr   netip.AddrPort // of the slave's end of the connection
	writer *actor.PID

	acked atomic.Int64 // end of the slave's log as it reported; unreported at first
	next  atomic.Int64 // offset that the Writer sends next
	rate  atomic.Int64 // bytes that it sent within the last second
	// idle says that the Writer has sent everything and wants to be told when the
	// log has grown.
	idle atomic.Bool
	// trusted is the offset above which acknowledgements count. It is raised when
	// another connection comes from the same address: this one may be what a slave
	// has left behind that has connected anew, and would count twice. Reports that
	// are still under way from there are of what was sent before.
	trusted atomic.Int64
}

// unreported is the acknowledged offset before the first report.
const unreported = -1

func newReplica(addr netip.AddrPort, writer *actor.PID) *Replica {
	r := &Replica{Addr: addr, writer: writer}
	r.acked.Store(unreported)
	r.trusted.Store(unreported)
	return r
}

// doubt has the replica's acknowledgements not count up to what it was sent so far.
func (r *Replica) doubt() { r.trusted.Store(r.next.Load()) }

// inSync reports whether the slave is less than gap bytes behind end.
func (r *Replica) inSync(end, gap int64) bool {
	acked := r.acked.Load()
	return acked != unreported && end-acked < gap
}

// View is the connected slaves. AcceptSocket writes it; any goroutine may read.
// A nil View has no slaves.
type View struct{ replicas atomic.Pointer[[]*Replica] }

// Replicas returns the connected slaves, oldest connection first.
func (v *View) Replicas() []*Replica {
	if v == nil {
		return nil
	}
	if p := v.replicas.Load(); p != nil {
		return *p
	}
	return nil
}

// add puts a replica into the view, and older ones of the same host into doubt.
func (v *View) add(r *Replica) {
	for _, older := range v.Replicas() {
		if older.Addr.Addr() == r.Addr.Addr() {
			older.doubt()
		}
	}
	all := append(slices.Clone(v.Replicas()), r)
	v.replicas.Store(&all)
}

func (v *View) remove(r *Replica) {
	all := slices.DeleteFunc(slices.Clone(v.Replicas()), func(x *Replica) bool { return x == r })
	v.replicas.Store(&all)
}

func (v *View) clear() { v.replicas.Store(nil) }

// Wake tells the Writers that wait for it that the log has grown. It costs next
// to nothing without slaves, or while they are busy.
func (v *View) Wake(e *env.Env) {
	for _, r := range v.Replicas() {
		if r.idle.Load() && r.idle.CompareAndSwap(true, false) {
			e.Send(r.writer, &grown{})
		}
	}
}

// InSync returns the number of slaves that are less than gap bytes behind end
// (RocketMQ: DefaultHAService.inSyncReplicasNums, which counts the master, too).
func (v *View) InSync(end, gap int64) int {
	n := 0
	for _, r := range v.Replicas() {
		if r.inSync(end, gap) {
			n++
		}
	}
	return n
}

// Acked appends the acknowledged offsets that count to dst[:0], highest first.
func (v *View) Acked(dst []int64) []int64 {
	dst = dst[:0]
	for _, r := range v.Replicas() {
		if acked := r.acked.Load(); acked > r.trusted.Load() {
			dst = append(dst, acked)
		}
	}
	slices.SortFunc(dst, func(a, b int64) int { return cmp.Compare(b, a) })
	return dst
}

// AckedByAll returns the offset up to which every slave that is in sync has
// acknowledged the log, end if there is none.
func (v *View) AckedByAll(end, gap int64) int64 {
	least := end
	for _, r := range v.Replicas() {
		if r.inSync(end, gap) {
			least = min(least, r.acked.Load())
		}
	}
	return least
}

// Status describes the slaves for operators, given the end of the log.
func (v *View) Status(end, gap int64) messages.HAStatus {
	s := messages.HAStatus{Master: true, MasterCommitLogMaxOffset: end, InSyncSlaveNums: v.InSync(end, gap)}
	for _, r := range v.Replicas() {
		acked := r.acked.Load()
		s.Connections = append(s.Connections, messages.HAConnectionStatus{
			Addr: r.Addr.String(), SlaveAckOffset: acked, Diff: end - max(acked, 0), InSync: r.inSync(end, gap),
			TransferredByteInSecond: r.rate.Load(), TransferFromWhere: r.next.Load(),
		})
	}
	return s
}

// Policy says how many copies of a message a SYNC_MASTER waits for.
type Policy struct {
	View *View
	// Copies is the number of brokers that must have a message before its sender is
	// told so, this one included (inSyncReplicas).
	Copies int
	// Min is the number of brokers in sync below which sends are refused
	// (minInSyncReplicas). Apache's broker looks at it only together with a
	// controller, or as slave acting master.
	Min int
	// Auto has a message wait for no more copies than there are brokers in sync, but
	// for Min at least (enableAutoInSyncReplicas).
	Auto bool
	// All has a message wait for every slave that is in sync (allAckInSyncStateSet).
	All bool
	// MaxGap is how far, in bytes, a slave that is in sync may be behind
	// (haMaxGapNotInSync).
	MaxGap int64
}

// Need returns how many copies a message that is appended at end waits for,
// messages.AllInSync if those of all slaves in sync. It reports false if there
// are too few brokers to append it at all (RocketMQ: CommitLog.asyncPutMessage,
// calcNeedAckNums).
func (p *Policy) Need(end int64) (copies int, enough bool) {
	inSync := 1 + p.View.InSync(end, p.MaxGap)
	switch {
	case inSync < p.Min:
		return 0, false
	case p.All:
		return messages.AllInSync, true
	case p.Auto:
		return max(min(p.Copies, inSync), p.Min), true
	}
	return p.Copies, true
}
