package mutation

import "testing"

// transactions lists mutations of what the broker does for transactions.
var transactions = []mutation{
	{"a refused commit has ended", "actors/transaction/end.go",
		"if !s.Stored() {\n\t\t\tfront.Reply(t.Env, e.ticket, e.ticket.Response(s.Code, s.Remark))\n\t\t\tcontinue\n\t\t}", "_ = s"},
	{"a rollback ends nothing", "actors/transaction/end.go",
		"t.ended(at)\n\t\treturn r", "return r"},
	{"a rollback is taken for a commit", "actors/transaction/end.go",
		"if h.Outcome == messages.SysFlagRollback {", "if h.Outcome < 0 {"},
	{"a commit ends nothing", "actors/transaction/end.go",
		"t.ended(e.half)\n", ""},
	{"another group may end a transaction", "actors/transaction/end.go",
		"!= h.ProducerGroup {", "== \"\" {"},
	{"ends are taken for those of another half", "actors/transaction/end.go",
		"if half.QueueOffset != h.TableOffset {", "if half.QueueOffset < 0 {"},
	{"a half is asked about while its commit is under way", "actors/transaction/round.go",
		"if t.of(id).committing[offset] > 0 {", "if t.of(id).committing[offset] < 0 {"},
	{"a half is decided that ended meanwhile", "actors/transaction/outcome.go",
		"if t.isNamed(half.queueID, half.offset) {", "if t.isNamed(half.queueID, -1) {"},
	{"the copies of an ended half are asked about", "actors/transaction/outcome.go",
		"t.copies.add(half, r.QueueOffset)", ""},
	{"offsets are kept before the copies are on disk", "actors/transaction/outcome.go",
		"if _, err := t.Store.Log.Sync(); err != nil {", "if err := error(nil); err != nil {"},
	{"op messages are forgotten too early", "actors/transaction/window.go",
		"if m.half >= next {", "if m.half > next {"},
	{"ends are forgotten before their op message can be read", "actors/transaction/ops.go",
		"w.unread = append(w.unread, opMessage{a.Records[0].QueueOffset, w.offsets})", "w.forget(w.offsets)"},
	{"ends are not written when the broker stops", "actors/transaction/transaction.go",
		"for _, q := range t.sorted() {\n\t\tt.writeOps(q)\n\t}", ""},
	{"nobody is asked", "actors/transaction/outcome.go",
		"t.Env.Send(peer.PID, &messages.Ask{Command: request, Owed: owed})", "_ = request"},
	{"checks are not counted", "actors/transaction/records.go",
		"times = number(checks) + 1", "times = number(checks)"},
	{"halves are seen", "actors/send/send.go",
		"d.half = d.props.prepared &&", "d.half = d.props.prepared && d.ReconsumeTimes < 0 &&"},
	{"one too many checks", "actors/transaction/verdict.go",
		"number(checks) >= int64(r.MaxChecks)", "number(checks) > int64(r.MaxChecks)"},
	{"immunity is nothing", "actors/transaction/verdict.go",
		"if age > r.immunity(immunity) {", "if age >= 0 {"},
}

var ofTransactions = byTests{
	packages: []string{"./actors/transaction", "./actors/broker", "./testkit/cluster"},
	pattern:  "Transaction|Verdict|Window|Cop|Commit|EndsTooLate|Stories|Question|OpMessages|AHalf",
}

func TestMutationsOfTransactionsApply(t *testing.T) { requireApplicable(t, transactions) }
func TestMutationsOfTransactions(t *testing.T)      { ofTransactions.requireFailures(t, transactions) }
