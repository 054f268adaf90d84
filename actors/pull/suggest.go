package pull

import (
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// suggest returns the id of the broker that the consumer is to ask next. One that is
// further behind than what a master has in memory would have it read its disk, and
// is better off at a slave (RocketMQ: PullMessageProcessor.composeResponseHeader).
//
// A slave keeps the slow ones, and everybody while it has no master; Apache's sends
// the latter to the master in vain, for as long as it is away.
func (p *puller) suggest(q *request, got *storage.GetResult) int64 {
	slow := got.Behind > p.Memory
	switch {
	case !p.SlaveRead():
		return messages.MasterID
	case p.Slave && (slow || !p.Master()):
		return p.BrokerID
	case p.Slave:
		return messages.MasterID
	case slow:
		return q.slow
	}
	return q.usual
}

// atSlave changes the outcome of a read that found nothing, at a slave, which may
// lack what its master has: the consumer keeps its offset, and asks the master. If
// that is away the slave holds the pull, as a master does, and lets the consumer
// wait for what is to come.
func (p *puller) atSlave(q *request, code messages.ResponseCode, got *storage.GetResult) messages.ResponseCode {
	switch got.Status {
	case storage.NoMatchedMessage, storage.MessageWasRemoving:
		return code
	}
	got.Next = q.offset
	if p.Master() {
		return messages.PullRetryImmediately
	}
	return messages.PullNotFound
}
