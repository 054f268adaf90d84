// Package pull answers consumers' pulls: Pullers read, PullHold keeps the long
// polls.
//
//	Connection.Reader ── Requests ──▶ Puller ── hold ──▶ PullHold ◀── Arrived ── Dispatch
//	                                    │ ◀──── rerun ─────┘
//	                                    └── Outgoing ──▶ Connection
//
// A request by tags comes back from PullHold once, to be answered. One by SQL92
// comes back for each arrival, for only its records tell whether they match, and
// is held again behind them if none does.
//
// Pullers are a fixed pool, since reading cold data blocks; a request goes to
// one of them by its connection. They own no state but their buffers and the
// conditions that requests carry, compiled. What a pull depends on (topics, groups,
// subscriptions, queue bounds) they read from published snapshots.
package pull
