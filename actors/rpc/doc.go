// Package rpc is the calling side of the remoting protocol: a Client is an
// actor that owns one outbound connection, and mirrors what a Connection is to
// a server.
//
//	asker ── messages.Ask ──▶ Client ── frames of one batch, one write ──▶ socket
//	asker ◀─ messages.Answer ── Client ◀── Link (the transport's Receiver) ── socket
//
// The connection is dialled when something is asked, and again after a failure
// with growing pauses; nobody is ever blocked by a server that is down. Every
// Ask with a ReplyTo gets exactly one Answer, at the latest at its timeout.
// Requests of the server go to an owner as messages.Requests, so that the same
// front.Handlers serve either side's connections.
//
// What a request means, and whether it is worth repeating, is the asker's to
// know: the Client never sends anything twice.
package rpc
