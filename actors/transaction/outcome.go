package transaction

import (
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage/consumequeue"
)

// discard puts a half away that was checked too often, or is too old.
func (t *transaction) discard(a *messages.Append, h *record.Record) {
	t.Env.Log.Warn().Bytes("id", messages.FindProperty(h.Properties, messages.PropertyUniqKey)).
		Bytes("topic", messages.FindProperty(h.Properties, messages.PropertyRealTopic)).
		Bytes("group", messages.FindProperty(h.Properties, messages.PropertyProducerGroup)).
		Msg("nobody knows the outcome of a transaction; its message goes to " + messages.TopicTransCheckMax)
	t.Env.Send(t.TopicsOwner, &topics.Ensure{
		Topic: messages.TopicTransCheckMax, Queues: 1, Perm: messages.PermRead | messages.PermWrite,
	})
	putAway(a, h)
}

// renewed goes on with a round after an Append of it. What the log refused ends it:
// the offset stays at the first such half.
func (t *transaction) renewed(a *messages.Append, b *batch) {
	if b.round != t.round {
		return
	}
	for i, v := range b.verdicts {
		if s := &a.Sends[i]; !s.Stored() && s.Code != messages.MessageIllegal {
			t.Env.Log.Warn().Int32("code", int32(s.Code)).Str("why", s.Remark).Msg("the log refused transactions; the next round tries again")
			b.next, b.over = b.halves[i], true
			break
		} else if !s.Stored() {
			t.Env.Log.Error().Str("why", s.Remark).Int64("half", b.halves[i]).Msg("a transaction cannot be stored again and is given up")
			continue
		}
		if v != discard {
			t.renewal(a, &a.Records[i], place{b.queues[0].ID(), b.halves[i]}, v)
		}
	}
	b.round.next = b.next
	t.step()
}

// renewal asks about the copy of a half, unless the half has ended meanwhile.
func (t *transaction) renewal(a *messages.Append, r *messages.AppendRecord, half place, v verdict) {
	if t.isNamed(half.queueID, half.offset) {
		t.ended(place{half.queueID, r.QueueOffset})
		return
	}
	t.copies.add(half, r.QueueOffset)
	if v != ask {
		return
	}
	request, group := question(a.Buf[r.At:r.At+int(r.Size)], r, t.Broker)
	if request == nil {
		t.Env.Log.Error().Int64("half", r.QueueOffset).Msg("a half does not name its topic and queue")
		return
	}
	peer := t.producer(group)
	if peer == nil {
		t.Env.Log.Info().Str("group", group).Msg("no producer of the group is there to be asked about its transaction")
		return
	}
	owed := len(request.Body) + overhead
	peer.Owe(owed)
	t.Env.Send(peer.PID, &messages.Ask{Command: request, Owed: owed})
}

// attempts is how many producers are tried that are slow to take their questions
// (RocketMQ: ProducerManager.GET_AVAILABLE_CHANNEL_RETRY_COUNT).
const attempts = 3

// producer returns a connection of a group, one after the other, or nil.
func (t *transaction) producer(group string) *messages.Peer {
	peers := t.Producers(group)
	for range min(attempts, len(peers)) {
		t.turn++
		if peer := peers[t.turn%len(peers)]; peer.Owed() < t.MaxOwed {
			return peer
		}
	}
	return nil
}

// close ends the work on a queue, and keeps how far it came. The log comes first: a
// power loss that took a copy of a half, or the message of a committed one, but left
// the offset behind the half, would lose the transaction.
func (t *transaction) close() {
	r := t.round
	op := r.window.opOffset(r.next)
	if r.next != r.half || op != r.op {
		if _, err := t.Store.Log.Sync(); err != nil {
			t.Env.Log.Error().Err(err).Msg("the offsets of transactions are not kept: the log could not be synced")
			t.rest()
			return
		}
	}
	if r.next != r.half {
		t.commitOffset(r.queues[0], r.next)
	}
	if r.ops != nil && op != r.op {
		t.commitOffset(r.ops, op)
	}
	t.nextQueue()
}

func (t *transaction) commitOffset(q *consumequeue.Queue, offset int64) {
	t.Env.Send(t.Offsets, &offsets.Commit{
		Group: messages.GroupTransactions, Topic: q.Topic(), QueueID: q.ID(), Offset: offset,
	})
}
