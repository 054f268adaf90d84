package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/actormq/actormq/testkit/bench"
)

// result is what is kept of a report.
type result struct {
	rate, megabytes float64 // a second
	p50, p99, p999  float64 // µs
	cpu             float64 // µs of the broker a message
	own             float64 // µs of the generator a message
	resident        int64   // bytes
	errors          int64
	seconds         float64 // of a start
}

func newResult(r *bench.Report) result {
	n := result{
		rate: r.PerSecond, megabytes: r.MBPerSecond, p50: r.Latency.P50, p99: r.Latency.P99, p999: r.Latency.P999,
		cpu: r.Process.MicrosPerMsg, own: r.Own.MicrosPerMsg, resident: r.Process.ResidentBytes,
	}
	for _, count := range r.Errors {
		n.errors += count
	}
	return n
}

// table is all results.
type table struct {
	machine string
	load    string
	results map[string]map[kind][]result
}

func (t *table) add(name string, k kind, r result) {
	if t.results[name] == nil {
		t.results[name] = make(map[kind][]result)
	}
	t.results[name][k] = append(t.results[name][k], r)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// value is the median of a figure, and its range, of one kind.
func (t *table) value(name string, k kind, figure func(result) float64) (mid, low, high float64) {
	var values []float64
	for _, r := range t.results[name][k] {
		values = append(values, figure(r))
	}
	mid = median(values)
	if len(values) > 0 {
		low, high = values[0], values[len(values)-1]
	}
	return mid, low, high
}

// ratio is the median of the ratios of the pairs, ours to Apache's.
func (t *table) ratio(name string, figure func(result) float64) string {
	a, b := t.results[name][apache], t.results[name][ours]
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if other := figure(a[i]); other > 0 {
			ratios = append(ratios, figure(b[i])/other)
		}
	}
	if len(ratios) == 0 {
		return "–"
	}
	r := median(ratios)
	if r >= 10 {
		return fmt.Sprintf("%.0f ×", r)
	}
	return fmt.Sprintf("%.2g ×", r)
}

