package ha

import (
	"fmt"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/commitlog"
	"github.com/actormq/actormq/transport"
)

// ReportError says that a slave reported an offset that it cannot have: one
// outside of the log, or less than it had before.
type ReportError struct {
	Reported int64
	Before   int64 // what it reported before, -1 if that was the first report
	Min, Max int64 // the bounds of the master's log
}

func (e *ReportError) Error() string {
	switch {
	case e.Before != unreported && e.Reported < e.Before:
		return fmt.Sprintf("ha: the slave reports the offset %d after %d", e.Reported, e.Before)
	case e.Reported > e.Max:
		return fmt.Sprintf("ha: the slave reports the offset %d, the log ends at %d", e.Reported, e.Max)
	}
	return fmt.Sprintf("ha: the slave asks for the offset %d, the log begins at %d", e.Reported, e.Min)
}

// reader takes the reports of one slave. It is the Receiver of the connection.
type reader struct {
	env        *env.Env
	conn       transport.Conn
	log        *commitlog.Log
	connection *actor.PID
	watcher    *actor.PID // told of acknowledgements, may be nil
	replica    *Replica
	heard      atomic.Int64 // Unix milliseconds of the last report, or of the accept

	// The reading goroutine's.
	buf     [64 * messages.HAReportSize]byte
	reports messages.HAReports
	last    int64 // the last report
}

func newReader(o *Options, conn transport.Conn, connection *actor.PID) *reader {
	writer := actor.NewPID(connection.Address, connection.Id+"/"+writerName)
	r := &reader{
		env: o.Env, conn: conn, log: o.Log, connection: connection, watcher: o.Watcher,
		replica: newReplica(unmap(conn.RemoteAddr()), writer), last: unreported,
	}
	r.heard.Store(o.Env.Millis())
	return r
}

// Buffer implements transport.Receiver.
func (r *reader) Buffer() []byte { return r.buf[:] }

// Received implements transport.Receiver. Of the reports that one read brought the
// last one counts.
func (r *reader) Received(n int) error {
	first, came := r.last == unreported, false
	for offset, rest, ok := r.reports.Next(r.buf[:n]); ok; offset, rest, ok = r.reports.Next(rest) {
		if err := r.check(offset); err != nil {
			r.env.Log.Error().Err(err).Stringer("slave", r.replica.Addr).Msg("closing the connection to a slave")
			return err
		}
		r.last, came = offset, true
	}
	if !came {
		return nil
	}
	r.heard.Store(r.env.Millis())
	r.replica.acked.Store(r.last)
	if first {
		r.env.Send(r.replica.writer, &begin{reported: r.last})
	}
	if r.watcher != nil {
		r.env.Send(r.watcher, progress)
	}
	return nil
}

// check refuses what no slave of this master can report. Apache's master serves
// such a slave with heartbeats for ever, and counts what it says.
func (r *reader) check(offset int64) error {
	low, high := r.log.MinOffset(), r.log.MaxOffset()
	tooOld := r.last == unreported && offset != 0 && offset < low
	if offset < 0 || offset < r.last || offset > high || tooOld {
		return &ReportError{Reported: offset, Before: r.last, Min: low, Max: high}
	}
	return nil
}

// Closed implements transport.Receiver.
func (r *reader) Closed(err error) { r.env.Send(r.connection, &closed{err: err}) }
