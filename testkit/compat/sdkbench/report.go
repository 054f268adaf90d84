package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is the measured pairs of each scenario.
type table struct {
	rows    []scenario
	results map[string][]pair
}

func (t *table) add(s scenario, p pair) {
	if t.results == nil {
		t.results = make(map[string][]pair)
	}
	if t.results[s.name] == nil {
		t.rows = append(t.rows, s)
	}
	t.results[s.name] = append(t.results[s.name], p)
}

// spread is a median and the range around it.
type spread struct{ median, low, high float64 }

func over(pairs []pair, of func(pair) float64) spread {
	var all []float64
	for _, p := range pairs {
		all = append(all, of(p))
	}
	slices.Sort(all)
	n := len(all)
	return spread{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

// row is a scenario's line of the table.
func (t *table) row(s scenario) string {
	pairs := t.results[s.name]
	value := func(of func(figures) float64, format string) string {
		mine := over(pairs, func(p pair) float64 { return of(p.ours) })
		other := over(pairs, func(p pair) float64 { return of(p.theirs) })
		return fmt.Sprintf(format+" / "+format, mine.median, other.median)
	}
	ratio := func(of func(figures) float64) string {
		r := over(pairs, func(p pair) float64 { return of(p.ours) / of(p.theirs) })
		return fmt.Sprintf("**%.2f** (%.2f–%.2f)", r.median, r.low, r.high)
	}
	rate := func(f figures) float64 { return f.Rate }
	perCPU := func(f figures) float64 { return f.PerCPU }
	allocs := func(f figures) float64 { return f.Allocs }
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", s.title,
		value(rate, "%.0f"), value(perCPU, "%.0f"), ratio(perCPU), value(allocs, "%.1f"), ratio(allocs),
		value(func(f figures) float64 { return f.Bytes }, "%.0f"))
}

// The section of the file is between these.
const (
	sectionBegin = "<!-- sdkbench: begin -->"
	sectionEnd   = "<!-- sdkbench: end -->"
)

// write replaces the section of a file, or adds it at the end.
func (t *table) write(file string, pairs int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	section := t.section(pairs)
	before, rest, found := strings.Cut(string(text), sectionBegin)
	_, after, closed := strings.Cut(rest, sectionEnd)
	if !found || !closed {
		before, after = strings.TrimRight(string(text), "\n")+"\n\n", "\n"
	}
	return os.WriteFile(file, []byte(before+section+after), 0o644)
}

func (t *table) section(pairs int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s
## The SDK beside rocketmq-client-go v2.1.2

`+"`make bench-sdk`"+` on %s: %d processors (%s), %s, %s; load average %s at the end.
One broker of this project, both clients in turns, %d pairs; messages of 1 KiB, 8 queues, default options. Values are medians, this SDK's / the other's; ratios are those of each pair, with their range.

| what | messages a second | messages a second of CPU | ratio (goal ≥ 2) | allocations a message | ratio (goal ≤ 0.5) | bytes allocated a message |
|---|---|---|---|---|---|---|
`, sectionBegin, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), processor(), memory(), runtime.Version(), load(), pairs)
	for _, s := range t.rows {
		b.WriteString(t.row(s))
	}
	b.WriteString(sectionEnd)
	return b.String()
}

// processor and memory name the machine, as far as Linux tells.
func processor() string {
	return procfs("/proc/cpuinfo", "model name")
}

func memory() string {
	return procfs("/proc/meminfo", "MemTotal") + " of memory"
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], ", ")
}

func procfs(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
