package topics

import (
	"math"

	"github.com/actormq/actormq/actors/attributes"
	"github.com/actormq/actormq/messages"
)

// messageType is the attribute that says what a topic's messages are.
const (
	messageType = "message.type"
	mixedType   = "MIXED"
)

// rules are the attributes that may be set (RocketMQ: TopicAttributes). Apache's brokers also take the clean-up
// policy COMPACTION, which this one does not have: a
// refusal is better than a topic that is not what it was asked to be. Such topics
// of a store that was moved over stay, as plain ones.
var rules = attributes.Rules{
	messages.QueueType:      {Values: []string{messages.BatchQueueType, messages.SimpleQueueType}},
	"cleanup.policy":        {Values: []string{"DELETE"}},
	messageType:             {Changeable: true, Values: []string{"UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION", "PRIORITY", mixedType, "LITE"}},
	"reserve.time":          {Changeable: true, Min: -1, Max: math.MaxInt64},
	"lite.topic.expiration": {Changeable: true, Min: -1, Max: 30 * 24 * 60},
}
