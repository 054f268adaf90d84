// Package audit reads a store as it lies on a disk and checks its files against
// each other. It knows the formats (see storage/…, whose packages draw them) and
// none of the code that writes them.
//
// Of a store that was closed in order everything must agree:
//
//   - the CommitLog is records without a gap, each of which knows its own offset and
//     has the right checksum, with a blank at the end of each full segment and zeros
//     behind the last record;
//   - the queue offsets of each queue's records are 0, 1, 2, … in the order of the log;
//   - each ConsumeQueue has one unit per record, that names its place, its size and
//     its tags code, and nothing behind the last;
//   - each key of each record leads to it through the index;
//   - no delay level was delivered further than it goes.
//
// Of one whose process died, or whose host lost power, the log may end in bytes that
// are no record, and be behind its queues' and the index's end, which recovery cuts;
// the other files may lack anything, and their ends may be torn. What the checkpoint
// vouches for must be there and be true.
package audit
