package actormq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// templateQueues is the number of queues of the template topic that a producer
// uses on each broker while a new topic has none of its own
// (RocketMQ: DefaultMQProducer.defaultTopicQueueNums).
const templateQueues = 4

// templateAge is how long a route of the template stands in for that of a topic
// that did not exist: the first message creates it.
const templateAge = time.Second

// masterID is the id of a broker's master among its processes.
const masterID = 0

// route is where a topic's queues are. It is immutable.
type route struct {
	writable []Queue // of brokers that have a master, sorted
	readable []Queue
	brokers  map[string]map[int64]string // addresses by broker name and id
	template bool                        // of TBW102: the topic itself does not exist
	asked    time.Time
}

func newRoute(topic string, data *messages.TopicRouteData, now time.Time) *route {
	r := &route{brokers: make(map[string]map[int64]string), asked: now}
	for _, b := range data.BrokerDatas {
		r.brokers[b.BrokerName] = b.BrokerAddrs
	}
	for _, q := range data.QueueDatas {
		addrs := r.brokers[q.BrokerName]
		if len(addrs) == 0 {
			continue
		}
		if q.Perm&messages.PermWrite != 0 && addrs[masterID] != "" {
			r.writable = appendQueues(r.writable, topic, q.BrokerName, q.WriteQueueNums)
		}
		if q.Perm&messages.PermRead != 0 {
			r.readable = appendQueues(r.readable, topic, q.BrokerName, q.ReadQueueNums)
		}
	}
	slices.SortFunc(r.writable, Queue.compare)
	slices.SortFunc(r.readable, Queue.compare)
	return r
}

// maxQueues bounds the queues that a route may claim for one broker.
const maxQueues = 1 << 16

func appendQueues(queues []Queue, topic, broker string, n int32) []Queue {
	for id := range min(int(n), maxQueues) {
		queues = append(queues, Queue{Topic: topic, Broker: broker, ID: id})
	}
	return queues
}

// has reports whether the topic has exactly so many queues on each of masters.
func (r *route) has(queues int, masters []string) bool {
	found := make(map[string]int)
	for _, q := range r.writable {
		found[r.brokers[q.Broker][masterID]]++
	}
	for _, addr := range masters {
		if found[addr] != queues {
			return false
		}
	}
	return true
}

