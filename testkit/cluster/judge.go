package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// Judge runs clients against one broker and judges what they see.
type Judge struct {
	broker  *Broker
	random  *rand.Rand
	queues  []history.Queue
	History *history.History
	// Batches has sends be batches of one to four messages, but some single ones.
	Batches bool
	// Refused are the answers to sends that promised nothing, since the last Connect.
	Refused []*script.Refused

	producers []*producer
	reader    *sim.Client
	reading   *sim.Call
	readAt    int // index of the queue that is read
	next      map[history.Queue]int64
}

// producer sends without waiting, up to a window.
type producer struct {
	id     uint32
	number uint32
	client *sim.Client
	open   []sent
}

type sent struct {
	ids   []history.ID // of its messages
	queue history.Queue
	call  *sim.Call
}

// window is the number of sends that a producer has under way.
const window = 6

// NewJudge returns a judge of a topic that exists or will, with so many producers.
func NewJudge(b *Broker, topic string, queues, producers int) *Judge {
	j := &Judge{
		broker:  b,
		random:  rand.New(rand.NewPCG(b.world.Seed(), 0x6a75646765)),
		History: history.New(),
		next:    make(map[history.Queue]int64),
	}
	for id := range int32(queues) {
		j.queues = append(j.queues, history.Queue{Topic: topic, ID: id})
	}
	for id := range uint32(producers) {
		j.producers = append(j.producers, &producer{id: id + 1})
	}
	return j
}

// Connect gives every client a new connection. What was under way is forgotten:
// it may have happened or not.
func (j *Judge) Connect() {
	for i, p := range j.producers {
		p.client, p.open = j.broker.Dial(j.broker.world.Host(fmt.Sprintf("producer-%d", i+1))), nil
	}
	j.reader, j.reading = j.broker.Dial(j.broker.world.Host("reader")), nil
	j.Refused = nil
}

// Load sends and reads for so many steps of the world.
func (j *Judge) Load(steps int) {
	for range steps {
		if j.random.IntN(8) == 0 {
			j.send(j.producers[j.random.IntN(len(j.producers))])
		}
		j.collect()
		j.read()
		j.broker.world.Step()
	}
	require.NoError(j.broker.t, j.broker.world.Err())
}

// Finish waits until nothing is under way.
func (j *Judge) Finish() {
	err := j.broker.world.Run(func() bool {
		j.collect()
		for _, p := range j.producers {
			if len(p.open) > 0 {
				return false
			}
		}
		return true
	}, time.Minute)
	require.NoError(j.broker.t, err)
}

func (j *Judge) send(p *producer) {
	if closed, _ := p.client.IsClosed(); closed || len(p.open) >= window {
		return
	}
	q := j.queues[j.random.IntN(len(j.queues))]
	count := 0 // a message by itself
	if j.Batches {
		count = j.random.IntN(5)
	}
	var ids []history.ID
	var bodies [][]byte
	for range max(count, 1) {
		p.number++
		id := history.ID{Client: p.id, Number: p.number}
		ids, bodies = append(ids, id), append(bodies, history.Body(id))
		j.History.Sent(id, q)
	}
	request := script.Send(q.Topic, q.ID, bodies[0])
	if count > 0 {
		request = script.SendBatch(q.Topic, q.ID, fmt.Sprintf("B%d-%d", p.id, p.number), bodies)
	}
	p.open = append(p.open, sent{ids, q, p.client.Send(request)})
}

// collect takes the answers to sends.
func (j *Judge) collect() {
	t := j.broker.t
	for _, p := range j.producers {
		waiting := p.open[:0]
		for _, s := range p.open {
			if s.call.Response == nil {
				waiting = append(waiting, s)
				continue
			}
			queueID, offset, err := script.Sent(s.call.Response)
			var refused *script.Refused
			if errors.As(err, &refused) {
				j.Refused = append(j.Refused, refused)
				continue
			}
			if err == nil && queueID != s.queue.ID {
				err = fmt.Errorf("cluster: %v, sent to %v, was put to queue %d", s.ids, s.queue, queueID)
			}
			for i := 0; err == nil && i < len(s.ids); i++ {
				err = j.History.Acknowledged(s.ids[i], s.queue, offset+int64(i))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		p.open = waiting
	}
}

// read goes through the queues, long polling each for a moment.
func (j *Judge) read() {
	q := j.queues[j.readAt]
	if j.reading == nil {
		j.reading = j.reader.Send(script.Pull(q.Topic, q.ID, j.next[q], 5))
		return
	}
	if j.reading.Response == nil {
		return
	}
	j.take(q, j.reading.Response)
	j.reading = nil
	j.readAt = (j.readAt + 1) % len(j.queues)
}

// take tells the history what a pull of q brought.
func (j *Judge) take(q history.Queue, response *messages.Command) *script.Messages {
	t := j.broker.t
	pulled, err := script.Pulled(response)
	if err != nil {
		t.Fatalf("pull %v from %d: %v", q, j.next[q], err)
	}
	for _, r := range pulled.Records {
		if r.QueueOffset != j.next[q] {
			t.Fatalf("%v holds offset %d in place of %d", q, r.QueueOffset, j.next[q])
		}
		if err := j.History.Read(q, r.QueueOffset, r.Body); err != nil {
			t.Fatal(err)
		}
		j.next[q]++
	}
	return pulled
}

// Check reads every queue from its beginning and compares it with the history.
// Nothing may be under way. A connection that the network resets is replaced.
func (j *Judge) Check() {
	var reader *sim.Client
	for _, q := range j.queues {
		j.next[q] = 0
		for done := false; !done; {
			if reader == nil {
				reader = j.broker.Dial(j.broker.world.Host("reader"))
			}
			response, err := reader.Call(script.Pull(q.Topic, q.ID, j.next[q], 0))
			if closed, _ := reader.IsClosed(); closed {
				reader = nil
				continue
			}
			require.NoError(j.broker.t, err)
			if pulled := j.take(q, response); len(pulled.Records) == 0 {
				require.NoError(j.broker.t, j.History.Whole(q, pulled.Min, pulled.Max))
				done = true
			}
		}
	}
	if reader != nil {
		reader.Close()
	}
}
