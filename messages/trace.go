package messages

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// TraceType says at which step of a message's way a Trace was made
// (RocketMQ: TraceType).
type TraceType string

// The steps. A message that is handled has two, with the same RequestID.
const (
	TracePub            TraceType = "Pub"            // a broker has stored it
	TraceSubBefore      TraceType = "SubBefore"      // a handler is called
	TraceSubAfter       TraceType = "SubAfter"       // and has returned
	TraceEndTransaction TraceType = "EndTransaction" // a broker was told of its transaction
	TraceRecall         TraceType = "Recall"         // it was taken back
)

// TraceKind is the kind of a traced message (RocketMQ: MessageType's ordinals).
type TraceKind int

// The kinds.
const (
	TraceNormal TraceKind = iota
	TraceHalf
	TraceCommitted // in an EndTransaction, whatever the outcome
	TraceDelayed
	TraceOrdered
)

// The outcomes of handling a message, in Trace.Code (RocketMQ: ConsumeReturnType).
const (
	TraceSucceeded = iota
	TraceTimedOut
	TracePanicked
	TraceNothingReturned
	TraceFailed
)

// The states of a transaction, in Trace.State (RocketMQ: LocalTransactionState).
const (
	TraceCommit   = "COMMIT_MESSAGE"
	TraceRollback = "ROLLBACK_MESSAGE"
	TraceUnknown  = "UNKNOW"
)

// Trace is one step of one message. Which fields a type has is in the table.
//
// Clients gather traces and send them as the body of messages to the trace topic,
// whose keys are the ids and keys of the traced messages. A trace is a line of
// fields that are separated by 0x01 and ended by 0x02; times are milliseconds
// (RocketMQ: TraceDataEncoder):
//
//	Pub             Time Region Group Topic ID Tags Keys StoreHost BodyLength Cost Kind OffsetID Success
//	SubBefore       Time Region Group RequestID ID Retries Keys
//	SubAfter        RequestID ID Cost Success Keys Code Time Group
//	EndTransaction  Time Region Group Topic ID Tags Keys StoreHost Kind TransactionID State FromCheck
//	Recall          Time Region Group Topic ID Success
//
// What a message does not have is written as "null": Java's decoder drops empty
// fields at the end of a line, and fails on the missing ones. Older clients leave
// out OffsetID of Pub, or Code, Time and Group of SubAfter, and some add the
// client's address to Pub.
type Trace struct {
	Type   TraceType
	Time   int64  // since 1970
	Region string // of the broker
	Group  string
	Topic  string
	ID     string // the producer's id of the message, UNIQ_KEY
	Tags   string
	Keys   string // separated by blanks

	StoreHost  string // the broker's address
	BodyLength int
	Cost       int64 // of the send, or of the handler divided by its messages
	Kind       TraceKind
	OffsetID   string
	Success    bool

	RequestID string // of a call of a handler
	Retries   int    // how often the message was delivered before
	Code      int

	TransactionID string
	State         string
	FromCheck     bool
}

const (
	traceField = 0x01
	traceEnd   = 0x02
	traceNone  = "null"
)

// AppendTrace appends the line of a trace. It fails on an unknown type, and on
// texts that contain a separator, which no property of a message does.
func AppendTrace(dst []byte, t *Trace) ([]byte, error) {
	fields, err := t.fields()
	if err != nil {
		return dst, err
	}
	start := len(dst)
	dst = append(dst, t.Type...)
	for _, field := range fields {
		if strings.ContainsAny(field, "\x01\x02") {
			return dst[:start], fmt.Errorf("trace of %q: field %q contains a separator", t.ID, field)
		}
		dst = append(dst, traceField)
		if field == "" {
			field = traceNone
		}
		dst = append(dst, field...)
	}
	return append(dst, traceEnd), nil
}

