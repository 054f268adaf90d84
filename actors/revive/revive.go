package revive

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/timer"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Revive.
type Options struct {
	Env         *env.Env
	Store       *storage.Store
	Topics      *topics.View
	Subs        *subscriptions.View
	TopicsOwner *actor.PID
	CommitLog   *actor.PID
	Offsets     *actor.PID
	Timer       *actor.PID
	Log         Log
	Queues      int32 // of the log (reviveQueueNum)
	Broker      string
	RetryV2     func() bool // enableRetryTopicV2
	// Slave leaves all to the master.
	Slave bool
}

// Props returns the props of Revive. It reads messages from the log, which may block. A
// restart goes on from the committed offsets.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &revive{Options: o} })
}

type revive struct {
	Options
	self    *actor.PID // nil once it stops
	queues  []*queue   // of the revive log; nil until their offsets are known
	buffer  []byte
	message []byte // buffer for what is stored again
	retries map[*open]env.Timer
	waiting env.Timer // for the tables
}

// The messages to itself.
type (
	begin struct{}
	scan  struct{ *queue }
	retry struct{ *open }
)

func (r *revive) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if r.Slave || !r.Log.Timers.Enabled {
			return
		}
		r.self, r.retries = ctx.Self(), make(map[*open]env.Timer)
		r.begin()
	case *begin:
		r.waiting = nil
		r.begin()
	case *offsets.Positions:
		r.start(m.Offsets[0])
	case *messages.Arrived:
		r.arrived(m)
	case *scan:
		m.queue.pause = nil
		r.scan(m.queue)
	case *timer.Reached:
		r.reached(m.Token.(*asked))
	case *messages.Append:
		r.stored(m)
	case *retry:
		delete(r.retries, m.open)
		r.again(m.open)
		r.ripen(m.open.queue)
	case *actor.Stopping, *actor.Restarting:
		r.stop()
	}
}

// begin asks where to go on, once it is known which topics and groups there are: what
// concerns others is dropped.
func (r *revive) begin() {
	if r.Topics.Load().Len() == 0 || r.Subs.Load().Len() == 0 {
		r.waiting = r.Env.Tell(r.self, lookAfter, &begin{})
		return
	}
	r.Env.Send(r.Offsets, &offsets.Lookup{Group: messages.GroupRevive, Topics: []string{r.Log.Topic}, ReplyTo: r.self})
}

// lookAfter is the pause between two looks whether the tables are there.
const lookAfter = 10 * time.Millisecond

// start begins behind the last checkpoint of each queue that is done with.
func (r *revive) start(positions map[int32]int64) {
	for id := range r.Queues {
		q := &queue{id: id, keys: make(map[key]*open)}
		if at, known := positions[id]; known {
			q.next = at + 1
		}
		r.queues = append(r.queues, q)
		r.scan(q)
	}
}

func (r *revive) arrived(m *messages.Arrived) {
	for i := range m.Arrivals {
		if id := m.Arrivals[i].QueueID; int(id) < len(r.queues) {
			r.scan(r.queues[id])
		}
	}
}

// asked is the Token of a Reach: a queue wants to know about a time.
type asked struct {
	*queue
	time int64
}

// grace is how long after the time of a checkpoint its messages are still not revived,
// in milliseconds: an acknowledgement that was answered just before may not be visible
// to Timer yet.
const grace = 500

// ask has Timer asked about the oldest checkpoint of a queue.
func (r *revive) ask(q *queue) {
	for _, o := range q.open {
		if o.begun {
			continue
		}
		if at := o.checkpoint.ReviveTime() + grace; at > q.reached && at != q.asked {
			q.asked = at
			r.Env.Send(r.Timer, &timer.Reach{Time: at, ReplyTo: r.self, Token: &asked{q, at}})
		}
		return
	}
}

// reached notes how far Timer is. What it has delivered is visible, and read first.
func (r *revive) reached(m *asked) {
	if r.self == nil {
		return
	}
	q := m.queue
	q.reached = max(q.reached, m.time)
	if q.asked == m.time {
		q.asked = 0
	}
	r.scan(q)
}

func (r *revive) stop() {
	for _, timer := range r.retries {
		timer.Stop()
	}
	if r.waiting != nil {
		r.waiting.Stop()
	}
	for _, q := range r.queues {
		if q.pause != nil {
			q.pause.Stop()
		}
	}
	r.self, r.queues = nil, nil
}

// retryAfter is the pause after the disk or the log has refused something.
const retryAfter = 500 * time.Millisecond
