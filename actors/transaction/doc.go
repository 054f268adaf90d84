// Package transaction decides on the halves of transactional messages
// (RocketMQ: EndTransactionProcessor, TransactionalMessageServiceImpl).
//
// A message of a transaction is stored as a half: in RMQ_SYS_TRANS_HALF_TOPIC, with
// its real topic and queue in its properties, where no consumer sees it (send). Its
// producer then says what became of the transaction:
//
//	commit    the message is appended to its real topic, and the half has ended
//	rollback  the half has ended
//	unknown   nothing
//
// A half that has ended is named by an op message, in RMQ_SYS_TRANS_OP_HALF_TOPIC,
// in the queue of the same number:
//
//	tag   d
//	body  the half's queue offset, in decimal, and a comma; several of them in a row
//
// Ended halves are gathered until their op message is large enough or has waited
// long enough. What a crash loses of them is asked again.
//
// From time to time a round looks at the halves that no op message names. How far
// rounds have come, in both topics, are consumer offsets of CID_RMQ_SYS_TRANS. A
// half that is old enough is appended again, with its number of checks, so that the
// round gets past it, and one of its producer's connections is asked about the new
// one. One that was asked about too often goes to TRANS_CHECK_MAX_TIME_TOPIC.
//
//	Connection ── END_TRANSACTION ─▶ Transaction ── Append ─▶ CommitLog
//	Offsets ◀── Query, Commit ────── Transaction ── Ask ────▶ the producer's Connection
//
// A round keeps one bit for each half between its begin and the end of the queue,
// however many are open, and reads only those that have not ended.
package transaction
