package sql92_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
)

// tree is an expression as the model sees it. What it means does not depend on how
// it is written.
type tree struct {
	op      string // name, literal, -, NOT, AND, OR, =, <>, IS NULL, >, …, BETWEEN, IN, CONTAINS, …
	not     bool   // of IS NULL, BETWEEN, IN, CONTAINS, STARTSWITH, ENDSWITH
	name    string
	literal any // nil, bool, int64, float64 or string
	kids    []*tree
	strings []string
}

var (
	names   = []string{"a", "b", "A", "$c_1", "note"}
	strs    = []string{"", "1", "x", "ab", "it's", "2.5", "TRUE", "é"}
	values  = []string{"1", "-1", "2", "2.5", "2147483648", "x", "true", "False", "it's", "1e3", "ab", "9223372036854775808", "NaN", " 7 ", "+3"}
	integer = []int64{0, 1, 2, 3, 7, 1000, 2147483647, 2147483648, 9223372036854775807}
	floats  = []float64{0.5, 1, 2.5, 1e3, 4.9e-324, 1.5e300}
)

// genTree draws an expression of some kind: a condition, or anything, which may
// break the type rules.
func genTree(t *rapid.T, depth int, condition bool) *tree {
	if !condition || depth == 0 {
		if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") > 0 {
			return genLeaf(t, condition)
		}
		condition = rapid.Bool().Draw(t, "condition")
		if !condition {
			return &tree{op: "-", kids: []*tree{genTree(t, depth-1, false)}}
		}
	}
	ops := []string{"NOT", "AND", "AND", "OR", "OR", "=", "<>", "IS NULL", ">", ">=", "<", "<=", "BETWEEN", "IN", "CONTAINS", "STARTSWITH", "ENDSWITH"}
	n := &tree{op: rapid.SampledFrom(ops).Draw(t, "op")}
	kid := func(condition bool) { n.kids = append(n.kids, genTree(t, depth-1, condition)) }
	switch n.op {
	case "NOT":
		kid(true)
	case "AND", "OR":
		kid(true)
		kid(true)
	case "IN":
		n.not = rapid.Bool().Draw(t, "not")
		n.kids = []*tree{{op: "name", name: rapid.SampledFrom(names).Draw(t, "name")}}
		n.strings = rapid.SliceOfN(rapid.SampledFrom(append(strs, values...)), 1, 10).Draw(t, "list")
	case "CONTAINS", "STARTSWITH", "ENDSWITH":
		n.not = rapid.Bool().Draw(t, "not")
		kid(false)
		n.strings = []string{rapid.SampledFrom(strs).Draw(t, "search")}
	case "BETWEEN":
		n.not = rapid.Bool().Draw(t, "not")
		kid(false)
		kid(false)
		kid(false)
	case "IS NULL":
		n.not = rapid.Bool().Draw(t, "not")
		kid(false)
	default:
		kid(false)
		kid(false)
	}
	return n
}

func genLeaf(t *rapid.T, condition bool) *tree {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	switch {
	case kind < 5:
		return &tree{op: "name", name: rapid.SampledFrom(names).Draw(t, "name")}
	case kind == 5 || condition:
		return &tree{op: "literal", literal: rapid.SampledFrom([]any{nil, true, false}).Draw(t, "literal")}
	case kind == 6:
		return &tree{op: "literal", literal: rapid.SampledFrom(strs).Draw(t, "string")}
	case kind == 7:
		return &tree{op: "literal", literal: rapid.SampledFrom(floats).Draw(t, "float")}
	}
	return &tree{op: "literal", literal: rapid.SampledFrom(integer).Draw(t, "integer")}
}

// writer writes trees as text, with blanks, comments and letters as it likes.
type writer struct {
	t *rapid.T
	b strings.Builder
}

func write(t *rapid.T, n *tree) string {
	w := &writer{t: t}
	w.tree(n)
	return w.b.String()
}

// word writes words, separated from what comes before.
func (w *writer) word(words string) {
	for word := range strings.FieldsSeq(words) {
		w.b.WriteString(rapid.SampledFrom([]string{" ", " ", " ", "  ", "\t", "\n", " /* ** NOT */ ", " -- 'x\n"}).Draw(w.t, "blank"))
		if rapid.IntRange(0, 3).Draw(w.t, "case") == 0 {
			word = strings.ToLower(word)
		}
		w.b.WriteString(word)
	}
}

func (w *writer) text(s string) {
	w.b.WriteString(" '" + strings.ReplaceAll(s, "'", "''") + "'")
}

func (w *writer) not(n *tree) {
	if n.not {
		w.word("NOT")
	}
}

func (w *writer) tree(n *tree) {
	switch n.op {
	case "name":
		w.word("")
		w.b.WriteString(" " + n.name)
		return
	case "literal":
		w.literal(n.literal)
		return
	}
	w.word("(")
	defer func() { w.word(")") }()
	switch n.op {
	case "-", "NOT":
		w.word(n.op)
		w.tree(n.kids[0])
	case "BETWEEN":
		w.tree(n.kids[0])
		w.not(n)
		w.word("BETWEEN")
		w.tree(n.kids[1])
		w.word("AND")
		w.tree(n.kids[2])
	case "IS NULL":
		w.tree(n.kids[0])
		w.word("IS")
		w.not(n)
		w.word("NULL")
	case "IN":
		w.tree(n.kids[0])
		w.not(n)
		w.word("IN (")
		for i, s := range n.strings {
			if i > 0 {
				w.word(",")
			}
			w.text(s)
		}
		w.word(")")
	case "CONTAINS", "STARTSWITH", "ENDSWITH":
		w.tree(n.kids[0])
		w.not(n)
		w.word(n.op)
		w.text(n.strings[0])
	default:
		w.tree(n.kids[0])
		w.word(n.op)
		w.tree(n.kids[1])
	}
}

func (w *writer) literal(v any) {
	switch v := v.(type) {
	case nil:
		w.word("NULL")
	case bool:
		w.word(strings.ToUpper(fmt.Sprint(v)))
	case string:
		w.text(v)
	case int64:
		w.word(fmt.Sprint(v))
		if v > 0 && rapid.Bool().Draw(w.t, "l") {
			w.b.WriteByte("lL"[v%2])
		}
	case float64:
		w.word(fmt.Sprintf("%e", v))
	}
}

// genProperties draws the properties of a message.
func genProperties(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom(names), rapid.SampledFrom(values), 0, len(names)).Draw(t, "properties")
}

func encode(properties map[string]string) []byte {
	var b []byte
	for name, value := range properties {
		b = messages.AppendProperty(b, name, value)
	}
	return b
}
