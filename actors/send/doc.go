// Package send turns producers' requests into Appends.
//
// Sender runs on the connections' reading goroutines: it checks a send, encodes
// its record and hands the records of a burst to CommitLog as one message. What
// cannot be decided there and then (the topic must be created first, or the
// record goes to a retry topic whose group decides) goes to the Admission actor,
// which asks, waits for the answer by message, and encodes it in its turn.
//
//	Reader ── Sender.Send ──┬── Append ──▶ CommitLog ──▶ … ──▶ Connection
//	                        └── hesitate ─▶ Admission ─ Append ─▶ CommitLog
//
// The checks, their order, codes and remarks are those of RocketMQ's
// SendMessageProcessor, AbstractSendMessageProcessor and HookUtils.
package send
