// Package sim runs the actors of actormq in a simulated world: hosts with a
// clock, a disk and a network, all of it on the goroutine that calls Step, Run,
// Advance or Settle. No socket, file, sleep or second goroutine is involved, and
// what happens is a pure function of the seed and of the test's own calls.
//
//	w := sim.New(seed, sim.Options{})
//	server := w.Host("server")           // server.Env() goes to the root actor
//	c, err := w.Host("client").Dial("server:10911")
//	response, err := c.Call(command)
//	server.Crash(sim.PowerLoss)
//	server.Restart()                     // a new Env over what the disk kept
//
// # What the seed decides
//
// Which of the runnable mailboxes runs next, how long it takes and whether it is
// held up; the order of timers that are due together; the delay of every chunk
// of bytes, and where writes are cut; everything that Env.Rand gives; which
// unsynced pages a power loss spares. Mailboxes deliver one message per run
// (Throughput 1), so any two actors may interleave between any two messages.
//
// # What the model leaves out
//
// A call that blocks in production returns at once here: fsync takes no virtual
// time, and Conn.Write buffers without bound until the connection's buffer limit
// cuts it, as a write timeout would. A connection's bytes arrive in order and
// unaltered, as TCP has it: the network delays, cuts and resets connections, and
// holds bytes back during a partition. The clocks of all hosts run at one rate
// (but may be set apart, Host.SetClock).
//
// # Reading a failure
//
// A panic of an actor, or one that a request handler was recovered from, fails
// the world: Run returns it with the tail of the trace. A trace line is
//
//	virtual seconds, host, actor (or net, log, host), message type and details
//
// Equal seeds give equal bytes; Digest covers the whole trace.
package sim
