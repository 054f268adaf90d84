package sql92_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/sql92"
)

// TestTranscripts runs testdata/*.test. "expression" compiles the text and prints it
// with all parentheses, or what is wrong with it; "messages" evaluates the last
// expression for the messages of its lines, name=value separated by commas.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		var expression *sql92.Expression
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "expression":
				var err error
				if expression, err = sql92.Compile(d.Input); err != nil {
					return err.Error()
				}
				return expression.String()
			case "messages":
				require.NotNil(t, expression, d.Pos)
				var b strings.Builder
				for line := range strings.Lines(d.Input) {
					line = strings.TrimSuffix(line, "\n")
					fmt.Fprintf(&b, "%s: %s\n", line, expression.Evaluate(message(line)))
				}
				return b.String()
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

// message encodes properties such as "a=1,b=x". "-" stands for none.
func message(properties string) []byte {
	var b []byte
	for pair := range strings.SplitSeq(properties, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			b = messages.AppendProperty(b, name, value)
		}
	}
	return b
}

// TestApache holds every row of testdata/apache-5.5.0.txt: an expression, encoded
// properties, both quoted, and what Apache's SqlFilter made of them.
func TestApache(t *testing.T) {
	file, err := os.Open("testdata/apache-5.5.0.txt")
	require.NoError(t, err)
	defer file.Close()
	seen := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		row := strings.Split(lines.Text(), "\t")
		require.Len(t, row, 3)
		source, err := strconv.Unquote(row[0])
		require.NoError(t, err)
		properties, err := strconv.Unquote(row[1])
		require.NoError(t, err)
		seen[row[2]]++
		expression, err := sql92.Compile(source)
		if row[2] == "invalid" {
			require.Error(t, err, row[0])
			continue
		}
		require.NoError(t, err, row[0])
		require.Equal(t, row[2], expression.Evaluate([]byte(properties)).String(), "%s of %s", row[0], row[1])
	}
	require.Len(t, seen, 5, "%v", seen) // true, false, null, failed, invalid
	for outcome, rows := range seen {
		require.Greater(t, rows, 50, outcome)
	}
}

// TestModel compares random expressions with the model in model_test.go.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := genTree(t, 4, true)
		source := write(t, n)
		expression, err := sql92.Compile(source)
		if !valid(n) {
			require.Error(t, err, source)
			return
		}
		require.NoError(t, err, source)
		again, err := sql92.Compile(expression.String())
		require.NoError(t, err, expression)
		require.Equal(t, expression.String(), again.String())
		for range 5 {
			properties := genProperties(t)
			want := result(n, properties)
			encoded := encode(properties)
			require.Equal(t, want, expression.Evaluate(encoded).String(), "%s\n%s\n%v", source, expression, properties)
			require.Equal(t, want == "true", again.Match(encoded))
		}
	})
}

func TestLimits(t *testing.T) {
	deep := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	chain := func(operator string, n int) string {
		return "a = 1" + strings.Repeat(operator+" a = 1", n)
	}
	for _, test := range []struct {
		name, source, reason string
	}{
		{"parentheses", deep("(", "a", ")", sql92.MaxDepth), ""},
		{"more parentheses", deep("(", "a", ")", sql92.MaxDepth+1), "nested too deeply"},
		{"very many parentheses", deep("(", "", "", sql92.MaxLength), "nested too deeply"},
		{"signs", deep("+", "a", "", sql92.MaxDepth), ""},
		{"more signs", deep("-", "1", "", sql92.MaxDepth+1), "nested too deeply"},
		{"very many NOTs", deep("NOT ", "a", "", sql92.MaxLength/4-1), "nested too deeply"},
		{"equalities", "a" + strings.Repeat(" = a", sql92.MaxDepth), ""},
		{"more equalities", "a" + strings.Repeat(" = a", sql92.MaxDepth+1), "nested too deeply"},
		{"many ANDs", chain(" AND", 4000), ""},
		{"many ORs", chain(" OR", 4000), ""},
		{"a long list", "a IN ('x'" + strings.Repeat(",'x'", 16000) + ")", ""},
		{"the longest", strings.Repeat(" ", sql92.MaxLength-1) + "a", ""},
		{"longer", strings.Repeat(" ", sql92.MaxLength) + "a", "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			expression, err := sql92.Compile(test.source)
			if test.reason != "" {
				var wrong *sql92.Error
				require.ErrorAs(t, err, &wrong)
				require.Contains(t, wrong.Reason, test.reason)
				require.Less(t, len(err.Error()), 200)
				return
			}
			require.NoError(t, err)
			expression.Evaluate(message("a=1"))
		})
	}
}

// FuzzCompile has any text compiled: it must not panic, errors must say where, and
// what an expression prints as must mean the same.
func FuzzCompile(f *testing.F) {
	for _, source := range []string{
		"a = 3 AND b <> 4 Or not c", "a in ('3', 'it''s') or b not between -1.5e3 and 9l", "a is not null", "/**/ a -- x\n = TRUE",
		"a not contains 'x' and 'ab' startswith 'a' = (b endswith 'z')", "((((a))))", "'", "/*", "1.", ".5E+", "007", "a NOT", "é",
	} {
		f.Add(source, "a\x013\x02b\x01x\x02")
	}
	f.Fuzz(func(t *testing.T, source, properties string) {
		expression, err := sql92.Compile(source)
		if err != nil {
			var wrong *sql92.Error
			require.ErrorAs(t, err, &wrong)
			require.LessOrEqual(t, wrong.Offset, len(source))
			return
		}
		printed := expression.String()
		again, err := sql92.Compile(printed)
		if len(printed) > sql92.MaxLength || err != nil && strings.Contains(err.Error(), "nested") {
			return // parentheses were added
		}
		require.NoError(t, err, printed)
		require.Equal(t, printed, again.String())
		require.Equal(t, expression.Evaluate([]byte(properties)), again.Evaluate([]byte(properties)))
	})
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	for _, c := range benchmarks {
		expression, err := sql92.Compile(c.source)
		require.NoError(t, err)
		require.Equal(t, sql92.True, expression.Evaluate(typical), c.source)
		require.Zero(t, testing.AllocsPerRun(100, func() { expression.Evaluate(typical) }), c.source)
	}
}

// typical is what a message of a shop may carry, next to the client's own.
var typical = message("UNIQ_KEY=7F000001000018B4AAC2A0B1C2D30000,CLUSTER=DefaultCluster,TAGS=paid,region=EU,price=42,weight=1.25,customer=it's me,KEYS=4711")

var benchmarks = []struct{ name, source string }{
	{"integer", "price > 10"},
	{"double", "weight BETWEEN 0.5 AND 2.5"},
	{"string", "region = 'EU'"},
	{"in", "region IN ('US', 'EU')"},
	{"in20", "region IN ('a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','r','s','EU')"},
	{"contains", "customer CONTAINS 'me'"},
	{"typical", "TAGS IS NOT NULL AND region IN ('US', 'EU') AND (price BETWEEN 10 AND 99 OR weight > 1.5)"},
	{"missing", "nothing IS NULL"},
}

func BenchmarkExpression(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			expression, err := sql92.Compile(c.source)
			require.NoError(b, err)
			b.ReportAllocs()
			b.SetBytes(int64(len(typical)))
			for b.Loop() {
				expression.Evaluate(typical)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sql92.Compile(benchmarks[6].source); err != nil {
			b.Fatal(err)
		}
	}
}
