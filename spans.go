package actormq

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Spans has a client make OpenTelemetry spans, by the semantic conventions for
// messaging: "send <topic>" of kind producer for each send with all its attempts,
// "process <topic>" of kind consumer for each call of a handler, "poll <topic>" of
// kind client for each Poll that brings messages, "commit <topic>" or
// "rollback <topic>" of kind client for the end of a transaction.
//
// Messages carry the context of the span that sent them in their properties
// (traceparent), where other clients find it. A handler's context has its span, which
// is a child of the one that sent the message; a call with several messages links to
// theirs. Where there is no handler, Propagator.Extract(ctx,
// propagation.MapCarrier(received.Properties)) is the context that a message carries.
type Spans struct {
	// Provider makes the spans. It must be set.
	Provider trace.TracerProvider
	// Propagator writes and reads the context in messages; nil means W3C's trace
	// context.
	Propagator propagation.TextMapPropagator
}

// spansName is the name of the instrumentation.
const spansName = "github.com/actormq/actormq"

// Attributes of the semantic conventions for messaging, version 1.27.
const (
	attrSystem        = attribute.Key("messaging.system")
	attrOperation     = attribute.Key("messaging.operation.name")
	attrOperationType = attribute.Key("messaging.operation.type")
	attrDestination   = attribute.Key("messaging.destination.name")
	attrPartition     = attribute.Key("messaging.destination.partition.id")
	attrClient        = attribute.Key("messaging.client.id")
	attrGroup         = attribute.Key("messaging.consumer.group.name")
	attrMessageID     = attribute.Key("messaging.message.id")
	attrBodySize      = attribute.Key("messaging.message.body.size")
	attrBatchCount    = attribute.Key("messaging.batch.message_count")
	attrNamespace     = attribute.Key("messaging.rocketmq.namespace")
	attrTag           = attribute.Key("messaging.rocketmq.message.tag")
	attrKeys          = attribute.Key("messaging.rocketmq.message.keys")
	attrMessageGroup  = attribute.Key("messaging.rocketmq.message.group")
	attrMessageType   = attribute.Key("messaging.rocketmq.message.type")
	attrDelayLevel    = attribute.Key("messaging.rocketmq.message.delay_time_level")
	attrModel         = attribute.Key("messaging.rocketmq.consumption_model")
	attrServer        = attribute.Key("server.address")
	attrPort          = attribute.Key("server.port")
	attrError         = attribute.Key("error.type")
)

// spans makes the spans of a client.
type spans struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	common     []attribute.KeyValue // of the client
}

func newSpans(o *Spans, client, namespace string) (*spans, error) {
	if o.Provider == nil {
		return nil, errors.New("actormq: Options.Spans without a Provider")
	}
	s := &spans{tracer: o.Provider.Tracer(spansName), propagator: o.Propagator}
	if s.propagator == nil {
		s.propagator = propagation.TraceContext{}
	}
	s.common = []attribute.KeyValue{attrSystem.String("rocketmq"), attrClient.String(client)}
	if namespace != "" {
		s.common = append(s.common, attrNamespace.String(namespace))
	}
	return s, nil
}

// start starts a span of an operation on a topic.
func (s *spans) start(ctx context.Context, name, kind, topic string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	o = append(o, trace.WithAttributes(s.common...), trace.WithAttributes(
		attrOperation.String(name), attrOperationType.String(kind), attrDestination.String(topic)))
	return s.tracer.Start(ctx, name+" "+topic, o...)
}

// send starts the span of a message and returns what that is to carry.
func (s *spans) send(ctx context.Context, m *Message, o *observed) (trace.Span, []property) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = s.propagator.Extract(ctx, propagation.MapCarrier(m.Properties))
	}
	kind := "normal"
	switch {
	case o.kind != 0 && m.delays() == 0:
		kind = "transaction"
	case m.delays() > 0:
		kind = "delay"
	case m.OrderKey != "":
		kind = "fifo"
	}
	attributes := []attribute.KeyValue{attrMessageID.String(o.id), attrBodySize.Int(o.body), attrMessageType.String(kind)}
	if m.Tags != "" {
		attributes = append(attributes, attrTag.String(m.Tags))
	}
	if len(m.Keys) > 0 {
		attributes = append(attributes, attrKeys.StringSlice(m.Keys))
	}
	if m.OrderKey != "" {
		attributes = append(attributes, attrMessageGroup.String(m.OrderKey))
	}
	if m.DelayLevel > 0 {
		attributes = append(attributes, attrDelayLevel.Int(m.DelayLevel))
	}
	ctx, span := s.start(ctx, "send", "send", m.Topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attributes...))
	return span, s.carry(ctx)
}

