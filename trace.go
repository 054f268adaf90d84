package actormq

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actormq/actormq/messages"
)

// Trace has a client record what becomes of messages: that a broker has stored
// them, that handlers were called and returned, how transactions ended. The records
// are messages of a topic of their own, in the format of the Java client, which
// mqadmin's queryMsgTraceById and the dashboard read. Brokers may turn it off
// (traceOn).
//
// Records are gathered and sent in the background. They never hold up or fail what
// they are about: if brokers do not take them as fast as they come, they are
// dropped and counted (Stats.TracesDropped).
type Trace struct {
	// Topic gets the records; by default RMQ_SYS_TRACE_TOPIC. It is in no namespace.
	// Messages of this topic are not traced.
	Topic string
	// Batch is the number of records, each of a send or a call of a handler, that
	// are sent together: 10 by default, 20 at most. Fewer are sent after 5 s.
	Batch int
}

// RocketMQ: AsyncTraceDispatcher.
const (
	defaultTraceBatch = 10
	maxTraceBatch     = 20
	maxTracesWaiting  = 2048
	traceInterval     = 5 * time.Second
	traceTimeout      = 5 * time.Second
	// maxTraceBody and maxTraceKeys bound a message of records, in bytes.
	maxTraceBody = 128_000
	maxTraceKeys = messages.MaxPropertiesSize / 2
	// maxTraceSends bounds the messages of records under way.
	maxTraceSends = 16
	traceGroup    = "_INNER_TRACE_PRODUCER"
	// traceRegion is that of brokers that name none.
	traceRegion = "DefaultRegion"
)

// tracer sends the records of a client. Any goroutine may add; one goroutine
// gathers and sends.
type tracer struct {
	topic    string
	batch    int
	producer *Producer // outside of any namespace and of the client's counters
	log      *slog.Logger
	waiting  chan traced
	dropped  atomic.Uint64
	closing  chan struct{}
	ended    chan struct{}
	ctx      context.Context // of sends
	cancel   context.CancelFunc
	sends    sync.WaitGroup
	closed   sync.Once
}

// traced is a record: the traces of one send or one call of a handler, for messages
// of one topic.
type traced struct {
	topic  string
	traces []messages.Trace
}

func (c *Client) newTracer(o Trace) (*tracer, error) {
	if o.Topic == "" {
		o.Topic = messages.TopicTrace
	}
	if err := messages.CheckTopicBytes([]byte(o.Topic)); err != nil {
		return nil, fmt.Errorf("actormq: trace topic %q: %w", o.Topic, err)
	}
	p := &Producer{client: c, o: ProducerOptions{Group: traceGroup, Timeout: traceTimeout, MaxInFlight: maxTraceSends}, counters: &counters{}}
	p.o.setDefaults()
	p.slots = make(chan struct{}, p.o.MaxInFlight)
	t := &tracer{
		topic: o.Topic, batch: min(orElse(o.Batch, defaultTraceBatch), maxTraceBatch), producer: p, log: c.log,
		waiting: make(chan traced, maxTracesWaiting), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(c.ctx)
	go t.run()
	return t, nil
}

// wants reports whether messages of a topic are traced.
func (t *tracer) wants(topic string) bool { return t != nil && !strings.HasPrefix(topic, t.topic) }

// add takes a record, or drops it. It does not wait.
func (t *tracer) add(topic string, traces []messages.Trace) {
	select {
	case t.waiting <- traced{topic, traces}:
	default:
		t.dropped.Add(uint64(len(traces)))
	}
}

// close sends what waits, for traceTimeout at most, and returns when nothing of
// the tracer runs any more.
func (t *tracer) close() {
	t.closed.Do(func() {
		limit := time.AfterFunc(traceTimeout, t.cancel)
		close(t.closing)
		<-t.ended
		limit.Stop()
		t.cancel()
	})
}

func (t *tracer) run() {
	defer close(t.ended)
	defer t.sends.Wait()
	due := time.NewTicker(traceInterval)
	defer due.Stop()
	var batch []traced
	flush := func() {
		t.flush(batch)
		batch = batch[:0]
		due.Reset(traceInterval)
	}
	for {
		select {
		case r := <-t.waiting:
			if batch = append(batch, r); len(batch) == t.batch {
				flush()
			}
		case <-due.C:
			flush()
		case <-t.closing:
			for len(t.waiting) > 0 {
				if batch = append(batch, <-t.waiting); len(batch) == t.batch {
					flush()
				}
			}
			flush()
			return
		}
	}
}

// flush sends records, those of each topic together.
func (t *tracer) flush(batch []traced) {
	topics := make(map[string]*traceText)
	for _, r := range batch {
		for i := range r.traces {
			text := topics[r.topic]
			if text == nil {
				text = &traceText{seen: make(map[string]bool)}
				topics[r.topic] = text
			}
			if err := text.add(&r.traces[i]); err != nil {
				t.lose(1, err)
				continue
			}
			if text.full() {
				t.send(text)
				delete(topics, r.topic)
			}
		}
	}
	for _, text := range topics {
		if text.count > 0 {
			t.send(text)
		}
	}
}

// traceText is a message of records in the making.
type traceText struct {
	body  []byte
	keys  []string
	size  int // of the keys
	seen  map[string]bool
	count int
}

func (x *traceText) add(t *messages.Trace) (err error) {
	if x.body, err = messages.AppendTrace(x.body, t); err != nil {
		return err
	}
	x.count++
	x.key(t.ID)
	for _, key := range strings.Fields(t.Keys) {
		x.key(key)
	}
	return nil
}

func (x *traceText) key(key string) {
	if key != "" && !x.seen[key] {
		x.seen[key] = true
		x.keys = append(x.keys, key)
		x.size += len(key) + 1
	}
}

func (x *traceText) full() bool { return len(x.body) >= maxTraceBody || x.size >= maxTraceKeys }

// send sends a message of records as soon as fewer than maxTraceSends are under
// way.
func (t *tracer) send(x *traceText) {
	p := t.producer
	select {
	case p.slots <- struct{}{}:
	case <-t.ctx.Done():
		t.lose(x.count, t.ctx.Err())
		return
	}
	t.sends.Go(func() {
		defer func() { <-p.slots }()
		ctx, cancel := context.WithTimeout(t.ctx, traceTimeout)
		defer cancel()
		s := &sending{
			code: messages.CodeSendMessageV2, group: traceGroup, topic: t.topic, shown: t.topic, count: 1,
			ids: p.client.uniq.make(time.Now()), body: x.body,
		}
		m := Message{Topic: t.topic, Keys: x.keys}
		s.properties = m.appendProperties(nil, s.ids)
		p.compress(s)
		if _, err := p.deliver(ctx, s); err != nil {
			t.lose(x.count, err)
		}
	})
}

// lose counts traces that were not sent.
func (t *tracer) lose(n int, why error) {
	t.dropped.Add(uint64(n))
	t.log.Warn("traces of messages are lost", "topic", t.topic, "traces", n, "error", why)
}
