// Package index is the IndexFile: it finds messages by key (RocketMQ: IndexFile,
// IndexService). A file, numbers big-endian, with S slots and room for N entries:
//
//	offset       bytes  meaning
//	0            8      store time of the first entry, ms
//	8            8      store time of the last entry, ms
//	16           8      physical offset of the first entry's record
//	24           8      physical offset of the last entry's record
//	32           4      used slots
//	36           4      count of entries + 1; entry 0 is never used
//	40           4·S    slots: the newest entry whose hash mod S is the slot's number
//	40+4·S       20·N   entries: hash 4, physical offset 8, seconds since the file's
//	                    first store time 4, the previous entry of the slot 4
//
// Keys are topic#key for the producer's id and each word of KEYS, and
// topic#T#tags. The hash is |String.hashCode| in Java's sense.
//
// One goroutine owns an Index. New entries and changed slots stay in memory. Flush
// writes and syncs the entries, then the header, so that what the header counts is
// durable, and then writes the slots, without waiting for the disk: they are all
// over their table. After a crash they are rebuilt from the entries that the header
// counts, so nothing that was flushed is lost, and what came later is indexed again
// from the CommitLog. Apache's broker does not rebuild them: it finds everything
// after a kill -9 of this one, but may not after a power loss.
package index
