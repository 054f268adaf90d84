package revive

import (
	"strconv"
	"strings"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// normalTopic returns the topic that a checkpoint's messages were first sent to.
func normalTopic(c *messages.PopCheckpoint) string {
	for _, v2 := range []bool{true, false} {
		if topic, ok := strings.CutPrefix(c.Topic, messages.PopRetryTopic("", c.Group, v2)); ok {
			return topic
		}
	}
	return c.Topic
}

// again has what is left of a checkpoint stored again.
func (r *revive) again(o *open) {
	if r.self == nil {
		return
	}
	c := o.checkpoint
	topic := c.Topic
	if !messages.IsRetryTopic([]byte(topic)) {
		topic = messages.PopRetryTopic(topic, c.Group, r.RetryV2())
	}
	a := messages.NewAppend(0)
	var sent []int64
	for _, offset := range o.left {
		m, err := r.read(c, offset)
		switch {
		case err != nil:
			r.Env.Log.Error().Err(err).Str("topic", c.Topic).Int64("offset", offset).Msg("a message that was not acknowledged cannot be read; it is tried again later")
			r.rewrite(a, o, offset)
		case m != nil:
			r.add(a, m, c, topic)
		default:
			continue // it has expired
		}
		sent = append(sent, offset)
	}
	if o.left = sent; len(sent) == 0 {
		a.Release()
		o.done = true
		return
	}
	if r.Topics.Load().Find(topic) == nil {
		r.Env.Send(r.TopicsOwner, &topics.Ensure{Topic: topic, Queues: retryQueues, Perm: messages.PermRead | messages.PermWrite})
	}
	a.ReplyTo, a.Token = r.self, o
	r.Env.Send(r.CommitLog, a)
}

// retryQueues is how many queues a retry topic has (RocketMQ:
// PopAckConstants.retryQueueNum).
const retryQueues = 1

// read returns the message of a checkpoint, valid until the next one is read; nil if it
// is gone.
func (r *revive) read(c *messages.PopCheckpoint, offset int64) (*record.Record, error) {
	got := r.Store.Get(c.Topic, c.QueueID, offset, 1, nil, r.message[:0])
	if got.Err != nil {
		return nil, got.Err
	}
	if cap(got.Body) <= maxBuffer {
		r.message = got.Body
	}
	if got.Count == 0 {
		return nil, nil
	}
	m := new(record.Record)
	if _, err := record.Decode(got.Body, m); err != nil || m.QueueOffset != offset {
		return nil, err
	}
	return m, nil
}

// add appends a message to a retry topic (RocketMQ: PopReviveService.reviveRetry).
func (r *revive) add(a *messages.Append, m *record.Record, c *messages.PopCheckpoint, topic string) {
	first := len(messages.FindProperty(m.Properties, messages.PropertyFirstPopTime)) == 0 || m.ReconsumeTimes == 0
	next := *m
	next.QueueID, next.BornHost, next.StoreHost, next.PreparedOffset = 0, r.Log.StoreHost, r.Log.StoreHost, 0
	if !c.Suspended {
		next.ReconsumeTimes++
	}
	drop := []string{messages.PropertyOriginGroup}
	if first {
		drop = append(drop, messages.PropertyFirstPopTime)
	}
	next.Properties = messages.RemoveProperties(nil, m.Properties, drop...)
	if first {
		next.Properties = messages.AppendPropertyInt(next.Properties, messages.PropertyFirstPopTime, c.PopTime)
	}
	next.Properties = messages.AppendProperty(next.Properties, messages.PropertyOriginGroup, c.Group)
	at := len(a.Records)
	commitlog.Add(a, &next, topic, 0)
	a.Sends = append(a.Sends, messages.Send{First: at, Count: 1, Wait: true})
}

// pauses are how much later a message is tried again that cannot be read, in seconds,
// from one time to the next (RocketMQ: PopReviveService.ckRewriteIntervalsInSeconds).
var pauses = []int64{10, 20, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200}

// rewrite appends a checkpoint of one message, so that the queue goes on behind one that
// cannot be read now.
func (r *revive) rewrite(a *messages.Append, o *open, offset int64) {
	times, _ := strconv.Atoi(o.checkpoint.Rewrites) // none is 0
	next := *o.checkpoint
	next.Acked, next.Count, next.StartOffset, next.Diffs = 0, 1, offset, []int32{0}
	next.Rewrites = strconv.Itoa(times + 1)
	next.Invisible += pauses[min(max(times, 0), len(pauses)-1)] * 1000
	first := len(a.Records)
	if err := r.Log.Checkpoint(a, &next, o.queue.id, r.Env.Millis()); err != nil {
		next.Invisible = o.checkpoint.Invisible // so late that timers do not reach it: at once
		if err := r.Log.Checkpoint(a, &next, o.queue.id, r.Env.Millis()); err != nil {
			panic(err) // it was decoded
		}
	}
	a.Sends = append(a.Sends, messages.Send{First: first, Count: 1, Wait: true})
}

// stored takes an Append that the log is done with, or has refused.
func (r *revive) stored(a *messages.Append) {
	o := a.Token.(*open)
	var refused []int64
	for i, offset := range o.left {
		if !a.Sends[i].Stored() {
			refused = append(refused, offset)
		}
	}
	a.Release()
	if r.self == nil {
		return
	}
	if o.left = refused; len(refused) > 0 {
		r.Env.Log.Warn().Int("messages", len(refused)).Msg("the log refused messages that were not acknowledged; they are tried again")
		r.retries[o] = r.Env.Tell(r.self, retryAfter, &retry{o})
		return
	}
	o.done = true
	r.ripen(o.queue)
}
