// Package front is the broker's and the name server's face to their clients:
// a Listener per port, and under it a Connection per client.
//
//	socket ─▶ Reader ─▶ Requests per owning actor      (one message per burst and actor)
//	             └────▶ Sends: records encoded in place, one Append per burst
//	socket ◀─ Connection ◀─ Outgoing, Append (done), Ask
//
// The Reader is no actor: it is the transport's Receiver and runs on the
// connection's reading goroutine (in simulation: as an event). It decodes,
// groups the burst's requests by the actor that owns their code and sends each
// group as one message. The Connection actor owns the writing side: it encodes,
// collects what came in one batch and writes it at once.
//
// Credits bound memory. A burst counts until its last actor released it, and so do
// the records that sends became (messages.Holds); above the limit of its
// connection, or of all connections, the Reader stops reading, and TCP slows the
// client down. The same holds when a client does not take its
// answers. Where sends are refused because none are taken up, it reads on, so that
// clients are told (Refuser). Nothing inside of the broker is bounded by blocking.
package front
