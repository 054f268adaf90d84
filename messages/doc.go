// Package messages is the vocabulary of actormq: the domain types that clients
// and brokers speak about (messages, queues, routes, topic and group
// configuration), the remoting command with its request and response codes, the
// JSON bodies of the protocol, and the plain structs that actors send to each
// other.
//
// It imports nothing else of this module, so that storage, transport, actors
// and the SDK can all share it. It holds no behaviour beyond encoding, decoding
// and small pure rules (property strings, tag hashes, topic names), and never
// touches a clock, a socket or a file.
//
// A message that one actor sends to another is immutable once sent; where a
// struct carries slices of a pooled buffer, its comment says who releases it.
package messages
