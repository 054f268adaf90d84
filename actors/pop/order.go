package pop

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// orders are the messages that are out of queues that are popped in order (RocketMQ:
// QueueLevelConsumerManager).
type orders struct {
	table map[string]map[int32]*messages.PopOrder // by topic@group and queue
	dirty bool
}

func orderKey(topic, group string) string { return topic + "@" + group }

func (o *orders) of(topic, group string, queueID int32) *messages.PopOrder {
	return o.table[orderKey(topic, group)][queueID]
}

// clear forgets what is out of a queue.
func (o *orders) clear(topic, group string, queueID int32) {
	if o.of(topic, group, queueID) != nil {
		delete(o.table[orderKey(topic, group)], queueID)
		o.dirty = true
	}
}

// blocked returns 0 if a queue may be popped from at now, and else when all that is out
// of it is visible again, all in Unix milliseconds. A pop that is repeated is given the
// same again. invisible is that of the pop, for entries that do not say.
func (o *orders) blocked(topic, group string, queueID int32, attempt string, invisible, now int64) (visible int64) {
	e := o.of(topic, group, queueID)
	if e == nil || e.AttemptID != "" && e.AttemptID == attempt {
		return 0
	}
	if e.Invisible <= 0 {
		e.Invisible = invisible
	}
	for i := range e.Offsets {
		if acked(e, i) {
			continue
		}
		at := e.PopTime + e.Invisible
		if changed, ok := e.Visible[offsetAt(e, i)]; ok {
			at = changed
		}
		if now < at {
			visible = max(visible, at)
		}
	}
	return visible
}

func acked(e *messages.PopOrder, i int) bool { return e.Acked&(1<<i) != 0 }

func offsetAt(e *messages.PopOrder, i int) int64 {
	if i == 0 {
		return e.Offsets[0]
	}
	return e.Offsets[0] + e.Offsets[i]
}

// index returns the index of a queue offset, or -1.
func index(e *messages.PopOrder, offset int64) int {
	for i := range e.Offsets {
		if offsetAt(e, i) == offset {
			return i
		}
	}
	return -1
}

// out notes what a pop took, and appends to dst how often that was consumed before, see
// messages.PopResponse.OrderCounts.
func (o *orders) out(dst []byte, q *popping, t *taken, now int64) []byte {
	key := orderKey(t.topic, q.ConsumerGroup)
	before := o.table[key][t.queueID]
	e := &messages.PopOrder{AttemptID: q.AttemptID, PopTime: q.reads.popTime, Invisible: q.Invisible, LastConsumed: now}
	for i, offset := range t.offsets {
		if i > 0 {
			offset -= t.offsets[0]
		}
		e.Offsets = append(e.Offsets, offset)
	}
	if before != nil {
		e.Times = times(e, before)
	}
	if o.table[key] == nil {
		o.table[key] = make(map[int32]*messages.PopOrder)
	}
	o.table[key][t.queueID], o.dirty = e, true

	least := int32(0)
	for i := range e.Offsets {
		offset := offsetAt(e, i)
		n := e.Times[offset]
		if i == 0 || n < least {
			least = n
		}
		if n > 0 {
			dst = entryOf(dst, t.topic, "qo"+strconv.Itoa(int(t.queueID))+"%"+strconv.FormatInt(offset, 10), n)
		}
	}
	return entryOf(dst, t.topic, strconv.Itoa(int(t.queueID)), least)
}

func entryOf(dst []byte, topic, key string, n int32) []byte {
	if len(dst) > 0 {
		dst = append(dst, ';')
	}
	dst = append(append(dst, messages.PopMark(topic)...), ' ')
	dst = append(append(dst, key...), ' ')
	return strconv.AppendInt(dst, int64(n), 10)
}

