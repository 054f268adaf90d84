package consumer

import (
	"time"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
)

// Queue names a queue.
type Queue = messages.MessageQueue

// None is the offset of a group that has committed none.
const None = -1

// Times of the protocol.
const (
	// RebalanceInterval is the time between two looks at who else is in the group;
	// brokers tell of changes, too.
	RebalanceInterval = 20 * time.Second
	// UnsettledInterval is that time while something could not be found out or had.
	UnsettledInterval = time.Second
	// CommitInterval is the time between two commits, DrainedInterval the one after
	// which the offset of a queue is committed that has nothing left to handle.
	CommitInterval  = 5 * time.Second
	DrainedInterval = 200 * time.Millisecond
	// LockInterval is the time between two renewals of the queues' locks. Brokers
	// forget a lock after 60 s, and a member does not trust one that it could not
	// renew for LockAge (RocketMQ: ProcessQueue.REBALANCE_LOCK_MAX_LIVE_TIME).
	LockInterval = 20 * time.Second
	LockAge      = 30 * time.Second
	// ExpiryInterval is the time between two looks for handlers that take too long.
	ExpiryInterval = 10 * time.Second
	// PullPause is the time before a pull is tried again that failed, FlowPause the
	// one if the broker asked for it.
	PullPause = time.Second
	FlowPause = 20 * time.Millisecond
	// RetryPause is the time before a message is handled again that could not be
	// sent back.
	RetryPause = 5 * time.Second
	// TimeoutLevel is the delay level at which a message comes again whose handler
	// took too long.
	TimeoutLevel = 3
)

// Limits of Options.Suspend and Handled.Suspend
// (RocketMQ: ConsumeMessageOrderlyService.submitConsumeRequestLater).
const (
	MinSuspend = 10 * time.Millisecond
	MaxSuspend = 30 * time.Second
)

// Options configures a member. All limits are positive.
type Options struct {
	Env     *env.Env
	Cluster Cluster
	// Hand takes Works to be handled, those of a pull together. It runs on the actor
	// and must not wait. Every Work is reported with Results, once.
	Hand func([]*Work)

	Ordered   bool // one Work of a queue at a time, under its lock
	Broadcast bool // every member has all queues; nothing is sent back
	Manual    bool // Assign says which queues to read, not Cluster.Shares
	// KeepOffsets leaves commits to Commit: none is made by time or when a queue is
	// given away.
	KeepOffsets bool

	Batch       int           // messages in a Work at most
	PullMax     int           // messages asked for at a time
	PullEvery   time.Duration // the least time between two pulls of a queue; usually 0
	MaxAttempts int           // of an ordered message before it is sent back; negative: any
	Suspend     time.Duration // of a queue whose message was refused
	Timeout     time.Duration // of handling a message out of order; 0: any

	// A queue is not pulled while it has so many unfinished messages, so many bytes
	// of them, or, out of order, such a distance from the first to the last.
	QueueMessages int
	QueueBytes    int64
	QueueSpan     int64
	// The same for all of a topic's queues together, which share it evenly; 0 is no
	// limit.
	TopicMessages int
	TopicBytes    int64

	// Trouble takes what went wrong and is tried again. It must not wait.
	Trouble func(error)
	// Changed, if not nil, takes the queues that are read, sorted, when they change.
	Changed func([]Queue)
}

// Cluster asks brokers. Its methods are called on the actor and do not wait; done
// is called once, on any goroutine, with the outcome.
type Cluster interface {
	// Shares finds out which queues are this member's.
	Shares(done func(Shares))
	// Begin finds out at which offset to begin a queue.
	Begin(q Queue, done func(Beginning, error))
	// Lock locks queues, or renews their locks.
	Lock(queues []Queue, done func(Locks))
	// Unlock gives locks back, as far as that is possible.
	Unlock(queues []Queue)
	// Pull asks for messages.
	Pull(p Pull, done func(Pulled))
	// Commit keeps offsets. There is one Commit at a time, so that a broker which
	// works on several requests at once does not end up with the older offset.
	Commit(offsets []Offset, done func(error))
	// SendBack has a message come again, after the delay of level: 0 goes by the
	// number of attempts, below 0 is the dead-letter topic.
	SendBack(q Queue, item *Item, level int, done func(error))
}

// Shares is which queues are a member's.
type Shares struct {
	// Topics are those of which it is known. The queues of the others stay as they
	// are.
	Topics  map[string][]Queue
	Settled bool // all topics are known
}

// Beginning is where a queue begins.
type Beginning struct {
	Next      int64
	Committed int64 // that the group has; None if it has not
}

// Locks is what became of a request for locks. Queues whose broker could not be
// asked are in neither list.
type Locks struct{ Granted, Refused []Queue }

// Offset is how far a queue was handled: everything below is done.
type Offset struct {
	Queue  Queue
	Offset int64
}

// Pull is a request for messages.
type Pull struct {
	Queue    Queue
	Next     int64
	Max      int
	BrokerID int64 // the process of the queue's broker to ask
}

// PullStatus is the outcome of a pull.
type PullStatus int

const (
	// Found brought messages, or none if none of those between matched.
	Found PullStatus = iota
	// Moved says that the queue does not have the offset; it goes on at Pulled.Next.
	Moved
	// Busy says that the broker wants fewer requests.
	Busy
	// Failed brought an error.
	Failed
)

// Pulled is what a pull brought.
type Pulled struct {
	Status   PullStatus
	Items    []Item // by offset; the member's from now on
	Next     int64  // to go on at; of Found and Moved
	End      int64  // of the queue; of Found and Moved
	BrokerID int64  // the process to ask next; of Found and Moved
	Err      error  // of Failed
	Elapsed  time.Duration
}
