package actormq

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/actormq/actormq/messages"
)

// What traces (Options.Trace) and spans (Options.Spans) see of sends and handlers.
// A client that has neither pays a comparison with nil.

// observed is a message that is sent.
type observed struct {
	topic, id, tags, keys string
	body                  int // its size in bytes
	kind                  messages.TraceKind
	span                  trace.Span // nil without spans
}

// observes reports whether anybody wants to know of a topic's messages.
func (c *Client) observes(topic string) bool { return c.spans != nil || c.tracer.wants(topic) }

// observe begins to observe a message of id, and returns what it is to carry. It
// returns nil if nobody wants to know. The end is told to ended or abandoned.
func (p *Producer) observe(ctx context.Context, m *Message, id string, further []property) (o *observed, carried []property) {
	c := p.client
	if !c.observes(m.Topic) {
		return nil, further
	}
	o = &observed{topic: m.Topic, id: id, tags: m.Tags, keys: strings.Join(m.Keys, " "), body: len(m.Body)}
	if m.delays() > 0 {
		o.kind = messages.TraceDelayed
	}
	for _, f := range further {
		if f.name == messages.PropertyTransactionPrepared {
			o.kind = messages.TraceHalf
		}
	}
	if c.spans != nil {
		o.span, carried = c.spans.send(ctx, m, o)
	}
	return o, append(carried, further...)
}

// observeBatch begins to observe the messages of a batch, which share a span.
func (p *Producer) observeBatch(ctx context.Context, batch []*Message) (all []*observed, carried []property) {
	c, topic := p.client, batch[0].Topic
	if !c.observes(topic) {
		return nil, nil
	}
	for _, m := range batch {
		all = append(all, &observed{topic: topic, tags: m.Tags, keys: strings.Join(m.Keys, " "), body: len(m.Body)})
	}
	if c.spans != nil {
		all[0].span, carried = c.spans.sendBatch(ctx, topic, len(batch))
	}
	return all, carried
}

// abandoned ends the observation of messages that could not be sent.
func abandoned(all []*observed, err error) {
	for _, o := range all {
		if o != nil && o.span != nil {
			endSpan(o.span, err)
		}
	}
}

// ended tells of the end of a sending and of its last attempt.
func (p *Producer) ended(s *sending, last *attempt, sent Sent, err error) {
	if len(s.seen) == 0 {
		return
	}
	addr := ""
	if last.conn != nil {
		addr = last.conn.addr
	}
	places := strings.Split(sent.OffsetID, ",")
	var traces []messages.Trace
	for i, o := range s.seen {
		if o == nil {
			continue
		}
		if o.span != nil {
			p.client.spans.sent(o, addr, sent, err)
		}
		if err != nil || !last.told.wanted || !p.client.tracer.wants(o.topic) {
			continue
		}
		t := messages.Trace{
			Type: messages.TracePub, Time: last.started.UnixMilli(), Region: last.told.region, Group: p.o.Group, Topic: o.topic, ID: o.id,
			Tags: o.tags, Keys: o.keys, StoreHost: addr, BodyLength: o.body, Cost: time.Since(last.started).Milliseconds(),
			Kind: o.kind, Success: sent.Status == SendOK,
		}
		if len(places) == len(s.seen) {
			t.OffsetID = places[i]
		}
		traces = append(traces, t)
	}
	if len(traces) > 0 {
		p.client.tracer.add(s.shown, traces)
	}
}

// tracing is what a broker says of the traces of a message.
type tracing struct {
	region string
	wanted bool
}

// toldBy reads a response (RocketMQ: MQClientAPIImpl.processSendResponse).
func toldBy(response *messages.Command) tracing {
	t := tracing{response.Ext.Text(messages.PropertyMsgRegion), response.Ext.Text(messages.PropertyTraceSwitch) != "false"}
	if t.region == "" {
		t.region = traceRegion
	}
	return t
}

