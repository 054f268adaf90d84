package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
)

// tailSize is the number of bytes of the trace that are kept for a failure.
const tailSize = 24 << 10

// trace writes what happens as lines, keeps their tail and sums them all up.
type trace struct {
	world *World
	sum   hash.Hash
	out   io.Writer
	kept  []byte // the tail, and at most as much before it
	buf   []byte // the line under way
}

func newTrace(w *World, out io.Writer) *trace {
	return &trace{world: w, sum: sha256.New(), out: out}
}

// line writes one line: when, where, who or what, and details.
func (t *trace) line(where, who, details string) {
	b := t.begin(where, who)
	t.end(append(b, details...))
}

func (t *trace) begin(where, who string) []byte {
	micros := t.world.now / 1000
	b := strconv.AppendInt(t.buf[:0], micros/1e6, 10)
	b = append(b, '.')
	for pad := int64(100_000); pad > 1 && micros%1e6 < pad; pad /= 10 {
		b = append(b, '0')
	}
	b = strconv.AppendInt(b, micros%1e6, 10)
	b = column(append(b, ' '), where, whereWidth)
	return column(append(b, ' '), who, whoWidth)
}

// The columns of a trace are this wide, or as wide as what is longer needs.
const (
	whereWidth = 8
	whoWidth   = 36
)

const blanks = "                                    "

func column(b []byte, text string, width int) []byte {
	b = append(append(b, text...), ' ')
	return append(b, blanks[:max(0, width-len(text))]...)
}

func (t *trace) end(b []byte) {
	b = append(b, '\n')
	t.buf = b
	t.sum.Write(b)
	if t.out != nil {
		t.out.Write(b)
	}
	if len(t.kept)+len(b) > 2*tailSize {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailSize:]...)
	}
	t.kept = append(t.kept, b...)
}

func (t *trace) tail() string {
	b := t.kept
	if len(b) > tailSize {
		b = b[len(b)-tailSize:]
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	return string(b)
}

func (t *trace) digest() string { return hex.EncodeToString(t.sum.Sum(nil)) }

// delivery is the line of a message that an actor is given.
func (t *trace) delivery(p *process, actorID string, message any) {
	b := t.begin(p.host.name, actorID)
	b = append(b, strings.TrimPrefix(reflect.TypeOf(message).String(), "*")...)
	switch m := message.(type) {
	case *messages.Requests:
		for _, c := range m.Commands {
			b = strconv.AppendInt(append(b, " code="...), int64(c.Code), 10)
		}
	case *messages.Append:
		b = strconv.AppendInt(append(b, " records="...), int64(len(m.Records)), 10)
		b = strconv.AppendInt(append(b, " end="...), m.End, 10)
	case *messages.Outgoing:
		size := 0
		for _, buffer := range m.Buffers {
			size += len(buffer)
		}
		b = strconv.AppendInt(append(b, " bytes="...), int64(size), 10)
	}
	t.end(b)
}

// observe is the receiver middleware of every actor of p.
func (p *process) observe(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
		if _, quiet := envelope.Message.(mailbox.Drained); !quiet {
			p.host.world.trace.delivery(p, c.Self().Id, envelope.Message)
		}
		p.running = c.Self().Id
		defer func() {
			p.running = ""
			// recover returns nil for runtime.Goexit: a test's FailNow goes on.
			if reason := recover(); reason != nil {
				p.panicked(c.Self().Id, reason, string(debug.Stack()))
				panic(reason) // the supervisor's
			}
		}()
		next(c, envelope)
	}
}

func (p *process) panicked(who string, reason any, stack string) {
	w := p.host.world
	if w.opts.AllowPanics {
		w.trace.line(p.host.name, who, fmt.Sprintf("panic: %v", reason))
		return
	}
	w.fail(p.host.name+" "+who, reason, stack)
}

// logLines writes the actors' log records to the trace. A record with a stack is
// a panic that somebody recovered from; it fails the world like any other.
type logLines struct{ of *process }

func (l logLines) Write(line []byte) (int, error) {
	if !l.of.alive {
		return len(line), nil
	}
	record := bytes.TrimSpace(line)
	if bytes.Contains(record, []byte(`"stack":`)) {
		var panicked struct {
			Message, Stack string
			Reason         any
		}
		if json.Unmarshal(record, &panicked) == nil && panicked.Stack != "" {
			l.of.panicked("log", fmt.Sprintf("%s: %v", panicked.Message, panicked.Reason), panicked.Stack)
			return len(line), nil
		}
	}
	l.of.host.world.trace.line(l.of.host.name, "log", string(record))
	return len(line), nil
}

// libraryLog passes on what protoactor warns of. Its attributes may hold
// addresses of memory, which differ between runs.
type libraryLog struct{ of *process }

func (libraryLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l libraryLog) Handle(_ context.Context, r slog.Record) error {
	l.of.host.world.trace.line(l.of.host.name, "log", r.Message)
	return nil
}

func (l libraryLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l libraryLog) WithGroup(string) slog.Handler      { return l }
