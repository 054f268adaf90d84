package mutation

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// replication lists mutations of what a master does for its slaves. The simulated
// clusters of testkit/cluster and the scripts of actors/grouptransfer must find
// them.
var replication = []mutation{
	{"sends do not wait for slaves", "actors/commitlog/commitlog.go",
		"a.Expect(messages.PartReplicas)", ""},
	{"appended though too few are in sync", "actors/commitlog/commitlog.go",
		"if !enough && s.Wait {", "if !enough && s.Wait && a.End < 0 {"},
	{"a flush that went well hides slaves that did not", "messages/append_join.go",
		"return replicas\n", "return flush\n"},
	{"an abandoned connection counts beside the new one", "actors/ha/view.go",
		"r.trusted.Store(r.next.Load())", ""},
	{"late reports of an abandoned connection count", "actors/ha/view.go",
		"r.trusted.Store(r.next.Load())", "r.trusted.Store(r.acked.Load())"},
	{"a slave that is gone still counts", "actors/ha/accept.go",
		"s.View.remove(f.reader.replica)", ""},
	{"a report that comes at once is lost", "actors/ha/accept.go",
		"Msg(\"a slave has connected\")", "Msg(\"a slave has connected\")\n\tr.conn.Resume()"},
	{"a report beyond the log counts", "actors/ha/reader.go",
		"offset > high ||", ""},
	{"a report that goes back counts", "actors/ha/reader.go",
		"offset < r.last ||", ""},
	{"nobody is woken when the log grows", "actors/ha/view.go",
		"if r.idle.Load() && r.idle", "if r.next.Load() < 0 && r.idle"},
	{"a write crosses the end of a segment", "actors/ha/writer.go",
		"w.next, segment, maxWrite)", "w.next, max(segment, maxWrite), maxWrite)"},
	{"heartbeats name the wrong offset", "actors/ha/writer.go",
		"messages.HAHeader{Offset: w.next}", "messages.HAHeader{Offset: w.next + 1}"},
	{"an empty slave gets nothing old", "actors/ha/writer.go",
		"max(end-end%w.Log.SegmentSize(), w.Log.MinOffset())", "end"},
	{"silent slaves are kept", "actors/ha/connection.go",
		"silent > c.Silence.Milliseconds()", "silent > 1<<40"},
	{"one slave is as good as two", "actors/grouptransfer/grouptransfer.go",
		"g.acked[slaves-1]", "g.acked[0]"},
	{"all but the last byte is enough", "actors/grouptransfer/grouptransfer.go",
		"g.waiting[done].a.End <= g.reached", "g.waiting[done].a.End-1 <= g.reached"},
	{"waits outlive the slave that they need", "actors/grouptransfer/grouptransfer.go",
		"if m.Gone {", "if m.Gone && g.judged < 0 {"},
	{"waits last too long", "actors/commitlog/commitlog.go",
		".Add(w.ReplicaTimeout)", ".Add(2 * w.ReplicaTimeout)"},
	{"waits are dropped when the actor stops", "actors/grouptransfer/grouptransfer.go",
		"for _, w := range g.waiting {", "for _, w := range g.waiting[:0] {"},
	{"a broker that stops does not wait for slaves", "actors/broker/root.go",
		"{children: []string{nameGroupTransfer}, ask: &grouptransfer.Drain{}},", ""},

	{"slave: it acknowledges what has not come", "actors/haclient/haclient.go",
		"\treturn c.Log.MaxOffset()\n", "\treturn c.Log.MaxOffset() + int64(c.frames.left)\n"},
	{"slave: it acknowledges what is not flushed", "actors/haclient/haclient.go",
		"return min(c.flushed, c.Log.MaxOffset())", "return c.Log.MaxOffset()"},
	{"slave: it begins with what is not flushed", "actors/haclient/haclient.go",
		"case !c.begun && told == end:", "case !c.begun:"},
	{"slave: gaps and overlaps are nothing to it", "actors/haclient/haclient.go",
		"end != 0 && at != end", "end < 0 && at != end"},
	{"slave: it continues with another log", "actors/haclient/haclient.go",
		"c.Reputted.Through() == at &&", "c.Reputted.Through() < 0 &&"},
	{"slave: half a frame outlives its connection", "actors/haclient/haclient.go",
		"m.reader, frames{}, false, false", "m.reader, c.frames, false, false"},
	{"slave: a silent master is kept", "actors/haclient/haclient.go",
		"silent > c.Silence.Milliseconds()", "silent > 1<<40"},
	{"slave: it gives no signs of life", "actors/haclient/haclient.go",
		"now-c.sent >= c.Heartbeat.Milliseconds()", "now-c.sent >= 1<<40"},
	{"slave: a master that has moved is not looked for", "actors/haclient/haclient.go",
		"m.HAAddr == c.addr", "c.addr != \"\""},
	{"slave: it connects once", "actors/haclient/haclient.go",
		"if !c.draining && c.redial == nil {", "if c.draining && c.redial == nil {"},
	{"slave: an empty one begins at 0 only", "storage/commitlog/log.go",
		"l.tail == 0 && offset > 0", "l.tail < 0 && offset > 0"},
	{"slave: a message that comes in two pieces is skipped", "actors/reput/reput.go",
		"case errors.Is(err, record.ErrShort):\n\t\t\treturn n, nil", "case errors.Is(err, record.ErrShort):\n\t\t\treturn int64(len(a.Buf)), nil"},
	{"slave: the end of a segment is the end of all", "actors/reput/reput.go",
		"return n + int64(blank.Size), nil", "return n, nil"},
	{"slave: large messages are not seen", "actors/reput/reput.go",
		"size = first\n", "return nil, nil\n"},
	{"slave: offsets committed there stay there", "actors/slavesync/slavesync.go",
		"s.Env.Send(s.client, &messages.Ask{Command: c})", ""},
	{"slave: offsets committed there win for ever", "actors/offsets/offsets.go",
		"delete(o.local, m)", ""},
	{"slave: topics that are deleted stay", "actors/topics/create.go",
		"if master.TopicConfigTable[name] == nil {", "if master.TopicConfigTable[name] == nil && name == \"\" {"},
	{"slave: pulls go round in circles without a master", "actors/pull/suggest.go",
		"return messages.PullNotFound", "return messages.PullRetryImmediately"},
	{"slave: consumers do not go back to their master", "actors/pull/suggest.go",
		"case p.Slave && (slow || !p.Master()):", "case p.Slave:"},
	{"slave: slow consumers stay at the master", "actors/pull/suggest.go",
		"return q.slow", "return q.usual"},
}

