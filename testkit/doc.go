// Package testkit holds what tests of actormq, and of programs that use it, are
// built with. It may import every other package and is imported by none but
// tests.
//
// StartBroker starts a broker inside of a test, for programs that use one. Below:
//
//	actortest  tests of one's own actors: probes, virtual time, explored orders
//	sim        a whole cluster on one goroutine: virtual time, a network and disks
//	           that fail, every run a pure function of its seed
//	torture    real processes, killed under load
//	history    the judge of both: what clients may see of a broker
//	script     requests and responses of test clients
//	compat     real Apache clients and servers against ours
//	house      the rules of this code base that no linter knows
//
// A behaviour is tested where it is cheapest to see: pure code by plain tests,
// one actor or a cluster in sim, and only what the simulator's own model of the
// world could get wrong (a real kernel, a real client) with processes.
package testkit
