package swarm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/sim"
)

// actor is what clients of all kinds have.
type actor struct {
	run   *run
	index int
	plan  Client
	host  *sim.Host
	life  int // processes so far
	peers []*peer
}

func (r *run) newClient(index int, c Client) client {
	a := actor{run: r, index: index, plan: c, host: r.world.Host(fmt.Sprintf("client-%d", index))}
	switch c.Kind {
	case Reader:
		return &reader{actor: a}
	case Member, OrderlyMember:
		return &member{actor: a, orderly: c.Kind == OrderlyMember}
	case Listener:
		return &listener{reader{actor: a}}
	case Inspector:
		return &inspector{actor: a}
	case Contender:
		return &contender{actor: a}
	case Committer:
		return &committer{actor: a}
	}
	return &producer{actor: a}
}

// begin makes the connections of a new process.
func (a *actor) begin() {
	a.life++
	if a.life > 1 || !a.host.Running() {
		a.host.Restart()
	}
	a.peers = nil
	for _, n := range a.run.nodes {
		a.peers = append(a.peers, a.run.peer(a.host, n.addr(), n))
	}
}

// again calls do after about d, in the same process.
func (a *actor) again(d time.Duration, do func()) {
	d = d/2 + time.Duration(a.run.rand.Int64N(int64(d)+1))
	a.host.Env().Clock.AfterFunc(d, func() {
		if a.run.err == nil {
			do()
		}
	})
}

// producer sends messages, each of them once.
type producer struct {
	actor
	shape  shape
	client uint32 // in the history: another one for each connection, as order holds within one
	lives  uint32
	number uint32
	open   int
}

// maxIncarnations bounds the clients of the history that one producer is.
const maxIncarnations = 10_000

func (p *producer) start() {
	p.begin()
	p.open = 0
	p.shape = shape{v2: p.run.rand.IntN(2) == 0, binary: p.run.rand.IntN(3) == 0}
	for _, c := range p.peers {
		c.lost = p.renew
	}
	p.renew()
	p.again(p.plan.Pause, p.tick)
}

func (p *producer) renew() {
	p.lives++
	p.client = uint32(p.index+1)*maxIncarnations + p.lives
}

func (p *producer) busy() string {
	if p.open > 0 {
		return fmt.Sprintf("%d sends without an answer", p.open)
	}
	return ""
}

func (p *producer) tick() {
	if p.run.ending {
		return
	}
	for p.open < p.plan.Window {
		p.send()
		if p.run.rand.IntN(3) == 0 {
			break
		}
	}
	p.again(p.plan.Pause, p.tick)
}

func (p *producer) send() {
	r := p.run
	i := r.rand.IntN(len(r.nodes))
	topic, queueID := topicPlain, int32(r.rand.IntN(int(r.plan.Queues)))
	switch p.plan.Kind {
	case OrderedProducer:
		topic, i, queueID = topicOrdered, p.index%len(r.nodes), int32(p.index)%r.plan.Queues
	case HastyProducer:
		topic = topicHasty
	case DelayProducer:
		p.sendDelayed(i)
		return
	}
	n, c := r.nodes[i], p.peers[i]
	q := n.queue(topic, queueID)
	ids := []history.ID{p.next(q)}
	var request *messages.Command
	if p.plan.Kind == BatchProducer {
		for range r.rand.IntN(4) {
			ids = append(ids, p.next(q))
		}
		request = p.batch(topic, queueID, ids)
	} else {
		request = send(p.shape, topic, queueID, history.Body(ids[0]), p.properties(ids[0]), p.born(), false)
	}
	if p.plan.Kind == OnewayProducer {
		c.call(request, 0, nil)
		return
	}
	p.open++
	c.call(request, callLimit, func(response *messages.Command, err error) {
		p.open--
		if topic == topicHasty && c.life != n.life {
			return // from before a crash that may have made it untrue
		}
		p.answered(n, topic, q, ids, response, err)
	})
}

func (p *producer) next(q history.Queue) history.ID {
	p.number++
	id := history.ID{Client: p.client, Number: p.number}
	p.run.history.Sent(id, q)
	return id
}

func (p *producer) born() int64 { return p.host.Now().UnixMilli() }

