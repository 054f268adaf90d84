// Package delay delivers the messages of the 18 delay levels
// (RocketMQ: ScheduleMessageService).
//
// A delayed message waits in topic SCHEDULE_TOPIC_XXXX, in the queue of its
// level, whose ConsumeQueue units carry the time of delivery instead of a tags
// code. All messages of a level wait equally long, so that each queue is in the
// order of delivery, and one timer per level suffices. When it is time the
// message is appended again, to the topic and queue that its properties name.
//
// How far each level was delivered is saved to config/delayOffset.json. What was
// delivered after the last save is delivered again after a crash: at least once,
// and never early.
package delay

import (
	"maps"
	"path"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/fastjson"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/jsonfile"
)

// Options configures Delay.
type Options struct {
	Env       *env.Env
	Store     *storage.Store
	CommitLog *actor.PID
	Levels    messages.DelayLevels
	Dir       string        // of the JSON files
	SaveEvery time.Duration // flushDelayOffsetInterval
	// Slave has nothing delivered: the master does that, and Replace tells how far.
	Slave bool
}

// batch bounds the messages that one level delivers at a time, and with that
// the memory that they take.
const batch = 64

// retryAfter is the pause after a delivery that the log refused.
const retryAfter = time.Second

// Props returns the props of Delay. A restart goes on from the saved offsets.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &delay{Options: o} })
}

// level is the state of one delay level.
type level struct {
	number     int   // 1..18
	offset     int64 // of the next unit to deliver
	delivering bool  // an Append is under way; offset moves when it is decided
	timer      env.Timer
}

type delay struct {
	Options
	self     *actor.PID
	handlers front.Handlers
	levels   []*level // levels[i] is level i+1
	version  messages.DataVersion
	dirty    bool
	tick     env.Timer
	buffer   []byte
}

type (
	due  struct{ level *level }
	save struct{}
)

// delivery is the Token of an Append.
type delivery struct {
	level *level
	next  int64 // the level's offset once the Append is stored
}

func (d *delay) routes() front.Handlers {
	return front.Handlers{messages.CodeGetAllDelayOffset: d.all}
}

// Codes lists the request codes that Delay answers.
func Codes() []messages.RequestCode { return (*delay)(nil).routes().Codes() }

func (d *delay) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		d.start(ctx)
	case *messages.Arrived:
		for i := range m.Arrivals {
			if a := &m.Arrivals[i]; a.Topic == messages.TopicSchedule && int(a.QueueID) < len(d.levels) {
				d.deliver(d.levels[a.QueueID])
			}
		}
	case *due:
		m.level.timer = nil
		d.deliver(m.level)
	case *messages.Append:
		d.delivered(m)
	case *Replace:
		d.replace(m)
	case *messages.Requests:
		d.handlers.Serve(d.Env, m)
	case *save:
		d.save()
		d.tick = d.Env.Tell(ctx.Self(), d.SaveEvery, &save{})
	case *actor.Stopping, *actor.Restarting:
		d.stop()
	}
}

// offsetsFile is config/delayOffset.json.
type offsetsFile struct {
	DataVersion messages.DataVersion `json:"dataVersion"`
	OffsetTable map[string]int64     `json:"offsetTable"` // by level
}

// Replace gives a slave the delay offsets of its master, in the form of
// delayOffset.json (RocketMQ: SlaveSynchronize).
type Replace struct{ JSON []byte }

func (d *delay) replace(m *Replace) {
	var master offsetsFile
	if err := fastjson.Unmarshal(m.JSON, &master); err != nil {
		d.Env.Log.Error().Err(err).Msg("the master's delay offsets cannot be read")
		return
	}
	if !d.Slave || maps.Equal(master.OffsetTable, d.offsets().OffsetTable) {
		return
	}
	for _, l := range d.levels {
		l.offset = master.OffsetTable[strconv.Itoa(l.number)]
	}
	if err := jsonfile.Save(d.Env.FS, d.file(), &master); err != nil {
		d.Env.Log.Error().Err(err).Msg("the delay offsets could not be saved; the next ones are tried again")
		return
	}
	d.version = master.DataVersion
}

func (d *delay) start(ctx actor.Context) {
	d.self, d.handlers = ctx.Self(), d.routes()
	d.tick = d.Env.Tell(d.self, d.SaveEvery, &save{})
	var saved offsetsFile
	if err := jsonfile.Load(d.Env.FS, d.file(), &saved); err != nil {
		panic(err) // delivering from 0 would repeat everything
	}
	d.version = saved.DataVersion
	for n := 1; n <= d.Levels.Max(); n++ {
		l := &level{number: n, offset: saved.OffsetTable[strconv.Itoa(n)]}
		d.levels = append(d.levels, l)
		if !d.Slave {
			d.deliver(l)
		}
	}
}

