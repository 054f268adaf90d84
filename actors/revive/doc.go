// Package revive has messages stored again that were popped and not acknowledged in
// time (RocketMQ: PopReviveService).
//
//	Dispatch ── Arrived ─▶ Revive ── Reach ──▶ Timer ── Reached ─▶ Revive
//	                       Revive ── Append ─▶ CommitLog ────────▶ Revive
//	                       Revive ── Commit ─▶ Offsets
//
// The revive log has a checkpoint for each pop, which comes to it a second before the
// messages are visible again, and acknowledgements, which come when they are. Revive
// reads each of its queues from one end to the other and marks in the checkpoints what
// was acknowledged. When Timer has delivered all that was due by the time of the oldest
// one, the messages that it still names are appended to the group's retry topic, with
// one more consumption counted.
//
// How far this has come is an offset of CID_RMQ_SYS_REVIVE_GROUP, which moves behind a
// checkpoint when its messages are stored. What a crash loses of it is done again: some
// messages come twice, none is lost.
//
// Apache's broker waits until something that is due two seconds later has come, or
// nothing has for three, and reads what it has read before in each round.
package revive
