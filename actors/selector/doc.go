// Package selector chooses the broker that a send goes to: round the queues in
// turn, not to the broker that has just failed, and, with the latency-fault
// strategy, not to one that is slow or down
// (RocketMQ: MQFaultStrategy, LatencyFaultToleranceImpl).
//
// Each send ends with a Report to the selector actor, which owns one fault item
// per broker and publishes all of them as an immutable Table. Who sends reads
// the Table from a View and calls Pick; nobody waits for the actor.
//
//	Pick ◀── Table (atomic pointer) ◀── selector ◀── Report ◀── every send
//
// A broker is in one of three states:
//
//	good      it takes its turn
//	isolated  it was slow or failed: no sends until Item.Until, unless no broker
//	          is better
//	on trial  Until has passed: one send at a time goes there. Its Report makes
//	          the broker good, or isolates it again
//
// RocketMQ gives a broker its full turn back when Until has passed. If it is
// still slow, every send of the time that the first one takes is slow with it:
// too many for a percentile. Hence the trial.
//
// The package keeps no connection and knows no address: how a lost broker is
// detected again is Options.Detect's.
package selector
