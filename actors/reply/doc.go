// Package reply passes replies to requests on to the clients that wait for them
// (RocketMQ: ReplyMessageProcessor).
//
// A request is a message like any other; its properties name the client that
// asks (REPLY_TO_CLIENT) and the question (CORRELATION_ID). Whoever consumes it
// sends the reply to a broker, in the form of a send to the cluster's reply topic:
//
//	replier ── 324 or 325 ──▶ Reply ── 326 ──▶ the connection of the client that asks
//	        ◀── answer ────── Reply ◀─ answer ─┘
//	                            └── Append ──▶ CommitLog   (storeReplyMessageEnable)
//
// The replier is told success once the client has the reply. The copy in the log
// is for people to look at: it is stored whether or not the client was there, and
// nobody is told if it cannot be.
package reply
