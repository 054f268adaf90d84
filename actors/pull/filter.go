package pull

import (
	"strings"

	"github.com/actormq/actormq/actors/filter"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
	"github.com/actormq/actormq/storage"
)

// filter finds what the consumer wants: in the request, or else as its group's
// heartbeats said. The second result is a refusal that wants more than a code.
func (p *puller) filter(r *front.Request, h *messages.PullHeader, group *messages.SubscriptionGroupConfig) (storage.Filter, *messages.Command, error) {
	if h.SysFlag&flagSubscription != 0 {
		own, err := p.ownFilter(h)
		return own, nil, err
	}
	consumers := p.Groups.Consumers(h.ConsumerGroup)
	if consumers == nil {
		return nil, nil, messages.Refuse(messages.SubscriptionNotExist, "the consumer's group info not exist")
	}
	if !group.ConsumeBroadcastEnable && consumers.Model == "BROADCASTING" {
		c, err := p.forbid(r, 4, "the consumer group[%s] can not consume by broadcast way", h.ConsumerGroup)
		return nil, c, err
	}
	if p.Subs.Load().Forbidden(h.ConsumerGroup, h.Topic) {
		c, err := p.forbid(r, 5, "the consumer group[%s] is forbidden for topic[%s]", h.ConsumerGroup, h.Topic)
		return nil, c, err
	}
	wanted, err := p.groupFilter(h, consumers)
	return wanted, nil, err
}

// ownFilter is what the request itself asks for. An expression that does not parse
// is refused; Apache's broker, whose assertions are off, would deliver everything.
func (p *puller) ownFilter(h *messages.PullHeader) (storage.Filter, error) {
	sub, err := messages.BuildSubscription(h.Topic, h.Subscription, h.ExpressionType)
	if err != nil {
		return nil, messages.Refuse(messages.SubscriptionParseFailed, "parse the consumer's subscription failed")
	}
	if messages.IsTagExpression(sub.ExpressionType) {
		return filter.Tags(sub), nil
	}
	if !p.PropertyFilter {
		return nil, unsupported(sub)
	}
	condition, err := p.conditions.Compile(sub)
	if err != nil {
		return nil, messages.Refuse(messages.SubscriptionParseFailed, "parse the consumer's subscription failed, %s", err)
	}
	return p.conditionFilter(h, condition), nil
}

// groupFilter is what the group subscribed to. A condition is published together
// with its subscription, so that the one is never older than the other: what Apache
// answers then, FILTER_DATA_NOT_LATEST, is SUBSCRIPTION_NOT_LATEST here.
func (p *puller) groupFilter(h *messages.PullHeader, consumers *groups.Consumers) (storage.Filter, error) {
	sub := consumers.Subscriptions[h.Topic]
	if sub == nil {
		return nil, messages.Refuse(messages.SubscriptionNotExist, "the consumer's subscription not exist")
	}
	if int64(sub.SubVersion) < h.SubVersion {
		return nil, messages.Refuse(messages.SubscriptionNotLatest, "the consumer's subscription not latest")
	}
	if messages.IsTagExpression(sub.ExpressionType) {
		return filter.Tags(sub), nil
	}
	condition := consumers.Conditions[h.Topic]
	if condition == nil {
		return nil, messages.Refuse(messages.FilterDataNotExist, "The broker's consumer filter data is not exist!Your expression may be wrong!")
	}
	if !p.PropertyFilter {
		return nil, unsupported(sub)
	}
	return p.conditionFilter(h, condition), nil
}

func unsupported(sub *messages.SubscriptionData) error {
	return messages.Refuse(messages.SystemError, "The broker does not support consumer to filter message by %s", sub.ExpressionType)
}

// conditionFilter filters by condition or, with filterSupportRetry and in a retry
// topic, by what the group wants of the topics that its messages come from. Clients
// subscribe to their retry topic by tags, which this does not concern.
func (p *puller) conditionFilter(h *messages.PullHeader, condition *sql92.Expression) storage.Filter {
	if group, retry := strings.CutPrefix(h.Topic, messages.RetryTopic("")); retry && p.FilterRetry() {
		return &retryFilter{groups: p.Groups, group: group}
	}
	return filter.Properties(condition)
}

// retryFilter filters messages that were sent back (RocketMQ:
// ExpressionForRetryMessageFilter). Those of a topic without a condition match.
type retryFilter struct {
	groups *groups.View
	group  string
}

// MatchTagsCode is true: only the record tells.
func (*retryFilter) MatchTagsCode(int64) bool { return true }

// MatchProperties reports whether the condition on the record's first topic holds.
func (f *retryFilter) MatchProperties(properties []byte) bool {
	consumers := f.groups.Consumers(f.group)
	if consumers == nil {
		return true
	}
	condition := consumers.Conditions[string(messages.FindProperty(properties, messages.PropertyRetryTopic))]
	return condition == nil || condition.Match(properties)
}
