package main

import (
	"fmt"
	"slices"
	"strings"
)

// figure is one of a result's numbers.
type figure func(result) float64

func rate(r result) float64     { return r.Rate }
func p50(r result) float64      { return r.P50 }
func p99(r result) float64      { return r.P99 }
func p999(r result) float64     { return r.P999 }
func cpu(r result) float64      { return r.CPU }
func resident(r result) float64 { return float64(r.Resident) }
func startup(r result) float64  { return r.Seconds }

// median of no values is 0. It sorts values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// values are a figure's of one kind, one per pair that has it.
func (r *row) values(k kind, f figure) (all []float64) {
	if r == nil {
		return nil
	}
	for _, pair := range r.Pairs {
		if one, ok := pair[k]; ok {
			all = append(all, f(one))
		}
	}
	return all
}

// mid is the median of a figure of one kind, 0 if there is none.
func (r *row) mid(k kind, f figure) float64 { return median(r.values(k, f)) }

// cell is the median of a figure, and its range.
func (r *row) cell(k kind, f figure, format func(float64) string) string {
	values := r.values(k, f)
	if len(values) == 0 {
		return "–"
	}
	text := format(median(values))
	if low, high := format(values[0]), format(values[len(values)-1]); low != high {
		text += fmt.Sprintf(" (%s–%s)", low, high)
	}
	return text
}

// quotients are the ratios of the pairs, of one kind to another.
func (r *row) quotients(of, to kind, f figure) (all []float64) {
	if r == nil {
		return nil
	}
	for _, pair := range r.Pairs {
		a, okA := pair[of]
		b, okB := pair[to]
		if okA && okB && f(b) > 0 && f(a) > 0 {
			all = append(all, f(a)/f(b))
		}
	}
	return all
}

// ratio is the median of the pairs' ratios, ours to Apache's, and their range.
func (r *row) ratio(f figure) string {
	all := r.quotients(ours, apache, f)
	if len(all) == 0 {
		return "–"
	}
	text := "**" + times(median(all)) + "**"
	if low, high := times(all[0]), times(all[len(all)-1]); low != high {
		text += fmt.Sprintf(" (%s–%s)", low, high)
	}
	return text
}

// times writes a ratio: those below 1 as a fraction.
func times(v float64) string {
	switch {
	case v >= 9.95:
		return fmt.Sprintf("%.0f ×", v)
	case v >= 0.95:
		return fmt.Sprintf("%.1f ×", v)
	case v > 1/9.95:
		return fmt.Sprintf("1/%.1f", 1/v)
	default:
		return fmt.Sprintf("1/%.0f", 1/v)
	}
}

// share is what part of the floor's rate a row reaches.
func (r *row) share() string {
	all := r.quotients(ours, bare, rate)
	if len(all) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*median(all))
}

// measured says when a row was.
func (r *row) measured() string {
	date, _, _ := strings.Cut(r.Date, " ")
	return fmt.Sprintf("%s, %s, %s", plural(len(r.Pairs), "pair"), date, r.Commit)
}

func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// micros writes a time given in microseconds.
func micros(v float64) string {
	switch {
	case v >= 100_000:
		return fmt.Sprintf("%.0f ms", v/1000)
	case v >= 1000:
		return fmt.Sprintf("%.1f ms", v/1000)
	}
	return fmt.Sprintf("%.0f µs", v)
}

func cpuTime(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f µs", v)
	}
	return fmt.Sprintf("%.1f µs", v)
}

func mib(v float64) string { return thousands(v/(1<<20)) + " MiB" }

func seconds(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.0f ms", 1000*v)
	}
	return fmt.Sprintf("%.1f s", v)
}
