// Package pop hands messages out to the members of a group one by one, each for a
// time, instead of whole queues to members (RocketMQ: PopMessageProcessor,
// AckMessageProcessor, ChangeInvisibleTimeProcessor, QueueLevelConsumerManager,
// PopLongPollingService).
//
//	Connection ── Requests ─▶ Pop ── Lookup ─▶ Offsets ── Positions ─▶ Pop
//	                          Pop ── read ───▶ Reader ── found ──────▶ Pop
//	                          Pop ── Append ─▶ CommitLog ── Append ──▶ Pop ─▶ Connection
//	                          Pop ── Commit ─▶ Offsets
//
// What is handed out is noted in a checkpoint, which is a timer message that comes to
// the revive log a second before the messages are visible again, and what is
// acknowledged in another, which comes when they are (actors/revive has the messages
// that nobody acknowledged stored again, in the group's retry topic). The client gets
// its messages when the checkpoint is stored, and the group's offset moves behind
// them: what a crash loses in between is popped again. There is no checkpoint in
// memory alone (enablePopBufferMerge).
//
// The pops of a group from a topic take turns: each sees the queues as the one before
// has left them. The wait for the checkpoint is not part of the turn.
//
// Messages that are popped in order have no checkpoint. Pop remembers which of them
// are out, in config/consumerOrderInfo.json, gives nothing more of their queue until
// they are acknowledged or visible again, and moves the offset as they are
// acknowledged.
package pop
