package pull

import (
	"time"

	"github.com/actormq/actormq/actors/colddata"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// coldHold is how long a pull consumer waits for a cold message while its group is
// limited (RocketMQ: ColdDataPullRequestHoldService, which looks every 5 s).
const coldHold = 3 * time.Second

// isThrottled reports whether the request's group may not read what it asks for now:
// it is over its limit of cold messages, and this is one.
func (p *puller) isThrottled(q *request, rules colddata.Rules) bool {
	if !p.Cold.Throttled(q.group, rules) || messages.IsSystemGroup(q.group) {
		return false
	}
	_, end, err := p.Store.Bounds(q.topic, q.queueID)
	if err != nil || q.offset >= end {
		return false // there is nothing to read
	}
	warm, err := p.Store.InMemory(q.topic, q.queueID, q.offset)
	return err == nil && !warm
}

// throttle sends a push consumer away, which comes again soon. Others wait, and get one
// message then.
func (p *puller) throttle(q *request) {
	if g := p.Groups.Consumers(q.group); g != nil && g.Type == messages.ConsumePassively {
		front.Reply(p.Env, q.ticket, front.Refusal(q.ticket, messages.Refuse(messages.SystemBusy, "This consumer group is reading cold data. It has been flow control")))
		return
	}
	one := *q
	one.maxMessages, one.patient = 1, true
	p.Env.Tell(p.self, coldHold, &rerun{request: &one, attempt: lastAttempt})
}