// transacted tells that a broker was told, or not because of err, what became of the
// transaction of m; asked says that it had asked.
func (p *TransactionProducer) transacted(ctx context.Context, m *Received, addr string, d Decision, asked bool, err error) {
	c := p.producer.client
	if c.spans != nil {
		c.spans.settled(ctx, m, d, addr, err)
	}
	if !c.tracer.wants(m.Topic) {
		return
	}
	region := m.Properties[messages.PropertyMsgRegion]
	if region == "" {
		region = traceRegion
	}
	c.tracer.add(m.Topic, []messages.Trace{{
		Type: messages.TraceEndTransaction, Time: time.Now().UnixMilli(), Region: region, Group: p.o.Group, Topic: m.Topic, ID: m.ID,
		Tags: m.Tags, Keys: strings.Join(m.Keys, " "), StoreHost: addr, Kind: messages.TraceCommitted,
		TransactionID: m.ID, State: d.traced(), FromCheck: asked,
	}})
}

// traced is the decision in a trace.
func (d Decision) traced() string {
	switch d {
	case Commit:
		return messages.TraceCommit
	case Rollback:
		return messages.TraceRollback
	}
	return messages.TraceUnknown
}

// observer observes the calls of a consumer's handler; nil if nobody wants to know.
type observer func(ctx context.Context, batch []*Received) (context.Context, func(err error, took time.Duration))

// observer returns that of a consumer whose handlers should return within limit, if
// that is positive.
func (m *membership) observer(limit time.Duration) observer {
	c := m.client
	if c.spans == nil && c.tracer == nil {
		return nil
	}
	return func(ctx context.Context, batch []*Received) (context.Context, func(error, time.Duration)) {
		var span trace.Span
		if c.spans != nil {
			ctx, span = c.spans.process(ctx, m, batch)
		}
		after := m.traceBefore(batch)
		return ctx, func(err error, took time.Duration) {
			if span != nil {
				endSpan(span, err)
			}
			after(err, took, limit)
		}
	}
}

// traceBefore records that messages are about to be handled, and returns what
// records that they were.
func (m *membership) traceBefore(batch []*Received) (after func(err error, took, limit time.Duration)) {
	tracer := m.client.tracer
	before := make([]messages.Trace, 0, len(batch))
	request, region, now := "", "", time.Now().UnixMilli()
	for _, r := range batch {
		if !tracer.wants(r.Topic) || r.Properties[messages.PropertyTraceSwitch] == "false" {
			continue
		}
		if request == "" {
			request = m.client.uniq.make(time.Now())
		}
		// The messages of a batch name no region, which has Java leave them out.
		if region = r.Properties[messages.PropertyMsgRegion]; region == "" {
			region = traceRegion
		}
		before = append(before, messages.Trace{
			Type: messages.TraceSubBefore, Time: now, Region: region, Group: m.o.group, RequestID: request, ID: r.ID,
			Retries: r.Attempts, Keys: r.Properties[messages.PropertyKeys],
		})
	}
	if len(before) == 0 {
		return func(error, time.Duration, time.Duration) {}
	}
	topic := batch[0].Topic
	tracer.add(topic, before)
	return func(err error, took, limit time.Duration) {
		done := make([]messages.Trace, len(before))
		for i := range before {
			done[i] = messages.Trace{
				Type: messages.TraceSubAfter, RequestID: request, ID: before[i].ID, Cost: took.Milliseconds() / int64(len(batch)),
				Success: err == nil, Keys: before[i].Keys, Code: traceCode(err, took, limit), Time: time.Now().UnixMilli(), Group: m.o.group,
			}
		}
		tracer.add(topic, done)
	}
}

// traceCode is the outcome of a handler in a trace.
func traceCode(err error, took, limit time.Duration) int {
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		return messages.TracePanicked
	case limit > 0 && took >= limit:
		return messages.TraceTimedOut
	case err != nil:
		return messages.TraceFailed
	}
	return messages.TraceSucceeded
}

// observePoll tells of a Poll that has brought messages. They count as handled in
// message traces, as those that Java's lite pull consumer returns do.
func (p *PullConsumer) observePoll(ctx context.Context, batch []*Received, began time.Time) {
	c := p.client
	if c.spans != nil {
		c.spans.polled(ctx, p.membership, batch, trace.WithTimestamp(began))
	}
	if c.tracer != nil {
		p.traceBefore(batch)(nil, 0, 0)
	}
}
