package actormq

import (
	"fmt"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

// Subscription is what a consumer wants of a topic. All consumers of a group must
// want the same.
type Subscription struct {
	Topic string
	// Tags are the tags wanted, "A || B"; empty or "*" for all messages.
	Tags string
	// SQL is a condition on the properties instead, RocketMQ's SQL92, such as
	// "price > 10 AND region IN ('EU', 'US')"; see the package messages/sql92. The
	// brokers evaluate it, and refuse the pulls unless enablePropertyFilter is set.
	SQL string
}

// data returns the subscription as the protocol has it. It fails with a
// *sql92.Error where SQL is no expression.
func (s *Subscription) data() (*messages.SubscriptionData, error) {
	expression, kind := s.Tags, messages.ExpressionTag
	if s.SQL != "" {
		if s.Tags != "" {
			return nil, fmt.Errorf("actormq: topic %s is subscribed to by tags and by SQL", s.Topic)
		}
		if _, err := sql92.Compile(s.SQL); err != nil {
			return nil, fmt.Errorf("actormq: topic %s: %w", s.Topic, err)
		}
		expression, kind = s.SQL, messages.ExpressionSQL92
	}
	data, err := messages.BuildSubscription(s.Topic, expression, kind)
	if err != nil {
		return nil, fmt.Errorf("actormq: %w", err)
	}
	return data, nil
}
