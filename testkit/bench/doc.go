// Package bench loads RocketMQ brokers, this project's and Apache's, and
// measures what they do. It is the machinery behind `actormq bench`.
//
// The generator shares the machine with the broker, so it must cost little: there
// is no goroutine, buffer or allocation per message. A lane is one connection; it
// keeps a fixed number of messages in flight, each of which is a slot. Requests
// are copied from a template per queue, in which opaque, message id, time and the
// first eight bytes of the body are patched, and responses are searched for their
// code and opaque instead of being decoded. One read takes all responses that
// have come, one write sends all requests that follow from them. This is what as
// many callers do who each wait for their answer, less the switching between
// them.
//
// Without a rate the loop is closed: as many messages are in flight as there are
// callers, and a slow broker is asked less. With a rate it is open: each message
// has a time at which it is due, and latency counts from then on, also for
// messages that could not be sent in time (no coordinated omission).
//
// After a run the brokers' queues must have grown by what they acknowledged.
package bench
