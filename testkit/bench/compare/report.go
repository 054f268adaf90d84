package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// write writes the report and its plots.
func (t *table) write(o options) error {
	notes, err := os.ReadFile(o.notes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := strings.TrimSuffix(o.report, filepath.Ext(o.report))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w := &writer{table: t, dir: dir}
	text := w.text(string(notes))
	for name, svg := range w.plots {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(o.report, []byte(text+sdkSection(o.report)), 0o644)
}

// sdkSection returns what `make bench-sdk` has written into a report, which is kept.
func sdkSection(report string) string {
	old, err := os.ReadFile(report)
	if err != nil {
		return ""
	}
	_, section, found := strings.Cut(string(old), "<!-- sdkbench: begin -->")
	if !found {
		return ""
	}
	return "\n<!-- sdkbench: begin -->" + section
}

// writer makes the report.
type writer struct {
	*table
	strings.Builder
	dir   string
	plots map[string]string // SVG by file name
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.Builder, format, args...) }

// plot adds a plot, and shows it here. An empty one is left out.
func (w *writer) plot(name, title, svg string) {
	if svg == "" {
		return
	}
	w.plots[name] = svg
	w.printf("![%s](%s/%s)\n\n", title, filepath.Base(w.dir), name)
}

func (w *writer) text(notes string) string {
	w.plots = make(map[string]string)
	w.printf(`# Performance

Written by %s from the results in testkit/bench/results.json; the text at the end is from testkit/bench/notes.md. Do not
edit this file.

%s
The load generator, %s, shares the machine with the brokers and keeps them busy without a goroutine per message. The two
brokers took turns, in pairs, each on an empty store with its default configuration unless a section says otherwise, Apache's
after a warm-up and with a heap of 4 GiB. A figure is the median of the pairs and, in parentheses, their range; a ratio,
actormq to Apache, is the median of the ratios within the pairs. Each row says how many pairs it is of, when they were
measured and at which commit. Closed loops: a caller sends again when it has its answer. After each load the queues had grown
by what was acknowledged. *Of the floor* is our share of the rate of the smallest Go server that cuts the bytes into frames,
writes them to a file and answers (testkit/bench/floor).

`, "`make bench-apache`", w.Machine, "`actormq bench`")
	for _, g := range allGroups() {
		w.group(g)
		if g.startup {
			w.memory()
		}
	}
	w.printf("%s", strings.TrimSpace(notes))
	w.WriteByte('\n')
	return w.String()
}

// group writes a section, unless none of its rows was measured.
func (w *writer) group(g group) {
	var some []scenario
	for _, s := range g.scenarios {
		if w.Rows[s.name] != nil {
			some = append(some, s)
		}
	}
	if len(some) == 0 {
		return
	}
	w.printf("## %s\n\n", g.title)
	if g.about != "" {
		w.printf("%s\n\n", g.about)
	}
	switch {
	case g.name == "sweep":
		w.sweep(some)
	case g.name == "recovery":
		w.starts(some)
	case g.latency:
		w.latencies(some)
	default:
		w.rates(g, some)
	}
}

// rates writes a section about messages a second.
func (w *writer) rates(g group, some []scenario) {
	if len(some) > 1 {
		w.plot(g.name+".svg", g.title+": messages a second", w.bars("messages a second", some, rate, thousands, false))
	}
	w.printf("| load | msg/s, Apache | actormq | ratio | p99, Apache | actormq | CPU a message, Apache | actormq | ")
	if g.floor {
		w.printf("of the floor | ")
	}
	w.printf("measured |\n|---|---|---|---|---|---|---|---|%s---|\n", map[bool]string{true: "---|"}[g.floor])
	for _, s := range some {
		r := w.Rows[s.name]
		w.printf("| %s | %s | %s | %s | %s | %s | %s | %s | ", s.title,
			r.cell(apache, rate, thousands), r.cell(ours, rate, thousands), r.ratio(rate),
			latency(r.mid(apache, p99)), latency(r.mid(ours, p99)), cpuTime(r.mid(apache, cpu)), cpuTime(r.mid(ours, cpu)))
		if g.floor {
			w.printf("%s | ", r.share())
		}
		w.printf("%s |\n", r.measured())
	}
	w.WriteByte('\n')
}

// latency writes a median latency, which one-way messages do not have.
func latency(v float64) string {
	if v == 0 {
		return "–"
	}
	return micros(v)
}

// latencies writes a section about percentiles.
func (w *writer) latencies(some []scenario) {
	if len(some) > 2 {
		w.plot("latency.svg", "99th percentile of latency", w.bars("99th percentile of latency, logarithmic", some, p99, micros, true))
	}
	w.printf("| load | p50, Apache | actormq | p99, Apache | actormq | ratio | p99.9, Apache | actormq | CPU a message, Apache | actormq | measured |\n")
	w.printf("|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range some {
		r := w.Rows[s.name]
		title := s.title
		if s.name == "cold-read" {
			title += fmt.Sprintf(" (%s and %s msg/s)", thousands(r.mid(apache, rate)), thousands(r.mid(ours, rate)))
		}
		w.printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", title,
			micros(r.mid(apache, p50)), micros(r.mid(ours, p50)),
			r.cell(apache, p99, micros), r.cell(ours, p99, micros), r.ratio(p99),
			micros(r.mid(apache, p999)), micros(r.mid(ours, p999)),
			cpuTime(r.mid(apache, cpu)), cpuTime(r.mid(ours, cpu)), r.measured())
	}
	w.WriteByte('\n')
}

