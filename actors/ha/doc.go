// Package ha is the master's side of replication: it sends every slave that
// connects the bytes of the CommitLog and keeps what each has acknowledged
// (RocketMQ: DefaultHAService, DefaultHAConnection). The stream is described with
// messages.HAHeader.
//
//	slave ── report ─▶ reader ─────────── first report ──▶ Writer
//	                     │ └─ acknowledged offset ─▶ View    │ ▲
//	                     ▼                                   │ └── Wake ── CommitLog
//	                GroupTransfer                            └── frames ─▶ slave
//
// AcceptSocket listens and spawns an HAConnection per slave, which ends the
// connection when it is silent for too long. The reader runs on the connection's
// reading goroutine and never blocks. The Writer is a child of the HAConnection:
// its writes block while its slave takes nothing, for which nobody else waits.
// It sends what is appended, flushed or not, as Apache's master does.
//
// View is the snapshot that everybody else reads: CommitLog, to wake Writers that
// have nothing left to send and to count who is in sync; GroupTransfer, which
// compares acknowledged offsets; the answer to GET_BROKER_HA_STATUS.
//
// A slave has no name in this protocol. Acknowledgements count per connection, and
// one that was left behind by a slave that has connected again must not count
// beside the new one: see Replica.doubt.
package ha
