// Package haclient is a slave's side of replication (RocketMQ: DefaultHAClient).
//
// HAClient connects to its master's HA port, says how far the slave's log is, and
// appends what the master sends, byte for byte; messages/ha.go draws the frames.
// It owns the tail of the log: on a slave the CommitLog writer appends nothing.
//
//	name server ── Registered ──▶ HAClient ◀── chunk ── reader (the connection's goroutine)
//	                               │  │  └── report ──▶ master
//	                               │  └───── Grown ──▶ Reput ── Appended ──▶ Dispatch
//	                               └── WaitFlushed ──▶ Flush ── Flushed ──▶ HAClient   (SYNC_FLUSH)
//
// A report is a promise: the master tells producers that the slave has what it has
// reported. With ASYNC_FLUSH that is what was written, as in Apache's slave; with
// SYNC_FLUSH it is what is on disk.
//
// The protocol has no checksum of what came before. A master that has lost the end
// of its log, and has written another, cannot be told from the slave's own by the
// offsets alone; so the first bytes of a connection must be a message, or the end
// of a segment, where the slave's last message ends. Where that is not so, or where
// a frame leaves a gap or overlaps, HAClient closes the connection, says so with
// both offsets, and appends nothing.
package haclient
