// Package segment knows the names of a queue's files and keeps few of them open.
//
// A queue of the store (the CommitLog, a ConsumeQueue) is a sequence of files of
// one size, each named by the byte offset at which it starts, in 20 decimal
// digits, contiguous but not necessarily from 0 (RocketMQ: MappedFileQueue,
// UtilAll.offset2FileName).
package segment
