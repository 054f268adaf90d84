package timer

import (
	"errors"
	"path"

	"github.com/actormq/actormq/storage/timer"
)

func (t *timers) checkpointFile() string { return path.Join(t.Root, "config", "timercheck") }
func (t *timers) metricsFile() string    { return path.Join(t.Root, "config", "timermetrics") }

// open opens the files and finds out where to go on.
func (t *timers) open() {
	files, err := timer.Open(timer.Options{
		FS: t.Env.FS, Root: t.Root, FileSize: t.FileSize, Precision: t.Rules.Precision, Span: t.Span, Intact: t.intact,
	})
	if err != nil {
		panic(err) // delivering from the begin would repeat everything
	}
	t.files = files
	saved := files.Checkpoint()
	t.version, t.offset = saved.Version, saved.QueueOffset
	// No slot before the earliest is to be delivered, and none behind now is, yet.
	t.read = t.step(t.Env.Millis())
	if earliest := files.Wheel.Earliest(saved.ReadTime); earliest > 0 {
		t.read = min(t.read, earliest)
	}
	last, ok := files.LastUnit()
	switch {
	case ok:
		if m, _, err := t.message(last.Phys); err == nil && m != nil {
			t.offset = max(t.offset, m.QueueOffset+1)
		}
	case saved.QueueOffset > 0: // a master's that this broker was the slave of, or nothing ever waited
		t.before = leavings{saved.QueueOffset, saved.ReadTime}
		t.offset = 0
	}
	t.recalls = make(map[string]struct{})
	if err := t.findRecalls(); err != nil {
		t.Env.Log.Error().Err(err).Msg("recalls could not be read; messages may come that are recalled")
	}
}

// intact reports whether a unit's message is there, and due when the unit says so.
func (t *timers) intact(u *timer.Unit) bool {
	m, out, err := t.message(u.Phys)
	return err == nil && m != nil && (u.Rolls() || t.step(out) == u.Time())
}

// changed has the files saved soon.
func (t *timers) changed() {
	if t.saving == nil && !t.broken {
		t.saving = t.Env.Tell(t.self, t.SaveEvery, &save{})
	}
}

// save makes durable what has changed. The log comes first: a power loss that took a
// delivery, but left the checkpoint behind it, would lose the message. After a failed
// sync nobody knows what is on disk, and nothing is saved any more: after the next
// start some messages come again.
func (t *timers) save() {
	if t.broken {
		return
	}
	t.version.Next(t.Env.Millis())
	c := timer.Checkpoint{ReadTime: t.read, QueueOffset: t.offset, MasterQueueOffset: t.offset, Version: t.version}
	if _, err := t.Store.Log.Sync(); err != nil {
		t.failed(err)
		return
	}
	sync, err := t.files.Save(c)
	if err != nil {
		t.Env.Log.Warn().Err(err).Msg("the timer log cannot be written; it is tried again")
		t.changed()
		return
	}
	if err := errors.Join(sync(), t.counts.save(t.Env, t.metricsFile())); err != nil {
		t.failed(err)
	}
}

func (t *timers) failed(err error) {
	t.broken = true
	t.Env.Log.Error().Err(err).Msg("how far timers are cannot be saved any more; after the next start some messages will come again")
}

// expire removes what the log's shrinking leaves without messages.
func (t *timers) expire(minPhys int64) {
	if t.files == nil {
		return
	}
	if err := t.files.RemoveExpired(minPhys); err != nil {
		t.Env.Log.Error().Err(err).Msg("files of the timer log could not be removed")
	}
}

// replace takes the master's checkpoint.
func (t *timers) replace(c *timer.Checkpoint) {
	if !t.Slave || *c == t.master {
		return
	}
	if err := timer.SaveCheckpoint(t.Env.FS, t.checkpointFile(), c); err != nil {
		t.Env.Log.Error().Err(err).Msg("the master's timer checkpoint could not be saved; the next one is tried again")
		return
	}
	t.master = *c
}

// current is the checkpoint as a slave is to take it.
func (t *timers) current() timer.Checkpoint {
	if t.files == nil {
		return t.master
	}
	return timer.Checkpoint{
		ReadTime: t.read, LogFlushed: t.files.Checkpoint().LogFlushed, QueueOffset: t.offset, MasterQueueOffset: t.offset, Version: t.version,
	}
}
