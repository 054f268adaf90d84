package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// popInvisible is how long a popped message is a caller's, in milliseconds: longer
// than a run, so that none comes again.
const popInvisible = 10 * 60 * 1000

// Places in a record (see messages/record).
const (
	atQueueID     = 12
	atQueueOffset = 20
)

// popper is one connection with callers that pop.
type popper struct {
	*session
	group, topic, broker string
	callers              []popCaller
}

// popCaller pops, acknowledges each message on its own, as Java's consumer does, and
// pops again when all of that is answered.
type popCaller struct {
	asked time.Duration // when its pop was sent
	acks  int           // without an answer; 0 while a pop is
	took  int64         // messages of the pop
}

// connectPoppers deals the callers out to connections, each of which pops from one
// broker.
func (r *run) connectPoppers(ctx context.Context, ends []int64) error {
	there := int64(0)
	for i, q := range r.all {
		first, err := r.client.MinOffset(ctx, q)
		if err != nil {
			return err
		}
		there += ends[i] - first
	}
	r.control.left.Store(there)
	group := fmt.Sprintf("%s-pop-%x", benchGroup, r.control.began.UnixNano())
	for i := range r.o.Connections {
		addr, queues := r.share(i)
		s, err := dialSession(ctx, addr, r.control, r.o)
		if err != nil {
			return err
		}
		callers := (r.o.Callers + i) / r.o.Connections
		p := &popper{session: s, group: group, topic: queues[0].Topic, broker: queues[0].Broker, callers: make([]popCaller, callers)}
		r.consumers = append(r.consumers, p)
	}
	return nil
}

// run pops until the run stops or all is popped.
func (p *popper) run() error {
	for i := range p.callers {
		p.pop(i)
	}
	return p.exchange(p.answered)
}

// pop adds a caller's next pop, unless the run stops.
func (p *popper) pop(i int) {
	if p.control.ended.Load() {
		return
	}
	now := p.control.now()
	p.callers[i] = popCaller{asked: now}
	header := messages.PopHeader{
		ConsumerGroup: p.group, Topic: p.topic, QueueID: -1, MaxMsgNums: int32(p.o.PullSize), Invisible: popInvisible,
		BornTime: p.control.began.Add(now).UnixMilli(), InitMode: messages.PopFromMin,
	}
	c := p.request(messages.CodePopMessage, i)
	header.Set(&c.Ext)
	p.send(&c)
}

// answered takes the answer to a pop or to an acknowledgement.
func (p *popper) answered(frame []byte) error {
	var c messages.Command
	if err := remoting.Decode(frame, &c); err != nil {
		return err
	}
	if !c.IsResponse() || c.Opaque < 0 || int(c.Opaque) >= len(p.callers) {
		return nil
	}
	p.waiting--
	i := int(c.Opaque)
	caller := &p.callers[i]
	p.stats.mu.Lock()
	defer p.stats.mu.Unlock()
	p.stats.requests++
	code := messages.ResponseCode(c.Code)
	if caller.acks > 0 {
		if code != messages.Success {
			p.stats.errors[c.Code]++
		}
		if caller.acks--; caller.acks == 0 {
			p.stats.add(caller.took)
			p.stats.latency(p.control.now() - caller.asked)
			p.pop(i)
		}
		return nil
	}
	switch code {
	case messages.Success:
		return p.acknowledge(i, &c)
	case messages.PollingTimeout, messages.PollingFull, messages.PullNotFound: // others are at the queues
	default:
		p.stats.errors[c.Code]++
	}
	p.pop(i)
	return nil
}

// acknowledge adds the acknowledgements of a pop's messages, with stats.mu held.
func (p *popper) acknowledge(i int, c *messages.Command) error {
	answer, err := messages.ParsePopResponse(&c.Ext)
	if err != nil {
		return fmt.Errorf("bench: answer to a pop: %w", err)
	}
	starts, err := parseStarts(answer.StartOffsets)
	if err != nil {
		return err
	}
	handle := messages.PopHandle{
		PopTime: answer.PopTime, Invisible: answer.Invisible, ReviveQueue: answer.ReviveQueue, Mark: messages.PopNormal, Broker: p.broker,
	}
	n, err := eachRecord(c.Body, func(record []byte) error {
		handle.QueueID = int32(binary.BigEndian.Uint32(record[atQueueID:]))
		handle.Offset = int64(binary.BigEndian.Uint64(record[atQueueOffset:]))
		handle.StartOffset = starts[handle.QueueID]
		header := messages.AckHeader{
			ConsumerGroup: p.group, Topic: p.topic, QueueID: handle.QueueID, Handle: handle.String(), Offset: handle.Offset,
		}
		ack := p.request(messages.CodeAckMessage, i)
		header.Set(&ack.Ext)
		p.send(&ack)
		return nil
	})
	if err != nil {
		return err
	}
	p.stats.bytes += int64(len(c.Body))
	p.callers[i].acks, p.callers[i].took = int(n), n
	if p.control.left.Add(-n) <= 0 {
		p.control.ended.Store(true)
	}
	return nil
}

// parseStarts returns the offset that each queue's checkpoint begins at, by queue.
func parseStarts(text string) (map[int32]int64, error) {
	starts := make(map[int32]int64)
	for queue := range strings.SplitSeq(text, ";") {
		fields := strings.Fields(queue)
		if len(fields) != 3 {
			return nil, fmt.Errorf("bench: answer to a pop: start offset %q", queue)
		}
		id, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("bench: answer to a pop: %w", err)
		}
		if starts[int32(id)], err = strconv.ParseInt(fields[2], 10, 64); err != nil {
			return nil, fmt.Errorf("bench: answer to a pop: %w", err)
		}
	}
	return starts, nil
}
