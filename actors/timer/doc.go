// Package timer delivers messages at the times that they name (RocketMQ:
// TimerMessageStore).
//
// Such a message waits in rmq_sys_wheel_timer, in its queue 0, with its real topic and
// queue and TIMER_OUT_MS in its properties (send, transaction). Timer reads that queue
// from one end to the other and notes each message in the slot of its time
// (storage/timer). When a slot's time is over, its messages are appended to their real
// topics, the oldest first.
//
//	Dispatch ── Arrived ─▶ Timer ── Append ─▶ CommitLog
//	                        │ └──── saveFiles ──▶ saver
//	                        ▼
//	                 timer log, wheel, checkpoint
//
// A message that is further away than the roll window goes into a slot half way, or at
// the window's end, is stored again when that comes, and read again. A message that
// names another by TIMER_DEL_UNIQKEY is in the other's slot, and keeps it from being
// delivered.
//
// Every second what has changed is made durable: the CommitLog first, since what was
// delivered must not be lost when the checkpoint says that it was; then the log, the
// wheel and the checkpoint. What was delivered after that is delivered again after a
// crash: at least once, and never early.
//
// A slave delivers nothing and keeps the master's checkpoint. Once it is a master, it
// reads the whole queue and leaves out what, by that checkpoint, was delivered.
package timer
