// Package mutation proves that the simulation finds bugs: its test plants one after
// the other in the sources of the broker, and expects testkit/swarm to fail within
// a number of seeds.
//
// A mutation is an edit of one file, text for text, which the compiler takes from
// an overlay; nothing in the sources knows of it. An edit whose text is not there
// any more, or is there twice, fails the test: it has to follow the code.
package mutation
