package swarm

import (
	"fmt"
	"slices"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// inspector asks for messages that were acknowledged, in all the ways that tools
// have.
type inspector struct{ actor }

func (c *inspector) start() {
	c.begin()
	c.again(c.plan.Pause, c.tick)
}

func (c *inspector) busy() string { return "" }

func (c *inspector) tick() {
	r := c.run
	if r.ending {
		return
	}
	c.again(c.plan.Pause, c.tick)
	if len(r.acked) == 0 {
		return
	}
	a := r.acked[r.rand.IntN(len(r.acked))]
	if a.topic == topicHasty || !r.plan.SyncFlush || r.world.Elapsed() < a.at+visibleAfter {
		return // it may be gone, or not be in its queue yet
	}
	inspect(r, c.peers[a.node.index], a, r.rand.IntN(3), func(err error) { r.fail(err) })
}

// visibleAfter is the time from a message's acknowledgement until its queue must
// have it.
const visibleAfter = 100 * time.Millisecond

// The ways to ask for a message.
const (
	byID = iota
	byPlace
	byTime
)

// inspect asks for an acknowledged message and tells what is wrong with the answer,
// if there is one.
func inspect(r *run, p *peer, a receipt, how int, done func(error)) {
	var c *messages.Command
	switch how {
	case byID:
		_, phys, err := messages.DecodeOffsetMsgID(a.msgID)
		if err != nil {
			done(fmt.Errorf("swarm: the id of %v: %w", a.id, err))
			return
		}
		c = request(messages.CodeViewMessageByID, "offset", phys)
	case byPlace:
		c = pull("inspectors", a.topic, a.queue.ID, a.offset, 0)
	case byTime:
		c = request(messages.CodeSearchOffsetByTimestamp, "topic", a.topic, "queueId", a.queue.ID, "timestamp", 0)
	}
	life := a.node.life
	p.call(c, callLimit, func(response *messages.Command, err error) {
		failed := err != nil || life != a.node.life || a.node.ailing() && response.Code != int32(messages.Success)
		if failed {
			done(nil)
			return
		}
		if response.Code != int32(messages.Success) {
			done(fmt.Errorf("swarm: %v, acknowledged at %v offset %d: %w", a.id, a.queue, a.offset, refusal(response)))
			return
		}
		if how == byTime {
			offset, err := response.Ext.Int64("offset")
			if err == nil && offset != 0 {
				err = fmt.Errorf("swarm: %v begins at %d", a.queue, offset)
			}
			done(err)
			return
		}
		done(isThere(response.Body, a))
	})
}

// isThere checks that the first record of a body is a message.
func isThere(body []byte, a receipt) error {
	var m record.Record
	if _, err := record.Decode(body, &m); err != nil {
		return fmt.Errorf("swarm: %v: %w", a.id, err)
	}
	id, err := history.Identify(m.Body)
	if err == nil && (id != a.id || m.QueueOffset != a.offset || m.QueueID != a.queue.ID) {
		err = fmt.Errorf("swarm: %v at queue %d offset %d is where %v was acknowledged", id, m.QueueID, m.QueueOffset, a.id)
	}
	return err
}

// found checks that a query by key brings a message.
func found(response *messages.Command, a receipt) error {
	if response.Code != int32(messages.Success) {
		return fmt.Errorf("swarm: %v by its key: %w", a.id, refusal(response))
	}
	for rest := response.Body; len(rest) > 0; {
		var m record.Record
		n, err := record.Decode(rest, &m)
		if err != nil {
			return fmt.Errorf("swarm: %v by its key: %w", a.id, err)
		}
		if id, err := history.Identify(m.Body); err == nil && id == a.id {
			return nil
		}
		rest = rest[n:]
	}
	return fmt.Errorf("swarm: %v is not found by its key", a.id)
}

// inspected bounds the messages that verify asks for by id and by key.
const inspected = 30

// verify reads everything again, on connections that never fail, and judges.
func (r *run) verify() {
	host := r.world.Host("verifier")
	for _, n := range r.nodes {
		r.world.SetLink(n.host, host, sim.Link{MaxDelay: 100 * time.Microsecond})
	}
	r.pass(r.world.Elapsed() + longestDelay) // for the last delayed messages
	all := &reader{actor: actor{run: r, host: host}}
	all.start()
	if !r.until(startLimit, "reading everything", func() bool { return all.busy() == "" }) {
		return
	}
	for _, f := range all.flows {
		if f.topic != topicDelayed {
			r.fail(r.history.Whole(f.node.queue(f.topic, f.queue), 0, f.end))
		}
	}
	if first := r.delays.missing(); first != "" {
		r.fail(fmt.Errorf("swarm: %s is missing", first))
	}
	r.verifyQueries(all.peers)
	r.verifyRoute(host)
	for _, n := range r.nodes {
		r.fail(n.offsets.judge(offsetModel))
		r.fail(n.locks.judge(lockModel))
	}
	r.verifyActors()
	r.stopAll()
}

func (r *run) verifyQueries(peers []*peer) {
	waiting := 0
	done := func(err error) {
		waiting--
		r.fail(err)
	}
	for range min(inspected, len(r.acked)) {
		a := r.acked[r.rand.IntN(len(r.acked))]
		if r.history.Lost(a.id) {
			continue
		}
		waiting += 2
		inspect(r, peers[a.node.index], a, byID, done)
		query := request(messages.CodeQueryMessage, "topic", a.topic, "key", key(a.id), "maxNum", 32, "beginTimestamp", 0, "endTimestamp", int64(1)<<50)
		peers[a.node.index].call(query, callLimit, func(response *messages.Command, err error) {
			if err == nil {
				err = found(response, a)
			}
			done(err)
		})
	}
	r.until(startLimit, "queries", func() bool { return waiting == 0 })
}

// verifyRoute checks that the name server knows all brokers, which have had the
// time to tell it.
func (r *run) verifyRoute(host *sim.Host) {
	p := r.peer(host, "names:9876", nil)
	complete := false
	r.until(registerLimit, "the route to be complete", func() bool {
		if len(p.calls) == 0 {
			p.call(script.Route(topicPlain), callLimit, func(response *messages.Command, err error) {
				if err != nil {
					return
				}
				route, err := script.Routed(response)
				complete = err == nil && len(route.BrokerDatas) == len(r.nodes)
			})
		}
		return complete
	})
}

// registerLimit is the time between two registrations of a broker, and some more.
const registerLimit = 40 * time.Second

// verifyActors checks that brokers keep nothing of clients that are gone.
func (r *run) verifyActors() {
	for _, p := range r.peers {
		p.lost = nil
		p.close()
	}
	for i := range r.clients {
		r.host(i).Crash(sim.ProcessKill)
	}
	r.pass(r.world.Elapsed() + 10*time.Second)
	for _, n := range r.nodes {
		if got := n.actors(); got > n.atRest+extraActors {
			r.fail(fmt.Errorf("swarm: %s had %d actors before its first client, and has %d after the last", n.name, n.atRest, got))
		}
	}
}

// extraActors is the number of actors that a broker may have made for itself.
const extraActors = 2

// stopAll stops the brokers in order, and has a look at what they leave.
func (r *run) stopAll() {
	for _, n := range r.nodes {
		n.held++
		if n.server != nil {
			n.server.BeginStop()
		}
	}
	stopped := r.until(startLimit, "the brokers to stop", func() bool {
		return !slices.ContainsFunc(r.nodes, func(n *node) bool { return n.server != nil })
	})
	for _, n := range r.nodes {
		if stopped {
			r.fail(n.audit(true))
		}
	}
}
