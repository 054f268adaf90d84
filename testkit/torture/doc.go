// Package torture kills real brokers under load and looks at what is left.
//
// A round starts the broker on the store that the last kill left, checks that
// everything that was ever acknowledged is there and nothing else, loads it over
// several pipelining connections under SYNC_FLUSH, and kills it with SIGKILL
// after a random number of acknowledgements, or while it recovers.
//
//	make torture ROUNDS=200
//
// What kill -9 cannot show, pages that never reached the disk, is the
// simulator's (testkit/sim, PowerLoss).
package torture
