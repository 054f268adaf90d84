package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func testTable() *table {
	t := &table{Machine: "- machine: a test", Rows: map[string]*row{}, begun: map[string]bool{}, commit: "abc"}
	t.Rows["sync-1024-64x1"] = &row{Date: "2026-01-02 03:04", Commit: "abc", Pairs: []map[kind]result{
		{apache: {Rate: 1000, P99: 900, CPU: 30}, ours: {Rate: 4000, P99: 300, CPU: 3}, bare: {Rate: 8000}},
		{apache: {Rate: 2000, P99: 800, CPU: 20}, ours: {Rate: 6000, P99: 400, CPU: 4}, bare: {Rate: 10_000}},
		{apache: {Rate: 500, P99: 700, CPU: 40}},
	}}
	return t
}

func TestFiguresAreMediansAndRatiosThoseWithinPairs(t *testing.T) {
	r := testTable().Rows["sync-1024-64x1"]
	require.Equal(t, "1,000 (500–2,000)", r.cell(apache, rate, thousands))
	require.Equal(t, "5,000 (4,000–6,000)", r.cell(ours, rate, thousands))
	require.Equal(t, "**3.5 ×** (3.0 ×–4.0 ×)", r.ratio(rate), "a pair without one of the two has no ratio")
	require.Equal(t, "55 %", r.share())
	require.Equal(t, "**1/2.4** (1/3.0–1/2.0)", r.ratio(p99))
	require.Equal(t, "3 pairs, 2026-01-02, abc", r.measured())
}

func TestTheReportShowsWhatWasMeasuredAndNothingElse(t *testing.T) {
	o := options{report: filepath.Join(t.TempDir(), "performance.md"), notes: filepath.Join(t.TempDir(), "none")}
	table := testTable()
	for _, percent := range sweepSteps {
		table.Rows[sweepRow(percent)] = &row{Pairs: []map[kind]result{{ours: {Rate: 100, P99: 10, Offered: 200, Refused: 7}}}}
	}
	require.NoError(t, table.write(o))
	text, err := os.ReadFile(o.report)
	require.NoError(t, err)
	require.Contains(t, string(text), "1 KiB, 64 callers on 1 connection | 1,000 (500–2,000) |")
	require.Contains(t, string(text), "| 200 % | actormq | 200 | 100 | 7 |")
	require.NotContains(t, string(text), "512 callers")
	require.NotContains(t, string(text), "NaN")
	plots, err := filepath.Glob(filepath.Join(strings.TrimSuffix(o.report, ".md"), "*.svg"))
	require.NoError(t, err)
	require.Len(t, plots, 2, "of the sweep: a single row needs none")
	for _, plot := range plots {
		wellFormed(t, plot)
		require.Contains(t, string(text), filepath.Base(plot))
	}
}

func TestBarsAreWellFormed(t *testing.T) {
	table := testTable()
	table.Rows["sync-1024-1x1"] = table.Rows["sync-1024-64x1"]
	o := options{report: filepath.Join(t.TempDir(), "p.md")}
	require.NoError(t, table.write(o))
	wellFormed(t, filepath.Join(filepath.Dir(o.report), "p", "sync-1024.svg"))
}

func wellFormed(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "NaN")
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		if _, err := d.Token(); err != nil {
			require.ErrorIs(t, err, io.EOF, path)
			return
		}
	}
}

func TestResultsAccumulate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	g := syncGroup(1<<10, "1 KiB")
	measure := func(add bool, rows ...string) *table {
		table, err := loadTable(file)
		require.NoError(t, err)
		table.begin(options{root: t.TempDir()})
		for pair := range 2 {
			table.nextPair(options{add: add, pairs: 2}, group{name: g.name, scenarios: pick(g, rows)}, pair)
			for _, name := range rows {
				table.add(name, ours, result{Rate: 1})
			}
			require.NoError(t, table.save(file))
		}
		return table
	}
	measure(false, "sync-1024-64x1")
	table := measure(false, "sync-1024-1x1")
	require.Len(t, table.Rows["sync-1024-64x1"].Pairs, 2, "rows of other runs stay")
	table = measure(false, "sync-1024-64x1")
	require.Len(t, table.Rows["sync-1024-64x1"].Pairs, 2, "measured again, a row is replaced")
	table = measure(true, "sync-1024-64x1")
	require.Len(t, table.Rows["sync-1024-64x1"].Pairs, 4, "or added to")
	require.NotEmpty(t, table.Rows["sync-1024-64x1"].Commit)
	require.NotEmpty(t, table.Rows["sync-1024-64x1"].Date)
}

func pick(g group, names []string) (some []scenario) {
	for _, s := range g.scenarios {
		for _, name := range names {
			if s.name == name {
				some = append(some, s)
			}
		}
	}
	return some
}

func TestGroupsAreChosenByNameOrRow(t *testing.T) {
	chosen := func(only string) (rows int) {
		for _, g := range groups(options{only: regexp.MustCompile(only)}) {
			rows += len(g.scenarios)
		}
		return rows
	}
	require.Equal(t, 1, chosen("^sync-1024-64x1$"))
	require.Equal(t, 5, chosen("^sync-1024$"))
	require.Equal(t, 1, chosen("wake-up"))
	names := map[string]bool{}
	for _, g := range allGroups() {
		for _, s := range g.scenarios {
			require.False(t, names[s.name], "%s stands twice", s.name)
			names[s.name] = true
		}
	}
	require.Greater(t, len(names), 50)
}

func TestThoseNeverMeasuredComeFirst(t *testing.T) {
	table := testTable()
	fresh, old := group{scenarios: []scenario{{name: "new"}}}, group{scenarios: []scenario{{name: "sync-1024-64x1"}}}
	table.Rows["newer"] = &row{Date: "2027"}
	newer := group{scenarios: []scenario{{name: "newer"}}}
	sorted := table.oldestFirst([]group{newer, old, fresh})
	require.Equal(t, "new", sorted[0].scenarios[0].name)
	require.Equal(t, "sync-1024-64x1", sorted[1].scenarios[0].name)
}

func TestAProcessThatEndsEarlyIsReported(t *testing.T) {
	p, err := startProcess([]string{"sh", "-c", "echo no luck; exit 1"}, t.TempDir(), "p")
	require.NoError(t, err)
	s := &server{processes: []*process{p}, primary: p}
	err = s.await(t.Context(), func() error { return errors.New("not yet") })
	require.ErrorContains(t, err, "no luck")
	require.NoError(t, p.stop())
	require.Less(t, s.startup, time.Second)
}
