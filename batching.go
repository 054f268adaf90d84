package actormq

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/actormq/actormq/messages"
)

// Batching has a Producer gather the messages of a topic, and of one queue where
// they have an OrderKey, and send them as one batch. Messages that are held back
// (DelayLevel, Delay, DeliverAt) and those of SendTo and SendSelect go on their
// own. Zero values mean the defaults.
//
// The messages of a batch share its fate: a retry repeats all of them. Their ids,
// offsets and results are their own. The callbacks of SendAsync run one after the
// other for the messages of a batch.
type Batching struct {
	// MaxBytes is the size at which a batch is sent, in bytes of bodies and
	// properties: 32 KiB by default. A larger message makes a batch of one.
	MaxBytes int
	// MaxMessages is the number of messages at which it is sent: 256 by default.
	MaxMessages int
	// Linger is how long the first message of a batch waits for more: 5 ms by
	// default.
	Linger time.Duration
}

// Defaults of Batching.
const (
	DefaultBatchBytes    = 32 << 10
	DefaultBatchMessages = 256
	DefaultBatchLinger   = 5 * time.Millisecond
)

// lanes gather the messages of a producer, one lane for each topic and each
// queue that messages with a key go to.
type lanes struct {
	p *Producer
	o Batching

	mu  sync.Mutex
	all map[laneKey]*lane
}

type laneKey struct {
	topic string
	queue Queue // zero: the next one in turn
}

// lane sends its batches one after the other, as far as writing them goes: their
// order is that of their messages.
type lane struct {
	lanes *lanes
	key   laneKey

	sending sync.Mutex // held while a batch is taken off ready and written

	mu      sync.Mutex
	filling *gathered
	ready   []*gathered // to be sent, in order
}

// gathered is a batch in the making.
type gathered struct {
	items []gatheredItem
	size  int
	timer *time.Timer
}

// gatheredItem is a message of a batch, whose end is done's to tell.
type gatheredItem struct {
	id     string
	record messages.BatchRecord
	slot   bool // it holds a slot of SendAsync
	seen   *observed
	done   func(Sent, error)
}

func newLanes(p *Producer, o Batching) *lanes {
	o.MaxBytes = orElse(o.MaxBytes, DefaultBatchBytes)
	o.MaxMessages = orElse(o.MaxMessages, DefaultBatchMessages)
	o.Linger = orElse(o.Linger, DefaultBatchLinger)
	return &lanes{p: p, o: o, all: make(map[laneKey]*lane)}
}

// takes reports whether m may be part of a batch.
func (l *lanes) takes(m *Message) bool { return l != nil && m.delays() == 0 }

// send adds m and waits for its end, or for that of ctx; the message is sent all
// the same then.
func (l *lanes) send(ctx context.Context, m *Message) (Sent, error) {
	type result struct {
		sent Sent
		err  error
	}
	ended := make(chan result, 1)
	if err := l.add(ctx, m, false, func(sent Sent, err error) { ended <- result{sent, err} }); err != nil {
		return Sent{}, err
	}
	select {
	case r := <-ended:
		return r.sent, r.err
	case <-ctx.Done():
		return Sent{}, ctx.Err()
	}
}

// add puts m into the batch of its lane. It fails, without calling done, on a
// message that cannot be sent, without a route for its key, and once the producer
// is closed.
func (l *lanes) add(ctx context.Context, m *Message, slot bool, done func(Sent, error)) error {
	if err := m.validate(); err != nil {
		return err
	}
	id := l.p.client.uniq.make(time.Now())
	key := laneKey{topic: m.Topic}
	var err error
	if m.OrderKey != "" {
		bounded, cancel := l.p.client.bounded(ctx, l.p.o.Timeout)
		key.queue, err = l.p.choose(bounded, &sending{topic: l.p.client.wrap(m.Topic), place: byKey(m.OrderKey)}, nil)
		cancel()
		if err != nil {
			return err
		}
	}
	seen, carried := l.p.observe(ctx, m, id, nil)
	properties, err := l.p.properties(m, id, carried...)
	if err == nil {
		err = l.p.start()
	}
	if err != nil {
		abandoned([]*observed{seen}, err)
		return err
	}
	l.lane(key).add(gatheredItem{
		id: id, slot: slot, done: done, seen: seen,
		record: messages.BatchRecord{Flag: m.Flag, Body: m.Body, Properties: properties},
	})
	return nil
}

