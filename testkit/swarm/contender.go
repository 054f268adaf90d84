package swarm

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/actormq/actormq/messages"
)

// contender commits and asks for the offset of a group that others commit, too, and
// takes and gives back a queue lock that others want. What all of them did in one
// life of the broker must be linearizable.
type contender struct {
	actor
	next int64
}

const groupContended = "contended"

func (c *contender) start() {
	c.begin()
	c.again(c.plan.Pause, c.tick)
}

func (c *contender) busy() string { return "" }

func (c *contender) tick() {
	if c.run.ending {
		return
	}
	n := c.run.nodes[0]
	switch c.run.rand.IntN(4) {
	case 0:
		// Values of different contenders differ, and so do those of one.
		c.next++
		value := c.next*100 + int64(c.index)
		c.ask(n, &n.offsets, input{commit: true, value: value}, request(messages.CodeUpdateConsumerOffset, c.fields("commitOffset", value)...))
	case 1:
		c.ask(n, &n.offsets, input{}, request(messages.CodeQueryConsumerOffset, c.fields()...))
	case 2:
		c.ask(n, &n.locks, input{client: c.index, lock: true}, c.lockRequest(n, messages.CodeLockBatchMQ))
	case 3:
		c.ask(n, &n.locks, input{client: c.index}, c.lockRequest(n, messages.CodeUnlockBatchMQ))
	}
}

func (c *contender) fields(more ...any) []any {
	return append([]any{"consumerGroup", groupContended, "topic", topicPlain, "queueId", 0}, more...)
}

func (c *contender) lockRequest(n *node, code messages.RequestCode) *messages.Command {
	r := request(code)
	queue := messages.MessageQueue{Topic: topicPlain, BrokerName: n.name}
	var err error
	r.Body, err = (&messages.LockBatch{ConsumerGroup: groupContended, ClientID: fmt.Sprint("contender-", c.index), Queues: []messages.MessageQueue{queue}}).Encode()
	c.run.fail(err)
	return r
}

// input is an operation on an offset, or on a lock.
type input struct {
	commit bool
	value  int64
	client int
	lock   bool
}

// output is what came back. An operation whose answer is lost may have happened at
// any time since, or never.
type output struct {
	lost    bool
	value   int64
	granted bool
}

// ask does an operation and notes it in the history of the broker's present life.
func (c *contender) ask(n *node, to *lives, in input, r *messages.Command) {
	life, called := n.epoch, c.run.world.Elapsed()
	op := to.begin(life, porcupine.Operation{ClientId: c.index, Input: in, Call: int64(called), Output: output{lost: true}, Return: forever})
	mine := c.life
	c.peers[n.index].call(r, callLimit, func(response *messages.Command, err error) {
		known := err == nil && n.epoch == life && !n.ailing()
		if known && (response.Code == int32(messages.Success) || response.Code == int32(messages.QueryNotFound)) {
			op.Return = int64(c.run.world.Elapsed())
			op.Output = c.understand(in, response)
		}
		if mine == c.life {
			c.again(c.plan.Pause, c.tick)
		}
	})
}

func (c *contender) understand(in input, response *messages.Command) output {
	var out output
	var err error
	switch {
	case response.Code == int32(messages.QueryNotFound):
		out.value = none
	case in.lock:
		var body *messages.LockBatchResponse
		if body, err = messages.DecodeLockBatchResponse(response.Body); err == nil {
			out.granted = len(body.LockOKMQSet) == 1
		}
	case response.Ext.Text("offset") != "":
		out.value, err = response.Ext.Int64("offset")
	}
	c.run.fail(err)
	return out
}

// forever is when an operation whose answer is lost returns.
const forever = int64(1) << 60

// lives are histories of one thing, by the broker's process that it belongs to.
type lives struct {
	all map[int][]*porcupine.Operation
}

func (l *lives) begin(life int, op porcupine.Operation) *porcupine.Operation {
	if l.all == nil {
		l.all = make(map[int][]*porcupine.Operation)
	}
	l.all[life] = append(l.all[life], &op)
	return &op
}

// judgeLimit bounds the real time that a judgement takes; what is not decided by
// then passes. Most histories take milliseconds; one in some twenty has so many lost
// answers that all their orders cannot be tried in any time.
const judgeLimit = 30 * time.Second

// judge checks that each life is linearizable.
func (l *lives) judge(model porcupine.Model) error {
	for life := range l.all {
		var history []porcupine.Operation
		for other, ops := range l.all {
			for _, op := range ops {
				// A request whose answer is lost may have waited for the next process.
				if other == life || other < life && op.Output.(output).lost {
					history = append(history, *op)
				}
			}
		}
		if porcupine.CheckOperationsTimeout(model, history, judgeLimit) == porcupine.Illegal {
			return fmt.Errorf("swarm: %d operations in life %d of a broker are not linearizable: %v", len(history), life, history)
		}
	}
	return nil
}

// An offset in the beginning of a life is what was saved, which the model does not
// know; and there may be none.
const (
	unknown = int64(-1)
	none    = int64(-2)
)

// offsetModel is a register.
var offsetModel = porcupine.Model{
	Init: func() any { return unknown },
	Step: func(state, in, out any) (bool, any) {
		i, o, value := in.(input), out.(output), state.(int64)
		switch {
		case i.commit:
			return true, i.value
		case o.lost:
			return true, value
		case value == unknown && o.value <= 0:
			return true, unknown // without an offset, a young queue says 0 and others none
		case value == unknown:
			return true, o.value
		}
		return o.value == value, value
	},
}

// Who has a lock: nobody, or somebody who had it when the clock jumped and may have
// lost it then.
const (
	nobody   = -1
	somebody = -2
)

// lockModel is a lock that does not expire: no life lasts that long.
var lockModel = porcupine.Model{
	Init: func() any { return somebody },
	Step: func(state, in, out any) (bool, any) {
		i, o, owner := in.(input), out.(output), state.(int)
		switch {
		case !i.lock && owner == i.client:
			return true, nobody
		case !i.lock:
			return true, owner
		case owner == nobody || owner == i.client:
			return o.lost || o.granted, i.client
		case owner == somebody && o.granted:
			return true, i.client
		}
		return o.lost || !o.granted, owner
	},
}
