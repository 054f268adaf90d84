package actormq

import (
	"strings"

	"github.com/actormq/actormq/actors/consumer"
	"github.com/actormq/actormq/messages"
)

// Namespaces keep tenants apart by a prefix of topics and groups
// (RocketMQ: NamespaceUtil):
//
//	topic         namespace%topic
//	%RETRY%group  %RETRY%namespace%group, and likewise %DLQ%
//
// The system's own topics and groups are in none. A Queue is what callers see, without
// the namespace; a consumer.Queue is what actors and brokers see, with it.

// wrap puts a topic or group into the client's namespace, unless it is there
// already or is the system's own.
func (c *Client) wrap(name string) string { return wrapNamespace(c.namespace, name) }

// unwrap takes a topic or group out of the client's namespace; a name of another
// namespace stays as it is.
func (c *Client) unwrap(name string) string { return unwrapNamespace(c.namespace, name) }

// name returns the actors' name of a queue, and queue the queue of a name.
func (c *Client) name(q Queue) consumer.Queue {
	return consumer.Queue{Topic: c.wrap(q.Topic), BrokerName: q.Broker, QueueID: int32(q.ID)}
}

func (c *Client) queue(q consumer.Queue) Queue {
	return Queue{Topic: c.unwrap(q.Topic), Broker: q.BrokerName, ID: int(q.QueueID)}
}

func (c *Client) names(queues []Queue) []consumer.Queue {
	all := make([]consumer.Queue, len(queues))
	for i, q := range queues {
		all[i] = c.name(q)
	}
	return all
}

func (c *Client) queues(names []consumer.Queue) []Queue {
	all := make([]Queue, len(names))
	for i, q := range names {
		all[i] = c.queue(q)
	}
	return all
}

// outside returns queues of a route as callers see them. The caller does not change
// them.
func (c *Client) outside(queues []Queue) []Queue {
	if c.namespace == "" {
		return queues
	}
	all := make([]Queue, len(queues))
	for i, q := range queues {
		q.Topic = c.unwrap(q.Topic)
		all[i] = q
	}
	return all
}

func wrapNamespace(namespace, name string) string {
	if namespace == "" || name == "" || isSystemName(name) {
		return name
	}
	prefix, rest := splitPrefix(name)
	if strings.HasPrefix(rest, namespace+"%") {
		return name
	}
	return prefix + namespace + "%" + rest
}

func unwrapNamespace(namespace, name string) string {
	if namespace == "" || isSystemName(name) {
		return name
	}
	prefix, rest := splitPrefix(name)
	own, inside := strings.CutPrefix(rest, namespace+"%")
	if !inside {
		return name
	}
	return prefix + own
}

func isSystemName(name string) bool {
	return messages.IsSystemTopic(name) || messages.IsSystemGroup(name)
}

// splitPrefix takes the mark of retry and dead-letter topics off a name.
func splitPrefix(name string) (prefix, rest string) {
	for _, prefix := range [...]string{"%RETRY%", "%DLQ%"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, rest
		}
	}
	return "", name
}
