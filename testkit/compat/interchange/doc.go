// Package interchange holds the cases of a store directory that one program has
// written and another opens: 10,000 messages of several topics in several
// segments, with keys, batches, consumer offsets and group settings, after a
// clean stop of the writer and after kill -9.
//
// Who writes and who reads is said by the environment, so that the same cases
// run from Apache to actormq, back, and from Apache to itself.
package interchange
