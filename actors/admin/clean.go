package admin

import (
	"strings"

	"github.com/actormq/actormq/actors/cleaner"
	"github.com/actormq/actormq/actors/dispatch"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// cleanQueues has the files of ConsumeQueues removed whose messages are gone.
func (a *admin) cleanQueues(r *front.Request) (*messages.Command, error) {
	a.Env.Send(a.Dispatch, &messages.LogShrunk{Min: a.Store.Log.MinOffset()})
	return r.Response(messages.Success, ""), nil
}

// deleteExpired has expired segments of the log removed now, whatever the hour.
func (a *admin) deleteExpired(r *front.Request) (*messages.Command, error) {
	a.Env.Send(a.Cleaner, &cleaner.RemoveExpired{})
	return r.Response(messages.Success, ""), nil
}

// lmqPrefix begins the names of queues that light message queues have, which are no
// topics (RocketMQ: MixAll.LMQ_PREFIX).
const lmqPrefix = "%LMQ%"

// cleanTopics has the queues of topics removed that are not in the table any more.
func (a *admin) cleanTopics(r *front.Request) (*messages.Command, error) {
	stored := a.Store.Queues.Topics() // before the table: topics that come to be in between are in it
	table := a.Topics.Load()
	for _, name := range stored {
		if table.Find(name) == nil && !messages.IsSystemTopic(name) && !strings.HasPrefix(name, lmqPrefix) {
			a.Env.Log.Info().Str("topic", name).Msg("the queues of an unknown topic are removed")
			a.Env.Send(a.Dispatch, &dispatch.DeleteTopic{Topic: name})
		}
	}
	return r.Response(messages.Success, ""), nil
}
