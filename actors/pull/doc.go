// Package pull answers consumers' pulls: Pullers read, PullHold keeps the long
// polls.
//
//	Connection.Reader ── Requests ──▶ Puller ── hold ──▶ PullHold ◀── Arrived ── Dispatch
//	                                    │ ◀──── rerun ─────┘
//	                                    └── Outgoing ──▶ Connection
//
// Pullers are a fixed pool, since reading cold data blocks; a request goes to
// one of them by its connection. They own no state but their buffers: what a
// pull depends on (topics, groups, subscriptions, queue bounds) they read from
// published snapshots.
package pull
