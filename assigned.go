package actormq

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// none is the offset of a group that has none.
const none = -1

const (
	// pullPause is the time before a pull is tried again, flowPause the one if the
	// broker asked for it.
	pullPause = time.Second
	flowPause = 20 * time.Millisecond
	// retryPause is the time before a message is handled again that could not be
	// sent back.
	retryPause = 5 * time.Second
)

// assigned is a queue that a consumer reads. One goroutine pulls; workers finish
// messages in any order.
type assigned struct {
	queue   Queue
	topic   *messages.SubscriptionData
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the puller has ended

	mu        sync.Mutex
	next      int64   // offset of the next pull
	open      []int64 // offsets that were pulled and are not finished, sorted; all < next
	committed int64   // what the broker was told last, none at first
}

// task is a message for a worker.
type task struct {
	message *Received
	queue   *assigned
}

// stop ends the puller and waits for it.
func (a *assigned) stop() {
	a.cancel()
	<-a.stopped
}

// pulled notes the messages of a pull and where the next one goes on.
func (a *assigned) pulled(found []*Received, next int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range found {
		a.open = append(a.open, m.Offset)
	}
	a.next = next
}

// moved goes on elsewhere: the queue does not have the offset any more.
func (a *assigned) moved(next int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open, a.next = nil, next
}

// finished notes that a message needs no more handling.
func (a *assigned) finished(offset int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i, found := slices.BinarySearch(a.open, offset); found {
		a.open = slices.Delete(a.open, i, i+1)
	}
}

// position returns where the next pull goes on, and the offset below which
// everything is finished.
func (a *assigned) position() (next, finished int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.open) > 0 {
		return a.next, a.open[0]
	}
	return a.next, a.next
}

// due returns the offset to commit, and whether the broker does not know it.
func (a *assigned) due() (offset int64, due bool) {
	_, offset = a.position()
	a.mu.Lock()
	defer a.mu.Unlock()
	return offset, offset != a.committed
}

// told notes what the broker was told.
func (a *assigned) told(offset int64) {
	a.mu.Lock()
	a.committed = offset
	a.mu.Unlock()
}

// pull reads a queue and hands its messages to the workers until ctx ends.
func (c *Consumer) pull(ctx context.Context, a *assigned, work chan<- *task) {
	brokerID := int64(masterID)
	for ctx.Err() == nil {
		next, finished := a.position()
		result, err := c.client.pull(ctx, PullRequest{
			Group: c.o.Group, Queue: a.queue, Offset: next, Max: c.o.PullMessages, Hold: holdTime,
			commit: finished, commits: finished > 0 && brokerID == masterID, brokerID: brokerID,
		}, a.topic)
		if err != nil {
			brokerID = masterID
			c.pullFailed(ctx, a, err)
			continue
		}
		if finished > 0 && brokerID == masterID {
			a.told(finished)
		}
		brokerID = result.suggested
		if result.Status == PullMoved {
			a.moved(result.Next)
			continue
		}
		a.pulled(result.Messages, result.Next)
		for _, m := range result.Messages {
			select {
			case work <- &task{message: m, queue: a}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// pullFailed waits until a pull may be tried again.
func (c *Consumer) pullFailed(ctx context.Context, a *assigned, err error) {
	if ctx.Err() != nil {
		return
	}
	pause := pullPause
	var refused *Error
	if errors.As(err, &refused) && messages.ResponseCode(refused.Code) == messages.FlowControl {
		pause = flowPause
	} else {
		c.trouble(err)
	}
	sleep(ctx, pause)
	if refused == nil {
		_, _ = c.client.routes.renew(ctx, a.queue.Topic) // the broker may have moved
	}
}

// sleep waits until d has passed or ctx has ended.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// work handles messages until ctx ends.
func (c *Consumer) work(ctx context.Context, work <-chan *task, handle Handler) {
	for {
		select {
		case t := <-work:
			c.handle(ctx, t, handle)
		case <-ctx.Done():
			return
		}
	}
}

// handle handles a message until it is finished: handled, or sent back to come
// again. When the consumer ends before that, it comes again because its offset is
// not committed.
func (c *Consumer) handle(ctx context.Context, t *task, handle Handler) {
	for {
		if handle(ctx, t.message) == nil {
			t.queue.finished(t.message.Offset)
			return
		}
		if ctx.Err() != nil {
			return
		}
		err := c.sendBack(ctx, t.message)
		if err == nil {
			t.queue.finished(t.message.Offset)
			return
		}
		if ctx.Err() != nil {
			return
		}
		c.trouble(err)
		sleep(ctx, retryPause)
	}
}

// sendBack has the broker deliver a message again later, to the group's retry
// topic or, after MaxAttempts, to its dead-letter topic.
func (c *Consumer) sendBack(ctx context.Context, m *Received) error {
	addr, err := c.client.masterOf(ctx, m.Queue)
	if err != nil {
		return err
	}
	request := newRequest(messages.CodeConsumerSendMsgBack)
	request.Ext.SetInt("offset", m.PhysicalOffset)
	request.Ext.Set("group", c.o.Group)
	request.Ext.SetInt("delayLevel", 0) // by the number of attempts
	request.Ext.Set("originMsgId", m.ID)
	request.Ext.Set("originTopic", m.Topic)
	request.Ext.SetBool("unitMode", false)
	request.Ext.SetInt("maxReconsumeTimes", int64(c.o.MaxAttempts))
	request.Ext.Set("bname", m.Queue.Broker)
	_, err = c.client.ask(ctx, addr, request)
	return err
}
