package groups

import (
	"fmt"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

// subscribe takes the subscriptions of a heartbeat: a topic that is not in it is
// gone, a known one is replaced only by a newer version. Conditions are compiled
// once for each version.
func (g *groups) subscribe(in *group, subs []messages.SubscriptionData) (topicsChanged, changed bool) {
	next := make(map[string]*messages.SubscriptionData, len(subs))
	var conditions map[string]*sql92.Expression
	for i := range subs {
		sub := &subs[i]
		if sub.Topic == "" {
			continue
		}
		old := in.subscriptions[sub.Topic]
		condition := in.conditions[sub.Topic]
		switch {
		case old == nil:
			topicsChanged = true
			condition = g.compile(in, sub)
		case sub.SubVersion > old.SubVersion:
			changed = true
			condition = g.compile(in, sub)
		default:
			sub = old
		}
		next[sub.Topic] = sub
		if condition != nil {
			if conditions == nil {
				conditions = make(map[string]*sql92.Expression)
			}
			conditions[sub.Topic] = condition
		}
	}
	if len(next) != len(in.subscriptions) {
		topicsChanged = true
	}
	in.subscriptions, in.conditions = next, conditions
	return topicsChanged, changed || topicsChanged
}

// compile returns the condition of a subscription, nil if it is one by tags. It is
// also nil if the expression is wrong: the group's pulls are told then.
func (g *groups) compile(in *group, sub *messages.SubscriptionData) *sql92.Expression {
	if messages.IsTagExpression(sub.ExpressionType) {
		return nil
	}
	condition, err := Compile(sub)
	if err != nil {
		g.Env.Log.Warn().Err(err).Str("group", in.name).Str("topic", sub.Topic).Msg("a subscription is no valid expression")
	}
	return condition
}

// Compile compiles a subscription that is not by tags. It fails for types other
// than SQL92, and with a *sql92.Error.
func Compile(sub *messages.SubscriptionData) (*sql92.Expression, error) {
	if sub.ExpressionType != messages.ExpressionSQL92 {
		return nil, fmt.Errorf("groups: there is no filter of type %q", sub.ExpressionType)
	}
	return sql92.Compile(sub.SubString)
}
