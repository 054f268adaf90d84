package mutation

import "testing"

// timers lists mutations of what the broker does for messages that wait for a time.
var timers = []mutation{
	{"messages come a step early", "actors/timer/deliver.go",
		"t.files.Wheel.Next(t.read, now)", "t.files.Wheel.Next(t.read, now+t.Rules.Precision)"},
	{"late messages wait for ever", "actors/timer/take.go",
		"batch.late = append(batch.late, u.Phys)", ""},
	{"a slot is left behind whose messages the log has refused", "actors/timer/deliver.go",
		"if len(refused) > 0 {", "if len(refused) > 1<<20 {"},
	{"after a restart delivery begins with the first slot that is filled", "actors/timer/files.go",
		"t.read = min(t.read, earliest)", "t.read = earliest"},
	{"after a restart delivery begins now", "actors/timer/files.go",
		"t.read = min(t.read, earliest)", ""},
	{"what was taken up is taken up again", "actors/timer/files.go",
		"t.offset = max(t.offset, m.QueueOffset+1)", ""},
	{"the checkpoint is ahead of the messages", "actors/timer/files.go",
		"QueueOffset: t.offset, MasterQueueOffset: t.offset, Version: t.version}\n\tif", "QueueOffset: t.offset + 1, MasterQueueOffset: t.offset, Version: t.version}\n\tif"},
	{"delivered, and not on disk", "actors/timer/files.go",
		"if _, err := t.Store.Log.Sync(); err != nil {", "if err := error(nil); err != nil {"},
	{"recalls are forgotten", "actors/timer/deliver.go",
		"if t.isRecalled(m, s.recalled) || t.isRecalled(m, t.recalls) {", "if t.isRecalled(m, t.recalls) {"},
	{"late recalls are forgotten", "actors/timer/take.go",
		"t.recalls[string(key)] = struct{}{}", ""},
	{"far messages are not stored again", "actors/timer/deliver.go",
		"t.roll(a, m, d.enqueued)", ""},
	{"far messages are put where the wheel has wrapped", "actors/timer/take.go",
		"case ahead < window:", "case ahead < 1<<40:"},
	{"units are written over behind a late message", "actors/timer/take.go",
		"if len(batch.late) > 0 {\n\t\treturn true, nil\n\t}", ""},
	{"the wheel forgets what is to come", "storage/timer/wheel.go",
		"s.Time >= from && s.Time > 0 {", "s.Time > from+64*w.precision && s.Time > 0 {"},
	{"torn units count", "storage/timer/unit.go",
		"case checksum(b):\n\t\treturn u, correct\n\t}\n\treturn u, noUnit", "case checksum(b):\n\t\treturn u, correct\n\t}\n\treturn u, correct"},
	{"the log's end is not cleaned", "storage/timer/log.go",
		"return errors.Join(f.Zero(end-last, last+l.size-end), f.Sync())", "return nil"},
	{"units are not synced", "storage/timer/store.go",
		"errors.Join(f.Sync(), f.Close())", "f.Close()"},
}

var ofTimers = byTests{
	packages: []string{"./storage/timer", "./actors/broker", "./testkit/cluster"},
	pattern:  "Unit|Slots|Saved|Crash|Files|Stories|MessagesCome",
}

func TestMutationsOfTimersApply(t *testing.T) { requireApplicable(t, timers) }
func TestMutationsOfTimers(t *testing.T)      { ofTimers.requireFailures(t, timers) }
