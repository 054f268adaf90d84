// Package mixed holds the cases that need more than one process or both
// languages: a message of one client read by the other, consumers that join and
// are killed, brokers that are restarted.
package mixed