// properties are a key that names the message, its tag and more.
func (p *producer) properties(id history.ID) string {
	var b []byte
	b = messages.AppendProperty(b, messages.PropertyKeys, key(id))
	b = messages.AppendProperty(b, messages.PropertyTags, tag(id))
	b = messages.AppendProperty(b, messages.PropertyUniqKey, "U"+key(id))
	if p.plan.Kind == HastyProducer {
		b = messages.AppendProperty(b, messages.PropertyWait, "false")
	}
	return string(b)
}

func key(id history.ID) string { return fmt.Sprintf("k%d-%d", id.Client, id.Number) }
func tag(id history.ID) string { return "tag" + strconv.Itoa(int(id.Number%3)) }

func (p *producer) batch(topic string, queueID int32, ids []history.ID) *messages.Command {
	var body []byte
	var keys []string
	for _, id := range ids {
		body = messages.AppendBatchRecord(body, &messages.BatchRecord{Body: history.Body(id), Properties: []byte(p.properties(id))})
		keys = append(keys, "U"+key(id))
	}
	properties := messages.AppendProperty(nil, messages.PropertyUniqKey, strings.Join(keys, ","))
	return send(p.shape, topic, queueID, body, string(properties), p.born(), true)
}

// mayRefuse are the answers that promise nothing, and which a broker may give
// whatever a client asks.
var mayRefuse = map[messages.ResponseCode]bool{
	messages.SystemError: true, messages.SystemBusy: true, messages.ServiceNotAvailable: true, messages.FlushDiskTimeout: true,
}

func (p *producer) answered(n *node, topic string, q history.Queue, ids []history.ID, response *messages.Command, err error) {
	if err != nil {
		return // it may have happened or not
	}
	if code := messages.ResponseCode(response.Code); code != messages.Success {
		if !mayRefuse[code] || code == messages.SystemError && !n.ailing() {
			p.run.fail(fmt.Errorf("a send to %v was refused: %w", q, refusal(response)))
		}
		return
	}
	queueID, err1 := response.Ext.Int32("queueId")
	offset, err2 := response.Ext.Int64("queueOffset")
	if err1 != nil || err2 != nil || queueID != q.ID {
		p.run.fail(fmt.Errorf("swarm: a send to %v was answered with %v", q, response))
		return
	}
	msgIDs := strings.Split(response.Ext.Text("msgId"), ",")
	if len(msgIDs) != len(ids) {
		p.run.fail(fmt.Errorf("swarm: %d messages have %d ids", len(ids), len(msgIDs)))
		return
	}
	for i, id := range ids {
		p.run.fail(p.run.history.Acknowledged(id, q, offset+int64(i)))
		p.run.acked = append(p.run.acked, receipt{
			id: id, node: n, topic: topic, msgID: msgIDs[i], at: p.run.world.Elapsed(), queue: q, offset: offset + int64(i),
		})
	}
}

// delayLevels are those of Plan.Delays, a second each; longestDelay is the last one,
// and some time to deliver.
const (
	delayLevels  = 6
	longestDelay = (delayLevels + 2) * time.Second
)

// sendDelayed sends a message that must not be seen before its time.
func (p *producer) sendDelayed(i int) {
	r, n := p.run, p.run.nodes[i]
	level := 1 + r.rand.IntN(delayLevels)
	queueID := int32(r.rand.IntN(int(r.plan.Queues)))
	p.number++
	id := history.ID{Client: p.client, Number: p.number}
	properties := string(messages.AppendPropertyInt([]byte(p.properties(id)), messages.PropertyDelay, int64(level)))
	d := r.delays.begin(id, n, time.Duration(level)*time.Second)
	p.open++
	p.peers[i].call(send(p.shape, topicDelayed, queueID, history.Body(id), properties, p.born(), false), callLimit,
		func(response *messages.Command, err error) {
			p.open--
			switch {
			case err != nil:
			case response.Code == int32(messages.Success):
				d.acked, d.ackedAt = true, r.world.Elapsed()
			case !mayRefuse[messages.ResponseCode(response.Code)]:
				r.fail(fmt.Errorf("a delayed send was refused: %w", refusal(response)))
			}
		})
}
