package mutation

import "testing"

// pops lists mutations of what the broker does for messages that are popped.
var pops = []mutation{
	{"a pop is answered before its checkpoint is stored", "actors/pop/hand.go",
		"	p.note(c)\n}\n\nfunc (p *pop) checkpoint", "	p.give(q, f)\n}\n\nfunc (p *pop) checkpoint"},
	{"the offset moves before the checkpoint is stored", "actors/pop/hand.go",
		"h.stored, h.checkpoint = false, p.checkpoint(q, t)", "h.stored, h.checkpoint = true, p.checkpoint(q, t)"},
	{"offsets overtake each other", "actors/pop/subscription.go",
		"for n < len(all) && all[n].stored {", "for n < len(all) {"},
	{"what was committed meanwhile is handed out again", "actors/pop/subscription.go",
		"s.floors[k] = all[n-1].next", ""},
	{"what is out is handed out again", "actors/pop/request.go",
		"c.offset = max(c.offset, s.handed(k))", ""},
	{"pops do not take turns", "actors/pop/subscription.go",
		"if len(s.turns) == 1 {", "if len(s.turns) >= 1 {"},
	{"a checkpoint names the wrong messages", "actors/pop/hand.go",
		"c.Diffs = append(c.Diffs, int32(offset-t.offset))", "c.Diffs = append(c.Diffs, int32(offset-t.offset)+1)"},
	{"an acknowledgement is answered and not stored", "actors/pop/ack.go",
		"	a.ReplyTo = p.self\n	p.Env.Send(p.CommitLog, a)\n}\n\n// acked", "	p.acked(a, a.Token.(answers))\n}\n\n// acked"},
	{"who is put off is not acknowledged", "actors/pop/ack.go",
		"return p.addAck(a, &h.AckHeader, &handle)\n	})\n}\n\nfunc changed", "return nil\n	})\n}\n\nfunc changed"},
	{"a message is popped for somebody who is gone", "actors/pop/waiting.go",
		"w.state().gone = true\n\t\tp.unhold(w)", "_ = w"},
	{"nobody is woken", "actors/pop/waiting.go",
		"			p.wakeAny(s)\n			continue", "			continue"},
	{"order: nothing is blocked", "actors/pop/order.go",
		"visible = max(visible, at)", ""},
	{"order: one acknowledged message frees those before it", "actors/pop/order.go",
		"if !acked(e, i) {\n			return offsetAt(e, i)", "if !acked(e, i) && i < 0 {\n			return offsetAt(e, i)"},
	{"order: the pop before is acknowledged", "actors/pop/order.go",
		"if e.PopTime != popTime {\n		return offsetStale\n	}", ""},
	{"order: a restart forgets what is out", "actors/pop/order.go",
		"if queues != nil {", "if queues != nil && key == \"\" {"},
	{"acknowledged messages are stored again", "actors/revive/store.go",
		"for _, offset := range o.left {\n		m, err", "for _, offset := range []int64{o.checkpoint.StartOffset} {\n		m, err"},
	{"acknowledgements are not looked at", "actors/revive/queue.go",
		"o.checkpoint.Acked |= 1 << i", ""},
	{"checkpoints are revived before their acknowledgements can be there", "actors/revive/queue.go",
		"o.checkpoint.ReviveTime()+grace > q.reached", "o.checkpoint.ReviveTime()-1000 > q.reached"},
	{"a checkpoint that comes twice loses its acknowledgements", "actors/revive/queue.go",
		"o.begun, o.done = true, true\n		return nil", ""},
	{"Timer says that it has delivered what it has not", "actors/timer/reach.go",
		"if m.Time <= t.read {", "if m.Time <= t.read+5000 {"},
	{"late messages overtake those that were due before them", "actors/timer/take.go",
		"out < now && t.isOver(out) {", "out < now {"},
}

var ofPops = byTests{
	packages: []string{"./actors/broker", "./testkit/cluster"},
	pattern:  "Stories|Pop",
}

func TestMutationsOfPopsApply(t *testing.T) { requireApplicable(t, pops) }
func TestMutationsOfPops(t *testing.T)      { ofPops.requireFailures(t, pops) }
