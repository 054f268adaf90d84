// Package tcp is the production network: transport.Network on TCP sockets.
//
// Each connection has one goroutine, which reads into the Receiver's buffers and
// delivers; Close of the Network ends and joins all of them, and the accepting
// and dialling ones. Writes happen on the caller's goroutine and may block until
// the peer has taken nothing for the write timeout. A Receiver that is a
// transport.Idler holds no buffer while its connection waits for the peer.
//
// The sockets are Go's: TCP_NODELAY is on, keep-alive probes detect a peer that
// vanished, and the backlog is the system's largest.
package tcp