func (l *lanes) lane(key laneKey) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[key] == nil {
		l.all[key] = &lane{lanes: l, key: key}
	}
	return l.all[key]
}

// flush sends what has been gathered.
func (l *lanes) flush() {
	l.mu.Lock()
	var all []*lane
	for _, lane := range l.all {
		all = append(all, lane)
	}
	l.mu.Unlock()
	for _, lane := range all {
		lane.mu.Lock()
		lane.seal(lane.filling)
		lane.mu.Unlock()
		lane.dispatch()
	}
}

func (l *lane) add(item gatheredItem) {
	o := &l.lanes.o
	size := len(item.record.Body) + len(item.record.Properties)
	l.mu.Lock()
	if b := l.filling; b != nil && b.size+size > o.MaxBytes {
		l.seal(b)
	}
	b := l.filling
	if b == nil {
		b = &gathered{}
		l.filling = b
		b.timer = time.AfterFunc(o.Linger, func() { l.lingered(b) })
	}
	b.items = append(b.items, item)
	b.size += size
	if b.size >= o.MaxBytes || len(b.items) >= o.MaxMessages {
		l.seal(b)
	}
	sealed := len(l.ready) > 0
	l.mu.Unlock()
	if sealed {
		l.dispatch()
	}
}

// lingered sends a batch that has waited long enough.
func (l *lane) lingered(b *gathered) {
	l.mu.Lock()
	l.seal(b)
	l.mu.Unlock()
	l.dispatch()
}

// seal makes b ready unless it is already. l.mu is held.
func (l *lane) seal(b *gathered) {
	if b == nil || l.filling != b {
		return
	}
	b.timer.Stop()
	l.filling = nil
	l.ready = append(l.ready, b)
}

// dispatch writes what is ready, in order, and leaves the answers to goroutines.
func (l *lane) dispatch() {
	l.sending.Lock()
	defer l.sending.Unlock()
	for {
		l.mu.Lock()
		if len(l.ready) == 0 {
			l.mu.Unlock()
			return
		}
		b := l.ready[0]
		l.ready = l.ready[1:]
		l.mu.Unlock()
		p := l.lanes.p
		s := l.encode(b)
		limits := p.within(context.Background())
		first := p.begin(&limits, s, nil)
		go func() {
			sent, err := p.finish(&limits, s, first)
			l.end(b, sent, err)
		}()
	}
}

// encode makes a batch of the messages, or one message of one.
func (l *lane) encode(b *gathered) *sending {
	p := l.lanes.p
	code := messages.CodeSendBatchMessage
	if len(b.items) == 1 {
		code = messages.CodeSendMessageV2
	}
	s := p.newSending(code, l.key.topic)
	s.count = len(b.items)
	if l.key.queue != (Queue{}) {
		s.pinned = &l.key.queue
	}
	if p.client.observes(l.key.topic) {
		for i := range b.items {
			s.seen = append(s.seen, b.items[i].seen)
		}
	}
	if len(b.items) == 1 {
		only := &b.items[0]
		s.ids, s.flag, s.properties, s.body = only.id, only.record.Flag, only.record.Properties, only.record.Body
		p.compress(s)
		return s
	}
	s.batch = true
	ids := make([]string, len(b.items))
	s.body = make([]byte, 0, b.size+len(b.items)*batchOverhead)
	for i := range b.items {
		ids[i] = b.items[i].id
		s.body = messages.AppendBatchRecord(s.body, &b.items[i].record)
	}
	p.finishBatch(s, ids, time.Now())
	return s
}

// batchOverhead is what a message of a batch takes beyond its body and
// properties, in bytes.
const batchOverhead = 22

// end gives each message its part of the result: the broker stores a batch in
// order, without a gap.
func (l *lane) end(b *gathered, sent Sent, err error) {
	p := l.lanes.p
	for _, item := range b.items {
		if item.slot {
			<-p.slots // all of them before the first callback, which may want one
		}
	}
	places := strings.Split(sent.OffsetID, ",")
	for i, item := range b.items {
		own := sent
		if err == nil {
			own.ID, own.OffsetID = item.id, ""
			own.Offset += int64(i)
			if len(places) == len(b.items) {
				own.OffsetID = places[i]
			}
		}
		item.done(own, err)
		p.running.Done()
	}
}