// masters returns the addresses of the brokers' masters, sorted.
func (r *route) masters() []string {
	var all []string
	for _, addrs := range r.brokers {
		if addr := addrs[masterID]; addr != "" {
			all = append(all, addr)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// members returns the addresses to ask for a group's members: the masters, or a
// process of each broker if there is no master.
func (r *route) members() []string {
	all := r.masters()
	if len(all) > 0 {
		return all
	}
	for _, addrs := range r.brokers {
		if len(addrs) > 0 {
			all = append(all, addrs[slices.Min(slices.Collect(maps.Keys(addrs)))])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// usable reports whether a cached route may still be used at time now. Routes are
// refreshed behind the back of their users; only the template's is not.
func (r *route) usable(now time.Time) bool { return !r.template || now.Sub(r.asked) < templateAge }

// routes caches the routes of the topics in use.
type routes struct {
	ask func(ctx context.Context, topic string) (*route, error)

	mu     sync.Mutex
	topics map[string]*route
	asking map[string]*question
	addrs  map[string]map[int64]string // of all brokers of all routes
}

// question is a request for a route that several callers wait for.
type question struct {
	done  chan struct{}
	route *route
	err   error
}

func newRoutes(ask func(context.Context, string) (*route, error)) *routes {
	return &routes{
		ask: ask, topics: make(map[string]*route), asking: make(map[string]*question),
		addrs: make(map[string]map[int64]string),
	}
}

// get returns the route of a topic, from the cache if it is there.
func (r *routes) get(ctx context.Context, topic string) (*route, error) {
	if known := r.cached(topic); known != nil {
		return known, nil
	}
	return r.renew(ctx, topic)
}

// cached returns the route of a topic if no question is needed.
func (r *routes) cached(topic string) *route {
	r.mu.Lock()
	defer r.mu.Unlock()
	if route := r.topics[topic]; route != nil && route.usable(time.Now()) {
		return route
	}
	return nil
}

// renew asks for the route of a topic. Callers that come at the same time share
// the question; if the caller who asks gives up, the next one asks.
func (r *routes) renew(ctx context.Context, topic string) (*route, error) {
	r.mu.Lock()
	for q := r.asking[topic]; q != nil; q = r.asking[topic] {
		r.mu.Unlock()
		select {
		case <-q.done:
			if !isContextError(q.err) {
				return q.route, q.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("actormq: no route of %s: %w", topic, ctx.Err())
		}
		r.mu.Lock()
	}
	q := &question{done: make(chan struct{})}
	r.asking[topic] = q
	r.mu.Unlock()

	q.route, q.err = r.ask(ctx, topic)
	r.mu.Lock()
	delete(r.asking, topic)
	if q.err == nil {
		r.topics[topic] = q.route
		for name, addrs := range q.route.brokers {
			r.addrs[name] = addrs
		}
	}
	r.mu.Unlock()
	close(q.done)
	return q.route, q.err
}

// refresh asks for all routes in use. One that cannot be had stays as it was.
func (r *routes) refresh(ctx context.Context) {
	r.mu.Lock()
	var topics []string
	for topic := range r.topics {
		topics = append(topics, topic)
	}
	r.mu.Unlock()
	for _, topic := range topics {
		_, _ = r.renew(ctx, topic)
	}
}

// count returns the number of topics whose routes are known.
func (r *routes) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.topics)
}

// master returns the address of a broker's master, "" if it is not known.
func (r *routes) master(broker string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addrs[broker][masterID]
}

// any returns the address of a broker's process id, or else of its master, or
// else of the process with the lowest id.
func (r *routes) any(broker string, id int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	addrs := r.addrs[broker]
	if addr := addrs[id]; addr != "" {
		return addr
	}
	lowest, found := int64(0), ""
	for i, addr := range addrs {
		if found == "" || i < lowest {
			lowest, found = i, addr
		}
	}
	return found
}

// addresses returns the addresses of all known brokers, sorted; of masters only
// unless slaves.
func (r *routes) addresses(slaves bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, addrs := range r.addrs {
		for id, addr := range addrs {
			if id == masterID || slaves {
				all = append(all, addr)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// askRoute asks a name server for the route of a topic, and for that of the
// template topic if there is none.
func (c *Client) askRoute(ctx context.Context, topic string) (*route, error) {
	r, err := c.askRouteOf(ctx, topic, topic)
	if err == nil || !errors.Is(err, ErrUnknownTopic) || strings.HasPrefix(topic, "%") {
		return r, err
	}
	template, templateErr := c.askRouteOf(ctx, messages.TopicDefault, topic)
	if templateErr != nil {
		return nil, err
	}
	template.template = true
	template.readable = nil
	template.writable = slices.DeleteFunc(template.writable, func(q Queue) bool { return q.ID >= templateQueues })
	return template, nil
}

// askRouteOf asks for the route of one topic and gives its queues to another.
func (c *Client) askRouteOf(ctx context.Context, topic, as string) (*route, error) {
	response, addr, err := c.askNameServer(ctx, func() *messages.Command {
		request := newRequest(messages.CodeGetRouteInfoByTopic)
		request.Ext.Set("topic", topic)
		request.Ext.SetBool("acceptStandardJsonOnly", true)
		return request
	})
	if err != nil {
		return nil, err
	}
	if messages.ResponseCode(response.Code) != messages.Success {
		return nil, refusal(addr, response)
	}
	data, err := messages.DecodeTopicRoute(response.Body)
	if err != nil {
		return nil, fmt.Errorf("actormq: route of %s from %s: %w", topic, addr, err)
	}
	return newRoute(as, data, time.Now()), nil
}
