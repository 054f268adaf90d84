package messages

import "sync/atomic"

// AllInSync as Append.Copies asks for a copy at every slave that is in sync.
const AllInSync = -1

// Part is something that the answer to an Append waits for.
type Part int

// The parts. Each is settled by one actor.
const (
	PartFlush    Part = iota // by Flush: the records are on disk
	PartReplicas             // by GroupTransfer: enough slaves have them
	numParts
)

// join is where the waits of an Append meet. Its parts run in parallel, each in
// an actor of its own; the one that is settled last makes the answer.
type join struct {
	// expected[p] and outcomes[p] are written by CommitLog before it hands the
	// Append on, and then by the owner of p alone.
	expected [numParts]bool
	outcomes [numParts]outcome
	open     atomic.Int32 // parts that are not settled
}

type outcome struct {
	code   ResponseCode
	remark string
}

func (j *join) reset() {
	j.expected, j.outcomes = [numParts]bool{}, [numParts]outcome{}
	j.open.Store(0)
}

// Expect has the answer wait for p. CommitLog calls it before anybody else has a.
func (a *Append) Expect(p Part) {
	a.join.expected[p] = true
	a.join.open.Add(1)
}

// Answered reports that the answer waits for nothing. CommitLog asks before
// anybody else has a.
func (a *Append) Answered() bool { return a.join.open.Load() == 0 }

// Settle says how p ended, and reports whether that was the last part: then the
// outcome of every send is known, and the caller sends a to ReplyTo, with the
// reference that CommitLog left for it. A part that is not expected, or settled
// already, changes nothing: a flush may end after its wait has timed out.
func (a *Append) Settle(p Part, code ResponseCode, remark string) bool {
	if !a.join.expected[p] {
		return false
	}
	a.join.expected[p] = false
	a.join.outcomes[p] = outcome{code, remark}
	if a.join.open.Add(-1) > 0 {
		return false
	}
	a.decide(a.join.worst())
	return true
}

// worst returns the outcome that counts (RocketMQ: CommitLog.handleDiskFlushAndHA,
// where the replicas' overrides the flush's). A log that cannot be flushed any more
// comes first: every other code would say that the message is stored.
func (j *join) worst() outcome {
	flush, replicas := j.outcomes[PartFlush], j.outcomes[PartReplicas]
	if flush.code == ServiceNotAvailable || replicas.code == Success {
		return flush
	}
	return replicas
}

// decide gives the sends their code. One that was refused before it was appended
// keeps its refusal; one that does not wait is stored whatever becomes of the
// others' waits, unless the log has failed.
func (a *Append) decide(o outcome) {
	if o.code == Success {
		return
	}
	for i := range a.Sends {
		if s := &a.Sends[i]; s.Code == Success && (s.Wait || o.code == ServiceNotAvailable) {
			s.Code, s.Remark = o.code, o.remark
		}
	}
}