// starts writes the section about starts by the size of the store.
func (w *writer) starts(some []scenario) {
	w.printf("| store | Apache | actormq | ratio | measured |\n|---|---|---|---|---|\n")
	for _, s := range some {
		r := w.Rows[s.name]
		w.printf("| %s | %s | %s | %s | %s |\n", s.title, r.cell(apache, startup, seconds), r.cell(ours, startup, seconds), r.ratio(startup), r.measured())
	}
	w.WriteByte('\n')
}

// memory writes about the start on an empty store, and about memory.
func (w *writer) memory() {
	if w.Rows[startRow] == nil {
		return
	}
	w.printf("## Start and memory\n\nResident memory includes the pages of mapped files, which only Apache's broker maps.\n\n")
	w.printf("| what | Apache | actormq | ratio | measured |\n|---|---|---|---|---|\n")
	line := func(name, title string, f figure, format func(float64) string) {
		if r := w.Rows[name]; r != nil {
			w.printf("| %s | %s | %s | %s | %s |\n", title, r.cell(apache, f, format), r.cell(ours, f, format), r.ratio(f), r.measured())
		}
	}
	line(startRow, "start to first message, empty store", startup, seconds)
	line(startRow, "resident after it", resident, mib)
	line("sync-1024-64x1", "resident under load, 64 callers, 1 KiB", resident, mib)
	line("sync-1024-512x64", "resident under load, 512 callers on 64 connections, 1 KiB", resident, mib)
	line("catch-up", "resident while 2 connections catch up", resident, mib)
	line("many-topics", "resident under load, 10,000 topics of 8 queues", resident, mib)
	line("many-connections", "resident under load, 10,000 connections", resident, mib)
	w.WriteByte('\n')
}

// sweep writes the section about overload.
func (w *writer) sweep(some []scenario) {
	share := func(k kind, f figure) (points []point) {
		for i, s := range some {
			if r := w.Rows[s.name]; r != nil && len(r.values(k, f)) > 0 {
				points = append(points, point{x: float64(sweepPercent(some[i].name)), y: r.mid(k, f)})
			}
		}
		return points
	}
	curves := func(f figure) []curve {
		return []curve{{name: string(apache), points: share(apache, f)}, {name: string(ours), points: share(ours, f)}}
	}
	w.plot("sweep-rate.svg", "Accepted messages a second by offered load", lines{
		title: "accepted messages a second by offered load in percent of capacity", curves: curves(rate), format: thousands,
	}.svg())
	w.plot("sweep-p99.svg", "99th percentile by offered load", lines{
		title: "99th percentile of latency by offered load in percent of capacity, logarithmic", curves: curves(p99), format: micros, logarithmic: true,
	}.svg())
	w.printf("| offered | broker | msg/s offered | accepted | refused | unanswered | given up | p50 | p99 | resident | measured |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range []kind{apache, ours} {
		for _, s := range some {
			r := w.Rows[s.name]
			if len(r.values(k, rate)) == 0 {
				continue
			}
			sum := func(f figure) string { return thousands(r.mid(k, f)) }
			w.printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", s.title, k,
				sum(func(r result) float64 { return r.Offered }), sum(rate),
				sum(func(r result) float64 { return float64(r.Refused) }), sum(func(r result) float64 { return float64(r.Silent) }),
				sum(func(r result) float64 { return float64(r.Dropped) }),
				micros(r.mid(k, p50)), micros(r.mid(k, p99)), mib(r.mid(k, resident)), r.measured())
		}
	}
	w.WriteByte('\n')
}

func sweepPercent(name string) (percent int) {
	_, _ = fmt.Sscanf(name, "sweep-%d", &percent) // a name of sweepRow
	return percent
}
