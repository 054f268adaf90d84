package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// steady is a soak in which nothing grows but the number of the oldest segment.
func steadySamples() []sample {
	var all []sample
	for i := range 40 {
		all = append(all, sample{resident: 50 << 20, goroutines: 100, descriptors: 80, segments: 4, first: float64(i), p999: 3000})
	}
	return all
}

func TestASteadyBrokerPasses(t *testing.T) {
	require.NoError(t, judge(steadySamples()))
	warm := steadySamples()
	for i := range 9 {
		warm[i].resident = 10 << 20
	}
	require.NoError(t, judge(warm), "the first quarter may grow")
}

func TestGrowthIsFound(t *testing.T) {
	for name, grow := range map[string]func(i int, s *sample){
		"memory":      func(i int, s *sample) { s.resident += float64(i << 21) },
		"goroutines":  func(i int, s *sample) { s.goroutines += float64(2 * i) },
		"descriptors": func(i int, s *sample) { s.descriptors += float64(2 * i) },
		"segments":    func(i int, s *sample) { s.segments += float64(i) },
		"p99.9":       func(i int, s *sample) { s.p999 += float64(i*i) * 400 },
		"expired":     func(_ int, s *sample) { s.first = 0 },
	} {
		samples := steadySamples()
		for i := range samples {
			grow(i, &samples[i])
		}
		require.ErrorContains(t, judge(samples), name)
	}
	require.Error(t, judge(steadySamples()[:5]))
}
