// Package swarm runs whole clusters in simulation, with clients of every kind and
// faults of every kind, and checks what the clients saw against what they were
// promised.
//
// A seed draws a Plan: how many brokers, how they are configured, who sends and
// consumes, how the network behaves, and what breaks when. Run carries it out in a
// world of testkit/sim under the same seed, so that the plan alone replays a run,
// step for step:
//
//	plan := swarm.Draw(17)
//	result := swarm.Run(plan, nil)   // result.Err says what must not have happened
//	smaller := swarm.Shrink(plan)    // a plan that fails, too, with less in it
//
// A run has three phases. Under load, faults strike and clients do what real ones
// do about them: they reconnect, and begin again where the broker says. Then all
// faults end, and the clients finish what they have to. In the end everything is
// read again, by clients and from the disks, and judged:
//
//   - testkit/history: no acknowledged message is lost, altered, invented, doubled or
//     out of order, under what its broker's configuration promises;
//   - each group consumed each message, an orderly group one queue at a time;
//   - no delayed message came early, none is missing;
//   - committed offsets stand, and every message is found by its key and its id;
//   - the files of each store agree with each other (testkit/audit);
//   - no actor panicked, and no answer was one that the protocol does not foresee.
package swarm
