package timer

import (
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/timer"
)

// Options configures Timer.
type Options struct {
	Env       *env.Env
	Store     *storage.Store
	CommitLog *actor.PID
	Topics    *topics.View
	// Visible tells whether the record at a physical offset is visible to consumers.
	Visible  func(phys int64) bool
	Root     string // storePathRootDir
	Rules    messages.TimerRules
	FileSize int64 // mappedFileSizeTimerLog
	Span     int64 // steps of the wheel
	// Window is how many steps ahead a message may be in its slot, at most Span less 60
	// (timerRollWindowSlot).
	Window    int64
	SaveEvery time.Duration // timerFlushIntervalMs
	// Slave has nothing delivered: the master does that, and Replace tells how far.
	Slave bool

	Recall     bool // recallMessageEnable
	TopicKeys  bool // appendTopicForTimerDeleteKey
	Broker     string
	Region     string
	StoreHost  netip.AddrPort
	Permission func() int32 // brokerPermission
}

// retryAfter is the pause after the disk or the log has refused something.
const retryAfter = 500 * time.Millisecond

// Props returns the props of Timer. It reads and writes files, which may block. A
// restart goes on from what is in them.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &timers{Options: o} })
}

// Replace gives a slave the checkpoint of its master (RocketMQ: SlaveSynchronize).
type Replace struct{ Checkpoint timer.Checkpoint }

type timers struct {
	Options
	self     *actor.PID
	handlers front.Handlers

	files  *timer.Store // nil at a slave
	master timer.Checkpoint
	read   int64 // slots before that time are delivered
	offset int64 // of the message in the queue that is taken up next
	before leavings
	// recalls are what was recalled of what was due when the broker started, and not
	// taken up yet.
	recalls map[string]struct{}
	taken   *taking // an Append of what came too late to wait; nil if there is none
	slot    *slot   // that is being delivered, or nil
	reaches reaches
	counts  counts

	wake    env.Timer // for the next slot, or another try
	retry   env.Timer // of late messages
	resend  env.Timer // of the slot's
	saving  env.Timer // until the next save; nil if nothing has changed
	broken  bool      // a save has failed, and there will be no other
	version messages.DataVersion
	buffer  []byte
}

type (
	run  struct{}
	save struct{}
)

func (t *timers) routes() front.Handlers {
	return front.Handlers{
		messages.CodeGetTimerCheckPoint: t.checkpoint,
		messages.CodeGetTimerMetrics:    t.metrics,
		messages.CodeRecallMessage:      t.recall,
	}
}

// Codes lists the request codes that Timer answers.
func Codes() []messages.RequestCode { return (*timers)(nil).routes().Codes() }

func (t *timers) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		t.start(ctx)
	case *messages.Arrived:
		t.run()
	case *run:
		t.wake = nil
		t.run()
	case *messages.Append:
		t.appended(m)
	case *late:
		if m.taking == t.taken {
			t.sendLate(m.taking)
		}
	case *hand:
		if m.slot == t.slot {
			t.handOver(m.slot)
		}
	case *Reach:
		t.reach(m)
	case *look:
		t.reaches.look = nil
		t.tell()
	case *messages.LogShrunk:
		t.expire(m.Min)
	case *messages.Requests:
		t.handlers.Serve(t.Env, m)
	case *Replace:
		t.replace(&m.Checkpoint)
	case *save:
		t.saving = nil
		t.save()
	case *actor.Stopping, *actor.Restarting:
		t.stop()
	}
}

func (t *timers) start(ctx actor.Context) {
	t.self, t.handlers, t.reaches.last = ctx.Self(), t.routes(), -1
	t.Window = min(t.Window, t.Span-blankSlots)
	t.counts.load(t.Env, t.metricsFile())
	if t.Slave {
		var err error
		if t.master, err = timer.LoadCheckpoint(t.Env.FS, t.checkpointFile()); err != nil {
			panic(err) // the master's would be overwritten by nothing
		}
		if err := timer.Remove(t.Env.FS, t.Root); err != nil { // of the time when it was a master
			panic(err)
		}
		return
	}
	t.open()
	t.run()
}

// blankSlots is how far the window stays behind the wheel's span (RocketMQ:
// TimerMessageStore.TIMER_BLANK_SLOTS).
const blankSlots = 60

// step returns the begin of the step that a time is in.
func (t *timers) step(millis int64) int64 { return millis / t.Rules.Precision * t.Rules.Precision }

// run takes up what is in the queue, and delivers what is due.
func (t *timers) run() {
	if t.files == nil {
		return
	}
	now := t.step(t.Env.Millis())
	switch {
	case t.files.Wheel.Empty() && t.slot == nil:
		t.read = now
	case now < t.read && t.slot == nil: // the clock was set back: better twice than never
		t.read = now
	}
	// The recalls of what is due should be known first. But after a long sleep the slots
	// that are ahead are those that are yet to be delivered.
	if now-t.read < t.Span*t.Rules.Precision {
		t.take(now)
	}
	t.deliver(now)
	t.tell()
	if t.wake == nil && t.slot == nil && (!t.files.Wheel.Empty() || len(t.reaches.waiting) > 0) {
		t.again(time.Duration(now+t.Rules.Precision-t.Env.Millis()) * time.Millisecond)
	}
}

// again has run called after a pause.
func (t *timers) again(after time.Duration) {
	if t.wake != nil {
		t.wake.Stop()
	}
	t.wake = t.Env.Tell(t.self, after, &run{})
}

// appended takes an Append that the log is done with, or has refused.
func (t *timers) appended(a *messages.Append) {
	t.delivered(a)
	switch token := a.Token.(type) {
	case *taking:
		t.tookLate(a, token)
	case *slot:
		t.gave(a, token)
	case recalling:
		t.recalled(a, token)
	}
	a.Release()
}

func (t *timers) stop() {
	for _, timer := range []env.Timer{t.wake, t.retry, t.resend, t.saving, t.reaches.look} {
		if timer != nil {
			timer.Stop()
		}
	}
	if t.files == nil {
		return
	}
	t.save()
	t.files.Close()
	t.files = nil
}
