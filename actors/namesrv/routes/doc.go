// Package routes is what a name server knows: which brokers are there, in which
// clusters, and which queues of which topics they hold
// (RocketMQ: RouteInfoManager, DefaultRequestProcessor, ClientRequestProcessor).
//
//	brokers ── register, heartbeat, close ─▶ Registry actor ── publishes ─▶ View
//	clients ── 105 and all other questions ─▶ Reader, on the connection's own
//	           goroutine ── loads ─▶ Table ── answers
//
// The Registry actor is the only writer. Each change makes a new Table, which is
// immutable and shares with the one before whatever did not change. A question
// takes the current Table and never waits for a write; the JSON of a topic's
// route is made once and kept until the topic or a broker changes.
//
// A broker stays in the table while it registers, or sends heartbeats, within
// its timeout and keeps the connection that it registered on. With its last
// address its queues go. The key-value settings that a route's order comes from
// are kvconfig's.
package routes