func TestMutationsOfReplicationApply(t *testing.T) {
	for _, m := range replication {
		_, err := m.apply()
		require.NoError(t, err, m.name)
	}
}

// TestMutationsOfReplication plants each and expects a test to fail.
func TestMutationsOfReplication(t *testing.T) {
	if !*run {
		t.Skip("without -mutations")
	}
	for _, m := range replication {
		if strings.Contains(m.name, *only) {
			t.Run(m.name, m.requireFailure)
		}
	}
}

// requireFailure runs the tests of replication with the mutation in place.
func (m *mutation) requireFailure(t *testing.T) {
	text, err := m.apply()
	require.NoError(t, err)
	dir := t.TempDir()
	mutated, list := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(mutated, []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root(), m.file): mutated}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	for _, pkg := range []string{"./actors/grouptransfer", "./testkit/cluster"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-failfast", "-timeout=2m", "-overlay", list,
			"-run", "Wait|Slave|Copies|Report|Life|Abandoned|Stale|InSync|Answers|Status|Consumers|Promised", pkg)
		cmd.Dir = root()
		out, err := cmd.CombinedOutput()
		require.NotContains(t, string(out), "[build failed]")
		if err != nil {
			t.Logf("%s: %.200s", pkg, out)
			return
		}
	}
	t.Fatal("no test finds it")
}
