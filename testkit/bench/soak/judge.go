package main

import (
	"errors"
	"fmt"
	"slices"
)

// sample is what a broker uses at a moment. p50, p999 (µs) and rate are those of
// the steady sends.
type sample struct {
	resident, goroutines, descriptors float64
	segments, first                   float64 // of the CommitLog: how many, and the number of the oldest
	p50, p999, rate                   float64
}

// growth is how much more of something the last quarter may have than the second:
// a share of it, and an amount besides.
type growth struct {
	name          string
	of            func(sample) float64
	share, amount float64
}

var growths = []growth{
	{"resident memory in bytes", func(s sample) float64 { return s.resident }, 0.15, 16 << 20},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 0.05, 30},
	{"descriptors", func(s sample) float64 { return s.descriptors }, 0.05, 30},
	{"segments", func(s sample) float64 { return s.segments }, 0.5, 10},
	{"p99.9 of the sends in µs", func(s sample) float64 { return s.p999 }, 2, 50_000},
}

// minSamples is how many samples make quarters that mean something.
const minSamples = 12

// judge returns what grew, and whether expiry did its work.
func judge(samples []sample) error {
	if len(samples) < minSamples {
		return fmt.Errorf("%d samples are too few; %d are needed", len(samples), minSamples)
	}
	quarter := len(samples) / 4
	second, last := samples[quarter:2*quarter], samples[len(samples)-quarter:]
	var failed []error
	for _, g := range growths {
		before, after := median(second, g.of), median(last, g.of)
		fmt.Printf("%-26s %12.0f → %.0f\n", g.name, before, after)
		if after > before*(1+g.share)+g.amount {
			failed = append(failed, fmt.Errorf("%s grew from %.0f to %.0f", g.name, before, after))
		}
	}
	if first := samples[len(samples)-1].first; first <= samples[quarter].first {
		failed = append(failed, fmt.Errorf("no segment expired: the oldest one is number %.0f", first))
	}
	return errors.Join(failed...)
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