// fields returns what follows the type, in order.
func (t *Trace) fields() ([]string, error) {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch t.Type {
	case TracePub:
		return []string{
			number(t.Time), t.Region, t.Group, t.Topic, t.ID, t.Tags, t.Keys, t.StoreHost, number(int64(t.BodyLength)),
			number(t.Cost), number(int64(t.Kind)), t.OffsetID, strconv.FormatBool(t.Success),
		}, nil
	case TraceSubBefore:
		return []string{number(t.Time), t.Region, t.Group, t.RequestID, t.ID, number(int64(t.Retries)), t.Keys}, nil
	case TraceSubAfter:
		return []string{
			t.RequestID, t.ID, number(t.Cost), strconv.FormatBool(t.Success), t.Keys, number(int64(t.Code)), number(t.Time), t.Group,
		}, nil
	case TraceEndTransaction:
		return []string{
			number(t.Time), t.Region, t.Group, t.Topic, t.ID, t.Tags, t.Keys, t.StoreHost, number(int64(t.Kind)),
			t.TransactionID, t.State, strconv.FormatBool(t.FromCheck),
		}, nil
	case TraceRecall:
		return []string{number(t.Time), t.Region, t.Group, t.Topic, t.ID, strconv.FormatBool(t.Success)}, nil
	}
	return nil, fmt.Errorf("trace of unknown type %q", t.Type)
}

// errShortTrace says that a line has too few fields.
var errShortTrace = errors.New("too few fields")

// DecodeTraces reads the body of a message of the trace topic. Lines of unknown
// types are left out, as Java leaves them out.
func DecodeTraces(body []byte) ([]Trace, error) {
	var all []Trace
	for line := range strings.SplitSeq(string(body), string(rune(traceEnd))) {
		fields := strings.Split(line, string(rune(traceField)))
		read := traceReaders[TraceType(fields[0])]
		if read == nil {
			continue
		}
		r := traceReader{fields: fields[1:]}
		t := Trace{Type: TraceType(fields[0])}
		read(&r, &t)
		if r.err != nil {
			return nil, fmt.Errorf("trace %q: %w", line, r.err)
		}
		all = append(all, t)
	}
	return all, nil
}

var traceReaders = map[TraceType]func(*traceReader, *Trace){
	TracePub: func(r *traceReader, t *Trace) {
		t.Time, t.Region, t.Group, t.Topic, t.ID = r.number(), r.text(), r.text(), r.text(), r.text()
		t.Tags, t.Keys, t.StoreHost = r.text(), r.text(), r.text()
		t.BodyLength, t.Cost, t.Kind = int(r.number()), r.number(), TraceKind(r.number())
		if len(r.fields) > 1 {
			t.OffsetID = r.text()
		}
		t.Success = r.truth()
	},
	TraceSubBefore: func(r *traceReader, t *Trace) {
		t.Time, t.Region, t.Group, t.RequestID, t.ID = r.number(), r.text(), r.text(), r.text(), r.text()
		t.Retries, t.Keys = int(r.number()), r.text()
	},
	TraceSubAfter: func(r *traceReader, t *Trace) {
		t.RequestID, t.ID, t.Cost, t.Success, t.Keys = r.text(), r.text(), r.number(), r.truth(), r.text()
		if len(r.fields) > 0 && r.fields[0] != "" {
			t.Code = int(r.number())
		}
		if len(r.fields) > 1 {
			t.Time, t.Group = r.number(), r.text()
		}
	},
	TraceEndTransaction: func(r *traceReader, t *Trace) {
		t.Time, t.Region, t.Group, t.Topic, t.ID = r.number(), r.text(), r.text(), r.text(), r.text()
		t.Tags, t.Keys, t.StoreHost, t.Kind = r.text(), r.text(), r.text(), TraceKind(r.number())
		t.TransactionID, t.State, t.FromCheck = r.text(), r.text(), r.truth()
	},
	TraceRecall: func(r *traceReader, t *Trace) {
		t.Time, t.Region, t.Group, t.Topic, t.ID, t.Success = r.number(), r.text(), r.text(), r.text(), r.text(), r.truth()
	},
}

// traceReader takes one field after the other, and keeps the first error.
type traceReader struct {
	fields []string
	err    error
}

func (r *traceReader) next() string {
	if len(r.fields) == 0 {
		if r.err == nil {
			r.err = errShortTrace
		}
		return ""
	}
	field := r.fields[0]
	r.fields = r.fields[1:]
	return field
}

func (r *traceReader) text() string {
	if field := r.next(); field != traceNone {
		return field
	}
	return ""
}

func (r *traceReader) truth() bool { return strings.EqualFold(r.next(), "true") }

// number reads an int32 or int64 of Java's; nothing that is written is larger.
func (r *traceReader) number() int64 {
	n, err := strconv.ParseInt(r.next(), 10, 64)
	if err != nil && r.err == nil {
		r.err = err
	}
	return n
}
