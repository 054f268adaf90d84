package swarm

import (
	"fmt"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/script"
)

// callLimit is how long clients wait for a response.
const callLimit = 5 * time.Second

// The groups of a run.
const (
	groupMembers  = "members"
	groupOrderly  = "orderly"
	groupListener = "listeners"
)

func groupCommitter(client int) string { return fmt.Sprintf("committer-%d", client) }

// maxRetries is the number of times that a message comes again to the members.
const maxRetries = 2

// request returns a request with fields, given as name and value.
func request(code messages.RequestCode, fields ...any) *messages.Command {
	c := &messages.Command{Code: int32(code), Language: messages.Go, Version: messages.ProtocolVersion}
	for i := 0; i < len(fields); i += 2 {
		c.Ext.Set(fields[i].(string), fmt.Sprint(fields[i+1]))
	}
	return c
}

// setup is what an operator does before clients come.
func setup(p Plan) []*messages.Command {
	var requests []*messages.Command
	for _, topic := range topics {
		requests = append(requests, script.CreateTopic(topic, int(p.Queues)))
	}
	groups := []string{groupMembers, groupOrderly, groupListener, groupContended}
	for i, c := range p.Clients {
		if c.Kind == Committer {
			groups = append(groups, groupCommitter(i))
		}
	}
	for _, name := range groups {
		group := messages.NewSubscriptionGroupConfig(name)
		group.RetryMaxTimes = maxRetries
		c := request(messages.CodeUpdateAndCreateSubscriptionGroup)
		c.Body, _ = group.Encode() // strings and numbers
		requests = append(requests, c)
	}
	return requests
}

// shape is how a producer writes its requests.
type shape struct {
	v2     bool // the short names of header V2
	binary bool // the ROCKETMQ encoding of headers
}

// send asks to keep a body. batch says that it is a batch of messages.
func send(s shape, topic string, queueID int32, body []byte, properties string, born int64, batch bool) *messages.Command {
	fields := []struct{ long, short string }{
		{"producerGroup", "a"}, {"topic", "b"}, {"defaultTopic", "c"}, {"defaultTopicQueueNums", "d"}, {"queueId", "e"},
		{"sysFlag", "f"}, {"bornTimestamp", "g"}, {"flag", "h"}, {"properties", "i"}, {"reconsumeTimes", "j"}, {"unitMode", "k"}, {"batch", "m"},
	}
	values := []any{"producers", topic, "TBW102", 4, queueID, 0, born, 0, properties, 0, false, batch}
	code := messages.CodeSendMessage
	switch {
	case batch:
		code, s.v2 = messages.CodeSendBatchMessage, true
	case s.v2:
		code = messages.CodeSendMessageV2
	}
	c := request(code)
	for i, f := range fields {
		name := f.long
		if s.v2 {
			name = f.short
		}
		c.Ext.Set(name, fmt.Sprint(values[i]))
	}
	if s.binary {
		c.Encoding = messages.BinaryHeader
	}
	c.Body = body
	return c
}

func pull(group, topic string, queueID int32, offset int64, hold time.Duration) *messages.Command {
	c := script.Pull(topic, queueID, offset, hold.Milliseconds())
	c.Ext.Set("consumerGroup", group)
	return c
}

func refusal(response *messages.Command) error {
	return fmt.Errorf("swarm: code %d (%s)", response.Code, response.Remark)
}
