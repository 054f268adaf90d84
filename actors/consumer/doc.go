// Package consumer is a member of a consumer group: which queues it reads, how
// far each was pulled and handled, what is handled now, and when which offset is
// told to the brokers
// (RocketMQ: RebalanceImpl, ProcessQueue, ConsumeMessageConcurrentlyService,
// ConsumeMessageOrderlyService, DefaultLitePullConsumerImpl).
//
// One actor owns all of it, for any number of queues. It never waits: brokers
// are asked through Cluster, whose answers come back as messages, and handlers
// run on goroutines of the owner, which take Works from Options.Hand and report
// with Results.
//
//	          Shares, Lock, Begin            Hand
//	Cluster ◀───────────────────── member ──────────▶ handlers
//	        ─────────────────────▶        ◀──────────
//	          messages pulled               Results
//
// A queue is in one of four states:
//
//	opening  it is the member's; its lock, or its offset, is being asked for
//	active   it is pulled and handled
//	closing  it is not the member's any more; the handler that runs, if order
//	         counts, and the commit are waited for, then the lock is given back
//	gone
//
// Whatever is handed out bears the Claim of its queue. A claim that was voided
// (the queue was lost, reset, or moved by Seek) has handlers skip what they have
// not begun, and the member ignore what they report.
//
// The package knows no connection and no message: an Item's message is the
// owner's.
package consumer
