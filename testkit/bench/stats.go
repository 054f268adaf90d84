package bench

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of histograms, in nanoseconds and digits.
const (
	minLatency = int64(time.Microsecond)
	maxLatency = int64(2 * time.Minute)
	precision  = 3
)

// stats counts what a lane sees. A lane records a burst at a time, whoever looks
// on takes the sum so far.
type stats struct {
	mu       sync.Mutex
	ever     int64 // messages: acknowledged, or written in mode oneway, or read
	done     int64 // those of the time that is measured
	bytes    int64 // of read messages
	requests int64
	dropped  int64           // messages that an open loop gave up unsent
	errors   map[int32]int64 // messages refused, by code
	total    *hdrhistogram.Histogram
	recent   *hdrhistogram.Histogram // since the last take
}

func newStats() *stats {
	return &stats{errors: make(map[int32]int64), total: newHistogram(), recent: newHistogram()}
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(minLatency, maxLatency, precision)
}

// latency records the time of one request, with s.mu held.
func (s *stats) latency(d time.Duration) {
	n := min(max(int64(d), minLatency), maxLatency)
	_ = s.recent.RecordValue(n) // in range
}

// add counts messages, with s.mu held.
func (s *stats) add(n int64) {
	s.ever += n
	s.done += n
}

// reset forgets everything but the messages: the warm-up is over.
func (s *stats) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.bytes, s.requests, s.dropped = 0, 0, 0, 0
	clear(s.errors)
	s.total.Reset()
	s.recent.Reset()
}

// ever returns the messages of all stats.
func ever(all []*stats) (n int64) {
	for _, s := range all {
		s.mu.Lock()
		n += s.ever
		s.mu.Unlock()
	}
	return n
}

// sum is what all lanes have seen.
type sum struct {
	done, bytes, requests, dropped int64
	errors                         map[int32]int64
	recent, total                  *hdrhistogram.Histogram
}

// take adds up all stats and begins new recent histograms.
func take(all []*stats) sum {
	t := sum{errors: make(map[int32]int64), recent: newHistogram(), total: newHistogram()}
	for _, s := range all {
		s.mu.Lock()
		t.done += s.done
		t.bytes += s.bytes
		t.requests += s.requests
		t.dropped += s.dropped
		for code, n := range maps.All(s.errors) {
			t.errors[code] += n
		}
		t.recent.Merge(s.recent)
		s.total.Merge(s.recent)
		s.recent.Reset()
		t.total.Merge(s.total)
		s.mu.Unlock()
	}
	return t
}

// refused is the number of messages with an error.
func (t *sum) refused() (n int64) {
	for _, count := range t.errors {
		n += count
	}
	return n
}
