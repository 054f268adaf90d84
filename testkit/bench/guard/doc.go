// Package guard fails when the hot paths have become slower.
//
// Machines differ, and CI's are noisy, so that no time is compared with one of
// another day. Each measure is a ratio, taken within the run: of what a path costs
// to what a unit of plain work costs that does the same without us, such as the
// floor that answers sends (testkit/bench/floor), a read of the same bytes, or a
// copy and a checksum of the same frame. The two take turns in short slices, CPU
// time is counted and not wall time, and the median of many ratios counts. What
// else the machine does then shifts both. Allocations, which no noise touches, are
// bounded as well.
//
// The bounds are in bounds.go, about 1.5 times what was measured when they were
// set. Whoever makes a path faster lowers its bound.
//
// `make bench-guard` runs it, and so does CI.
package guard
