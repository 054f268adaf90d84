// Package stats counts what a broker does. The counters are the one thing that
// actors share: each is written by few, read by anybody, and decides nothing.
package stats

import "sync/atomic"

// Counters counts since the start. The zero Counters are ready.
type Counters struct {
	Put      atomic.Int64 // messages appended for clients and by the broker itself
	PutBytes atomic.Int64
	Get      atomic.Int64 // messages handed to consumers
	GetBytes atomic.Int64
	Found    atomic.Int64 // pulls that found messages
	Missed   atomic.Int64 // pulls that did not
}

// Sample is the counters at one moment.
type Sample struct {
	At                      int64 // Unix milliseconds
	Put, Get, Found, Missed int64
}

// Sample reads the counters.
func (c *Counters) Sample(at int64) Sample {
	return Sample{At: at, Put: c.Put.Load(), Get: c.Get.Load(), Found: c.Found.Load(), Missed: c.Missed.Load()}
}

// Period is the time between two samples of History, in milliseconds.
const Period = 10_000

// maxSamples covers ten minutes.
const maxSamples = 60

// History keeps the samples of the last ten minutes. It belongs to one goroutine.
type History struct{ samples []Sample }

// Add adds a sample; samples come in the order of time.
func (h *History) Add(s Sample) {
	if len(h.samples) > maxSamples {
		h.samples = append(h.samples[:0], h.samples[1:]...)
	}
	h.samples = append(h.samples, s)
}

// Rates returns how much a counter grew per second until now, over the last ten
// seconds, minute and ten minutes, as far as the history goes.
func (h *History) Rates(now Sample, counter func(Sample) int64) [3]float64 {
	var rates [3]float64
	for i, window := range [...]int64{10_000, 60_000, 600_000} {
		from := now
		for j := len(h.samples) - 1; j >= 0; j-- {
			from = h.samples[j]
			if now.At-from.At >= window {
				break
			}
		}
		if elapsed := now.At - from.At; elapsed > 0 {
			rates[i] = float64(counter(now)-counter(from)) * 1000 / float64(elapsed)
		}
	}
	return rates
}