// sendBatch starts the span of a batch.
func (s *spans) sendBatch(ctx context.Context, topic string, n int) (trace.Span, []property) {
	ctx, span := s.start(ctx, "send", "send", topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attrBatchCount.Int(n)))
	return span, s.carry(ctx)
}

// carry returns the properties that carry the context.
func (s *spans) carry(ctx context.Context) []property {
	carrier := propagation.MapCarrier{}
	s.propagator.Inject(ctx, carrier)
	var all []property
	for name, value := range carrier {
		if name != "" && value != "" && !strings.ContainsAny(name+value, separators) {
			all = append(all, property{name, value})
		}
	}
	slices.SortFunc(all, func(a, b property) int { return strings.Compare(a.name, b.name) })
	return all
}

// sent ends the span of a message, whose last attempt went to addr.
func (s *spans) sent(o *observed, addr string, sent Sent, err error) {
	if err == nil {
		o.span.SetAttributes(attrPartition.String(sent.Queue.Broker + "/" + strconv.Itoa(sent.Queue.ID)))
		if sent.Status != SendOK {
			o.span.AddEvent(sent.Status.String())
		}
	}
	o.span.SetAttributes(serverOf(addr)...)
	endSpan(o.span, err)
}

func serverOf(addr string) []attribute.KeyValue {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return []attribute.KeyValue{attrServer.String(host), attrPort.Int(port)}
}

// endSpan ends a span.
func endSpan(span trace.Span, err error) {
	if err != nil {
		cause := causeNames[causeOf(err)]
		var refused *Error
		if errors.As(err, &refused) {
			cause = strconv.Itoa(refused.Code)
		}
		span.SetAttributes(attrError.String(cause))
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// process starts the span of a call of a handler.
func (s *spans) process(ctx context.Context, m *membership, batch []*Received) (context.Context, trace.Span) {
	return s.receive(ctx, "process", "process", m, batch, trace.WithSpanKind(trace.SpanKindConsumer))
}

// polled makes the span of a Poll that has brought messages.
func (s *spans) polled(ctx context.Context, m *membership, batch []*Received, o ...trace.SpanStartOption) {
	_, span := s.receive(ctx, "poll", "receive", m, batch, append(o, trace.WithSpanKind(trace.SpanKindClient))...)
	span.End()
}

// receive starts a span about messages of one queue. Handling one message goes on
// with the trace that it carries; anything else links to those that the messages do.
func (s *spans) receive(ctx context.Context, name, kind string, m *membership, batch []*Received, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	first := batch[0]
	model := "clustering"
	if m.o.broadcasting {
		model = "broadcasting"
	}
	attributes := []attribute.KeyValue{
		attrGroup.String(m.o.group), attrModel.String(model),
		attrPartition.String(first.Queue.Broker + "/" + strconv.Itoa(first.Queue.ID)),
	}
	if len(batch) == 1 {
		attributes = append(attributes, attrMessageID.String(first.ID), attrBodySize.Int(len(first.Body)))
		if first.Tags != "" {
			attributes = append(attributes, attrTag.String(first.Tags))
		}
		if len(first.Keys) > 0 {
			attributes = append(attributes, attrKeys.StringSlice(first.Keys))
		}
	} else {
		attributes = append(attributes, attrBatchCount.Int(len(batch)))
	}
	if len(batch) == 1 && kind == "process" {
		ctx = s.propagator.Extract(ctx, propagation.MapCarrier(first.Properties))
	} else {
		o = append(o, trace.WithLinks(s.links(batch)...))
	}
	return s.start(ctx, name, kind, first.Topic, append(o, trace.WithAttributes(attributes...))...)
}

// links returns links to the spans that sent messages.
func (s *spans) links(batch []*Received) []trace.Link {
	var links []trace.Link
	for _, r := range batch {
		sent := trace.SpanContextFromContext(s.propagator.Extract(context.Background(), propagation.MapCarrier(r.Properties)))
		if sent.IsValid() {
			links = append(links, trace.Link{SpanContext: sent, Attributes: []attribute.KeyValue{attrMessageID.String(r.ID)}})
		}
	}
	return links
}

// settled makes the span of the end of a transaction. One that a broker asked about
// goes on with the trace that the half carries.
func (s *spans) settled(ctx context.Context, m *Received, d Decision, addr string, err error) {
	name := "commit"
	switch d {
	case Unknown:
		return // nothing is settled
	case Rollback:
		name = "rollback"
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = s.propagator.Extract(ctx, propagation.MapCarrier(m.Properties))
	}
	_, span := s.start(ctx, name, "settle", m.Topic, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attrMessageID.String(m.ID)), trace.WithAttributes(serverOf(addr)...))
	endSpan(span, err)
}
