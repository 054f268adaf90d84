// Package commitlog is the CommitLog: one sequence of bytes in files of equal
// size, to which records are appended and from which everything else of the
// store can be rebuilt (RocketMQ: CommitLog, MappedFileQueue).
//
//	<dir>/00000000000000000000   records (messages/record), back to back
//	                             a blank: the bytes left (4), 0xCBD43194 (4), up to the end
//	<dir>/00000000001073741824   the next SegmentSize bytes
//
// A record lies within one file, and so does a batch; at least the 8 bytes of the
// blank stay free behind it. A record holds its own offset, which every reader
// compares with the place. Ahead of the end all bytes are zeros.
//
// One goroutine, the CommitLog writer, appends: Reserve, Put, Commit; in a slave,
// AppendRaw. Another, Flush, syncs. Any number read, positionally, up to
// MaxOffset, and never wait for either. What was written is in the page cache at
// Commit and durable at Sync. The first failed write or sync makes the log
// read-only for good (docs/adr/0007).
//
// Recovery is Scan, which finds the end, and Truncate, which cuts off what a
// crash left behind it.
package commitlog
