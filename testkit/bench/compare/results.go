package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/testkit/bench"
)

// result is what is kept of a report.
type result struct {
	Rate      float64 `json:"rate,omitempty"` // messages a second
	Megabytes float64 `json:"megabytes,omitempty"`
	P50       float64 `json:"p50,omitempty"` // µs, as all latencies
	P99       float64 `json:"p99,omitempty"`
	P999      float64 `json:"p99.9,omitempty"`
	CPU       float64 `json:"cpu,omitempty"` // µs of the broker a message
	Own       float64 `json:"own,omitempty"` // µs of the generator a message
	Resident  int64   `json:"resident,omitempty"`
	Refused   int64   `json:"refused,omitempty"`    // messages that the broker answered with an error
	Silent    int64   `json:"unanswered,omitempty"` // and those that it did not answer
	Dropped   int64   `json:"dropped,omitempty"`    // given up by the generator
	Offered   float64 `json:"offered,omitempty"`    // messages a second, of an overload
	Seconds   float64 `json:"seconds,omitempty"`    // of a start
}

func newResult(r *bench.Report) result {
	n := result{
		Rate: r.PerSecond, Megabytes: r.MBPerSecond, P50: r.Latency.P50, P99: r.Latency.P99, P999: r.Latency.P999,
		CPU: r.Process.MicrosPerMsg, Own: r.Own.MicrosPerMsg, Resident: r.Process.ResidentBytes, Dropped: r.Dropped, Offered: r.Rate,
	}
	for code, count := range r.Errors {
		if code == bench.NoAnswer {
			n.Silent += count
		} else {
			n.Refused += count
		}
	}
	return n
}

// row is all results of one load.
type row struct {
	Date   string            `json:"date"`
	Commit string            `json:"commit"`
	Pairs  []map[kind]result `json:"pairs"`
}

// table is the file of results.
type table struct {
	Machine string          `json:"machine"` // as Markdown
	Load    string          `json:"load"`    // average at the end of the last measurement
	Rows    map[string]*row `json:"rows"`

	current map[string]map[kind]result // the pair under way, by row
	begun   map[string]bool            // rows measured by this process
	commit  string
}

func loadTable(path string) (*table, error) {
	t := &table{Rows: make(map[string]*row)}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// begin prepares for measuring.
func (t *table) begin(o options) {
	t.Machine, t.commit = describe(o), commit()
	t.begun = make(map[string]bool)
}

// commit names the code that is measured, with a + if it is not committed.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain", "--", "*.go", "go.mod").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

// oldestFirst orders groups by when they were measured, those that never were
// first.
func (t *table) oldestFirst(all []group) []group {
	date := func(g group) string {
		oldest := "9"
		for _, s := range g.scenarios {
			if r := t.Rows[s.name]; r != nil {
				oldest = min(oldest, r.Date)
			} else {
				oldest = ""
			}
		}
		return oldest
	}
	slices.SortStableFunc(all, func(a, b group) int { return strings.Compare(date(a), date(b)) })
	return all
}

// nextPair begins a pair of a group.
func (t *table) nextPair(o options, g group, pair int) {
	fmt.Fprintf(os.Stderr, "== %s, pair %d of %d\n", g.name, pair+1, o.pairs)
	t.current = make(map[string]map[kind]result)
	if o.add {
		return
	}
	for _, s := range g.scenarios {
		if pair == 0 && !t.begun[s.name] {
			t.begun[s.name] = true
			delete(t.Rows, s.name)
		}
	}
	if pair == 0 && g.startup {
		delete(t.Rows, startRow)
	}
}

// measured adds the result of a load, and prints it.
func (t *table) measured(name string, k kind, r result) {
	fmt.Fprintf(os.Stderr, "%-8s %-18s %8.0f msg/s  p50 %.0f µs  p99 %.0f µs  %.2f µs CPU a message, %d MiB\n",
		k, name, r.Rate, r.P50, r.P99, r.CPU, r.Resident>>20)
	t.add(name, k, r)
}

// add adds a result to the pair under way.
func (t *table) add(name string, k kind, r result) {
	if t.current[name] == nil {
		t.current[name] = make(map[kind]result)
	}
	t.current[name][k] = r
}

// save ends the pair under way and writes the file.
func (t *table) save(path string) error {
	for name, results := range t.current {
		r := t.Rows[name]
		if r == nil {
			r = &row{}
			t.Rows[name] = r
		}
		r.Date, r.Commit = time.Now().UTC().Format(time.DateOnly+" 15:04"), t.commit
		r.Pairs = append(r.Pairs, results)
	}
	t.current = nil
	t.Load = loadAverage()
	text := new(bytes.Buffer)
	e := json.NewEncoder(text)
	e.SetIndent("", " ")
	if err := e.Encode(t); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