// row is a figure of a scenario in both columns.
func (t *table) row(name, title string, figure func(result) float64, format func(float64) string) string {
	if len(t.results[name]) == 0 {
		return ""
	}
	cell := func(k kind) string {
		if len(t.results[name][k]) == 0 {
			return "–"
		}
		mid, low, high := t.value(name, k, figure)
		text := format(mid)
		if len(t.results[name][k]) > 1 {
			text += fmt.Sprintf(" (%s–%s)", format(low), format(high))
		}
		return text
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", title, cell(apache), cell(ours), t.ratio(name, figure))
}

func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func micros(v float64) string {
	switch {
	case v >= 100_000:
		return fmt.Sprintf("%.0f ms", v/1000)
	case v >= 10_000:
		return fmt.Sprintf("%.1f ms", v/1000)
	case v >= 1000:
		return fmt.Sprintf("%.2f ms", v/1000)
	}
	return fmt.Sprintf("%.0f µs", v)
}

func cpu(v float64) string { return fmt.Sprintf("%.2f µs", v) }

func mib(v float64) string { return thousands(v/(1<<20)) + " MiB" }

func seconds(v float64) string { return fmt.Sprintf("%.2f s", v) }

const head = "| %s | Apache 5.5.0 | actormq | ratio |\n|---|---|---|---|\n"

// text is the report.
func (t *table) text(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Performance

Written by `+"`make bench-apache`"+` on %s. Do not edit; run it again.

%s
Load generator and brokers share the machine. The two brokers took turns over %d pairs of runs, each on an empty store
with its default configuration, Apache's after %v of warm-up and with a heap of %s. A cell is the median of the runs
and, in parentheses, their range; a ratio, actormq to Apache, is the median of the ratios within the pairs.

`, time.Now().UTC().Format("2006-01-02"), t.machine, o.pairs, o.warmup, o.heap)
	all := slices.Concat(asyncFlush, syncFlush, asyncMaster, syncMaster)
	section := func(title, what string, names []string, figure func(result) float64, format func(float64) string) {
		fmt.Fprintf(&b, "## %s\n\n"+head, title, what)
		for _, s := range all {
			if names == nil || slices.Contains(names, s.name) {
				b.WriteString(t.row(s.name, s.title, figure, format))
			}
		}
		b.WriteByte('\n')
	}
	closed := []string{"callers-64", "callers-512", "small", "batch", "catch-up", "sync-flush", "async-master", "sync-master"}
	section("Messages a second", "load", closed, func(r result) float64 { return r.rate }, thousands)
	section("Broker CPU a message", "load", nil, func(r result) float64 { return r.cpu }, cpu)
	open := []string{"rate", "tail", "callers-64", "sync-flush", "async-master", "sync-master"}
	for _, l := range []struct {
		title  string
		figure func(result) float64
	}{
		{"Median latency", func(r result) float64 { return r.p50 }},
		{"99th percentile of latency", func(r result) float64 { return r.p99 }},
		{"99.9th percentile of latency", func(r result) float64 { return r.p999 }},
	} {
		section(l.title, "load", open, l.figure, micros)
	}
	fmt.Fprintf(&b, "## Start and memory\n\n"+head, "what")
	b.WriteString(t.row("start", "start to first message, empty store", func(r result) float64 { return r.seconds }, seconds))
	b.WriteString(t.row("start", "resident after it", func(r result) float64 { return float64(r.resident) }, mib))
	b.WriteString(t.row("callers-512", "resident under load, 512 callers", func(r result) float64 { return float64(r.resident) }, mib))
	t.footer(&b, all)
	return b.String()
}

// footer says how to read the tables.
func (t *table) footer(b *strings.Builder, all []scenario) {
	own := 0.0
	refused := make(map[kind]int64)
	for _, s := range all {
		for _, k := range []kind{apache, ours} {
			mid, _, _ := t.value(s.name, k, func(r result) float64 { return r.own })
			if s.name == "callers-64" {
				own = max(own, mid)
			}
			for _, r := range t.results[s.name][k] {
				refused[k] += r.errors
			}
		}
	}
	fmt.Fprintf(b, `
Resident memory includes the pages of mapped files, which only Apache's broker maps.

## Reading the figures

Latency of the loads with a rate counts from the time at which a message was due (no coordinated omission); "end to end"
ends at the consumer. The others are closed loops: a caller sends again when it has its answer. Catch-up reads messages
that are in the page cache. The generator itself used at most %.2f µs of CPU a message with 64 callers. Refused
messages, all loads and runs together: Apache %d, actormq %d. After each load the queues had grown by what was
acknowledged.

Load average of the machine at the end, 1, 5 and 15 minutes: %s.
`, own, refused[apache], refused[ours], t.load)
}

// describe names the machine.
func describe(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- machine: %d × %s, %s of memory, Linux %s\n", runtime.NumCPU(), cpuModel(), memory(), kernel())
	fmt.Fprintf(&b, "- store: %s\n", filesystem(o.root))
	if o.jars != "" {
		fmt.Fprintf(&b, "- Apache RocketMQ 5.5.0 on %s\n", javaVersion())
	}
	if o.binary != "" {
		fmt.Fprintf(&b, "- actormq built with %s\n", runtime.Version())
	}
	return b.String()
}

func field(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func cpuModel() string { return field("/proc/cpuinfo", "model name") }

func memory() string {
	var kib int64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d", &kib); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%d GiB", (kib+512<<10)>>20)
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

func filesystem(dir string) string {
	out, err := exec.Command("df", "--output=fstype,source", dir).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) < 2 {
		return "unknown"
	}
	return strings.Join(strings.Fields(lines[1]), " on ")
}

func javaVersion() string {
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return "unknown Java"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], ", ")
}