// deliver appends what is due of a level and waits for the rest.
func (d *delay) deliver(l *level) {
	if l.delivering {
		return
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	queue, err := d.Store.Queues.Load(messages.TopicSchedule, int32(l.number-1))
	if err != nil {
		d.unreadable(l, err)
		return
	}
	if queue == nil {
		return // an arrival will come
	}
	d.correct(l, queue)
	var units [batch]consumequeue.Unit
	n, err := queue.Read(l.offset, units[:])
	if err != nil {
		d.unreadable(l, err)
		return
	}
	now := d.Env.Millis()
	ripe := 0
	for ripe < n && d.time(l, units[ripe].TagsCode, now) <= now {
		ripe++
	}
	switch {
	case ripe > 0:
		d.append(l, units[:ripe])
	case n > 0:
		d.wait(l, time.Duration(d.time(l, units[0].TagsCode, now)-now)*time.Millisecond)
	}
}

func (d *delay) unreadable(l *level, err error) {
	d.Env.Log.Error().Err(err).Int("level", l.number).Int64("offset", l.offset).Msg("a delay queue could not be read; it is tried again")
	d.wait(l, retryAfter)
}

// correct moves an offset that its queue does not have into the queue.
func (d *delay) correct(l *level, queue *consumequeue.Queue) {
	if minOffset := queue.MinOffset(); l.offset < minOffset {
		d.Env.Log.Warn().Int("level", l.number).Int64("from", l.offset).Int64("to", minOffset).Msg("delayed messages expired before their delivery")
		l.offset = minOffset
	}
	if maxOffset := queue.MaxOffset(); l.offset > maxOffset {
		d.Env.Log.Warn().Int("level", l.number).Int64("from", l.offset).Int64("to", maxOffset).Msg("the delay offset lies beyond its queue")
		l.offset = maxOffset
	}
}

// time is when a unit is due. A time further away than the level's delay can
// only come from a clock that was set back, or from other level settings: it is
// due at once.
func (d *delay) time(l *level, deliver, now int64) int64 {
	if deliver > now+d.Levels.Millis(l.number) {
		return now
	}
	return deliver
}

func (d *delay) wait(l *level, after time.Duration) {
	l.timer = d.Env.Tell(d.self, after, &due{l})
}

// append appends the messages of units to their real topics.
func (d *delay) append(l *level, units []consumequeue.Unit) {
	size := 0
	for _, u := range units {
		size += int(u.Size)
	}
	a := messages.NewAppend(size)
	read := 0
	var err error
	for read < len(units) && err == nil {
		if err = d.add(a, units[read]); err == nil {
			read++
		}
	}
	if len(a.Records) == 0 {
		a.Release()
		l.offset += int64(read)
		d.dirty = d.dirty || read > 0
		pause := time.Duration(0)
		if err != nil {
			d.Env.Log.Error().Err(err).Int("level", l.number).Msg("a delayed message could not be read; it is tried again")
			pause = retryAfter
		}
		d.wait(l, pause)
		return
	}
	a.ReplyTo, a.Token = d.self, delivery{level: l, next: l.offset + int64(read)}
	l.delivering = true
	d.Env.Send(d.CommitLog, a)
}

// add adds the message of one unit to a. It fails if the disk does; a message that
// is gone or damaged is passed over, for the rest of the level must not wait for it.
func (d *delay) add(a *messages.Append, u consumequeue.Unit) error {
	raw, err := d.Store.Log.Record(u.Phys, d.buffer[:0])
	if storage.Lost(err) {
		d.Env.Log.Error().Err(err).Int64("phys", u.Phys).Msg("a delayed message is lost and is skipped")
		return nil
	}
	if err != nil {
		return err
	}
	d.buffer = raw
	var r record.Record
	if _, err := record.Decode(raw, &r); err != nil {
		d.Env.Log.Error().Err(err).Int64("phys", u.Phys).Msg("a delayed message could not be decoded and is skipped")
		return nil
	}
	topic := string(messages.FindProperty(r.Properties, messages.PropertyRealTopic))
	queueID, err := strconv.ParseInt(string(messages.FindProperty(r.Properties, messages.PropertyRealQueueID)), 10, 32)
	if topic == "" || err != nil {
		d.Env.Log.Error().Int64("phys", u.Phys).Msg("a delayed message does not name its topic and queue and is skipped")
		return nil
	}
	r.QueueID = int32(queueID)
	first := len(a.Records)
	commitlog.Add(a, &r, topic, 0)
	a.Sends = append(a.Sends, messages.Send{First: first, Count: 1})
	return nil
}

// delivered moves the level on, or tries again if the log refused.
func (d *delay) delivered(a *messages.Append) {
	done := a.Token.(delivery)
	l := done.level
	l.delivering = false
	refused := messages.Success
	for _, s := range a.Sends {
		if s.Code != messages.Success {
			refused = s.Code
		}
	}
	a.Release()
	if refused != messages.Success {
		d.Env.Log.Warn().Int("level", l.number).Int32("code", int32(refused)).Msg("the log refused delayed messages; they are tried again")
		d.wait(l, retryAfter)
		return
	}
	l.offset = done.next
	d.dirty = true
	d.deliver(l)
}

func (d *delay) file() string { return path.Join(d.Dir, "delayOffset.json") }

func (d *delay) offsets() *offsetsFile {
	f := &offsetsFile{DataVersion: d.version, OffsetTable: make(map[string]int64)}
	for _, l := range d.levels {
		if l.offset > 0 {
			f.OffsetTable[strconv.Itoa(l.number)] = l.offset
		}
	}
	return f
}

// save keeps how far the levels are. The log comes first: a power loss that took a
// delivery, but left the offset behind it, would lose the message.
func (d *delay) save() {
	if !d.dirty {
		return
	}
	if _, err := d.Store.Log.Sync(); err != nil {
		d.Env.Log.Error().Err(err).Msg("the delay offsets are not saved: the log could not be synced")
		return
	}
	d.version.Next(d.Env.Millis())
	if err := jsonfile.Save(d.Env.FS, d.file(), d.offsets()); err != nil {
		d.Env.Log.Error().Err(err).Msg("the delay offsets could not be saved; the next tick tries again")
		return
	}
	d.dirty = false
}

// all hands the offsets to a slave (RocketMQ: SlaveSynchronize).
func (d *delay) all(r *front.Request) (*messages.Command, error) {
	body, err := jsonfile.Encode(d.offsets())
	if err != nil {
		return nil, err
	}
	response := r.Response(messages.Success, "")
	response.Body = body
	return response, nil
}

func (d *delay) stop() {
	d.tick.Stop()
	for _, l := range d.levels {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	d.save()
}
