// Package torture kills real brokers under load and looks at what is left.
//
// A round starts the broker on the store that the last kill left, checks that
// everything that was ever acknowledged is there and nothing else, loads it over
// several pipelining connections under SYNC_FLUSH, and kills it with SIGKILL
// after a random number of acknowledgements, or while it recovers.
//
//	make torture ROUNDS=200
//
// A second test has a master with two slaves, each behind a proxy: while clients
// send, the slaves are killed, frozen, cut off and slowed down. In the end the master
// is gone, and the slave that has more must have all that was promised.
//
// What kill -9 cannot show, pages that never reached the disk, is the
// simulator's (testkit/sim, PowerLoss).
package torture
