package ha

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport"
)

// maxWrite bounds the bytes of log that one write sends, in as many frames as it
// takes. It is what a slave that catches up costs in memory, and little enough to be in
// the processor's cache still when it is written to the socket.
const maxWrite = 256 << 10

// keepBuffer bounds the buffer that a Writer keeps while it has nothing to send.
const keepBuffer = 64 << 10

// writerTick is the time between two looks at the clock, at most.
const writerTick = time.Second

func clampBody(n int) int { return min(max(n, 1), messages.MaxHABody) }

// writer is the Writer of an HAConnection: it owns the connection's writing side
// and sends the log from where the slave is, as it grows. It may block in a write.
type writer struct {
	*Options
	conn    transport.Conn
	replica *Replica

	next   int64 // offset to send next, unreported before the slave's first report
	failed bool  // the connection is over

	body    []byte // of the log, as one write sends it
	headers []byte // of its frames
	out     [][]byte

	written int64 // Unix milliseconds of the last write
	tick    env.Timer
	ticked  int64 // Unix milliseconds of the last tick
	sent    int64 // bytes since then

	window int64     // Unix milliseconds at which a second of the rate limit began
	spent  int64     // bytes in it
	resume env.Timer // set while nothing is to be sent: it lingers, or the limit is reached
}

type (
	begin struct{ reported int64 }
	grown struct{} // from CommitLog, once after idle was set
	more  struct{} // from itself
	beat  struct{}
	again struct{}
)

func (w *writer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		w.ticked = w.Env.Millis()
		w.written = w.ticked
		w.tick = w.Env.Tell(ctx.Self(), w.period(), &beat{})
	case *begin:
		w.begin(ctx, m.reported)
	case *grown:
		if w.Linger > 0 && w.resume == nil {
			w.resume = w.Env.Tell(ctx.Self(), w.Linger, &again{})
			return
		}
		w.push(ctx)
	case *more:
		w.push(ctx)
	case *again:
		w.resume = nil
		w.push(ctx)
	case *beat:
		w.beat(ctx)
	case *actor.Stopping:
		w.tick.Stop()
		if w.resume != nil {
			w.resume.Stop()
		}
	}
}

func (w *writer) period() time.Duration { return min(max(w.Heartbeat/5, time.Millisecond), writerTick) }

// begin starts where the slave is. An empty one gets the last segment only: what
// is older is not copied (RocketMQ: DefaultHAConnection.WriteSocketService).
func (w *writer) begin(ctx actor.Context, reported int64) {
	w.next = reported
	if end := w.Log.MaxOffset(); reported == 0 {
		w.next = max(end-end%w.Log.SegmentSize(), w.Log.MinOffset())
	}
	w.replica.next.Store(w.next)
	w.Env.Log.Info().Stringer("slave", w.replica.Addr).Int64("reported", reported).Int64("from", w.next).Msg("sending the log to a slave")
	w.push(ctx)
}

// push sends one write's worth of the log and comes back for more, if there is
// any; between two writes the actor takes other messages.
func (w *writer) push(ctx actor.Context) {
	if w.failed || w.next == unreported || w.resume != nil {
		return
	}
	if w.next >= w.Log.MaxOffset() {
		w.replica.idle.Store(true)
		// The log may have grown before CommitLog could see that.
		if w.next >= w.Log.MaxOffset() || !w.replica.idle.CompareAndSwap(true, false) {
			return
		}
	}
	n := w.allowed(ctx)
	if n == 0 {
		return
	}
	if err := w.send(n); err != nil {
		w.failed = true
		ctx.Send(ctx.Parent(), &giveUp{err: err})
		return
	}
	ctx.Send(ctx.Self(), &more{})
}

// allowed returns how many bytes the next write may send: not beyond the end of a
// segment, which no frame crosses, nor of the log. If the rate limit leaves none
// it returns 0, and push goes on when it does.
func (w *writer) allowed(ctx actor.Context) int {
	segment := w.Log.SegmentSize() - w.next%w.Log.SegmentSize()
	n := min(w.Log.MaxOffset()-w.next, segment, maxWrite)
	if w.Rate <= 0 {
		return int(n)
	}
	now := w.Env.Millis()
	if passed := now - w.window; passed >= 1000 || passed < 0 {
		w.window, w.spent = now, 0
	}
	if left := w.Rate - w.spent; left > 0 {
		return int(min(n, left))
	}
	w.resume = w.Env.Tell(ctx.Self(), time.Duration(w.window+1000-now)*time.Millisecond, &again{})
	return 0
}

// send reads n bytes and writes them as frames, with one call each. It fails if
// they cannot be read.
func (w *writer) send(n int) error {
	if cap(w.body) < n {
		w.body = make([]byte, n)
	}
	body := w.body[:n]
	if err := w.Log.ReadAt(body, w.next); err != nil {
		return fmt.Errorf("ha: read %d bytes at %d, the log is [%d, %d): %w", n, w.next, w.Log.MinOffset(), w.Log.MaxOffset(), err)
	}
	frames := (n + w.FrameBody - 1) / w.FrameBody
	if need := frames * messages.HAHeaderSize; cap(w.headers) < need {
		w.headers = make([]byte, 0, need)
	}
	w.headers = w.headers[:0]
	for at := 0; at < n; at += w.FrameBody {
		size := min(w.FrameBody, n-at)
		from := len(w.headers)
		w.headers = messages.HAHeader{Offset: w.next + int64(at), Size: size}.Append(w.headers)
		w.out = append(w.out, w.headers[from:], body[at:at+size])
	}
	w.next += int64(n)
	w.spent += int64(n)
	w.sent += int64(n)
	w.replica.next.Store(w.next) // before the slave can acknowledge it
	w.write()
	return nil
}

// write sends what is in out. If it fails, the connection is closed, of which the
// HAConnection hears from the reader.
func (w *writer) write() {
	w.failed = w.conn.Write(w.out) != nil
	clear(w.out)
	w.out = w.out[:0]
	w.written = w.Env.Millis()
}

// beat sends a heartbeat if nothing else was sent for long enough.
func (w *writer) beat(ctx actor.Context) {
	now := w.Env.Millis()
	if passed := now - w.ticked; passed > 0 {
		w.replica.rate.Store(w.sent * 1000 / passed)
	}
	w.ticked, w.sent = now, 0
	if w.replica.idle.Load() && cap(w.body) > keepBuffer {
		w.body = nil
	}
	if !w.failed && w.next != unreported && now-w.written >= w.Heartbeat.Milliseconds() {
		w.headers = messages.HAHeader{Offset: w.next}.Append(w.headers[:0])
		w.out = append(w.out, w.headers)
		w.write()
	}
	w.tick = w.Env.Tell(ctx.Self(), w.period(), &beat{})
}