// times says how often what is out now was out before. An attempt that is repeated is
// none of its own.
func times(e, before *messages.PopOrder) map[int64]int32 {
	if e.AttemptID != "" && e.AttemptID == before.AttemptID {
		return before.Times
	}
	all := make(map[int64]int32)
	for i := range e.Offsets {
		if offset := offsetAt(e, i); index(before, offset) >= 0 {
			all[offset] = before.Times[offset] + 1
		}
	}
	return all
}

// What acknowledge returns besides offsets.
const (
	offsetIllegal = -1 // nothing like that is out
	offsetStale   = -2 // it was popped again since
)

// acknowledge notes that a message was consumed, and returns where its queue goes on
// (RocketMQ: QueueLevelConsumerManager.commitAndNext).
func (o *orders) acknowledge(topic, group string, queueID int32, offset, popTime int64) int64 {
	e := o.of(topic, group, queueID)
	if e == nil {
		return offset + 1
	}
	if len(e.Offsets) == 0 {
		return offsetIllegal
	}
	if e.PopTime != popTime {
		return offsetStale
	}
	i := index(e, offset)
	if i < 0 {
		return offsetIllegal
	}
	e.Acked |= 1 << i
	o.dirty = true
	for i := range e.Offsets {
		if !acked(e, i) {
			return offsetAt(e, i)
		}
	}
	return offsetAt(e, len(e.Offsets)-1) + 1
}

// postpone sets when a message is visible again.
func (o *orders) postpone(topic, group string, queueID int32, offset, popTime, visible int64) {
	e := o.of(topic, group, queueID)
	if e == nil || e.PopTime != popTime {
		return
	}
	if e.Visible == nil {
		e.Visible = make(map[int64]int64)
	}
	if len(e.Visible) > messages.MaxPopped && index(e, offset) < 0 {
		return
	}
	e.Visible[offset], o.dirty = visible, true
}

// forgetAfter is how long after its last pop a queue is forgotten, in milliseconds
// (RocketMQ: QueueLevelConsumerManager.CLEAN_SPAN_FROM_LAST).
const forgetAfter = 24 * 3600 * 1000

// clean forgets what concerns topics, groups and queues that are gone, and what is old.
func (p *pop) clean() {
	now := p.Env.Millis()
	topics, groups := p.Topics.Load(), p.Subs.Load()
	if topics.Len() == 0 || groups.Len() == 0 {
		return // they are not there yet
	}
	for key, queues := range p.orders.table {
		name, group, _ := strings.Cut(key, "@")
		topic := topics.Find(name)
		for id, e := range queues {
			if topic == nil || groups.Find(group) == nil || id >= topic.ReadQueueNums || now-e.LastConsumed > forgetAfter {
				delete(queues, id)
				p.orders.dirty = true
			}
		}
		if len(queues) == 0 {
			delete(p.orders.table, key)
			p.orders.dirty = true
		}
	}
}

func (p *pop) orderFile() string { return path.Join(p.Dir, "consumerOrderInfo.json") }

func (p *pop) load() {
	var saved messages.OrderTable
	if err := jsonfile.Load(p.Env.FS, p.orderFile(), &saved); err != nil {
		panic(err) // what cannot be read must not be overwritten by nothing
	}
	p.orders = orders{table: make(map[string]map[int32]*messages.PopOrder)}
	for key, queues := range saved.Table {
		for id, e := range queues {
			if e == nil || len(e.Offsets) > 64 || slices.ContainsFunc(e.Offsets, func(n int64) bool { return n < 0 }) {
				delete(queues, id)
			}
		}
		if queues != nil {
			p.orders.table[key] = queues
		}
	}
}

func (p *pop) save() {
	p.clean()
	if !p.orders.dirty {
		return
	}
	if err := jsonfile.Save(p.Env.FS, p.orderFile(), &messages.OrderTable{Table: p.orders.table}); err != nil {
		p.Env.Log.Error().Err(err).Msg("what is popped in order could not be saved; the next tick tries again")
		return
	}
	p.orders.dirty = false
}
