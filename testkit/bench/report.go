package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run measured. Times are microseconds in JSON.
type Report struct {
	Mode        Mode    `json:"mode"`
	Topic       string  `json:"topic"`
	Connections int     `json:"connections"`
	InFlight    int     `json:"inFlight"`
	Size        int     `json:"size"`
	Batch       int     `json:"batch,omitempty"`
	Rate        float64 `json:"rate,omitempty"`  // that was asked for
	Delay       float64 `json:"delay,omitempty"` // seconds

	Seconds  float64 `json:"seconds"`
	Messages int64   `json:"messages"` // in the time that was measured
	// PerSecond is the number of messages a second.
	PerSecond float64 `json:"messagesPerSecond"`
	// MBPerSecond is 10⁶ bytes a second: of bodies sent, or of records read.
	MBPerSecond float64 `json:"megabytesPerSecond"`
	Requests    int64   `json:"requests"`
	// Latency is that of a request; in mode tail from a message's due time to its
	// consumer. Mode oneway has none.
	Latency Latency         `json:"latency"`
	Acks    *Latency        `json:"acks,omitempty"`    // mode tail: of the sends
	Dropped int64           `json:"dropped,omitempty"` // messages that were not sent, for being too late
	Errors  map[int32]int64 `json:"errors"`            // messages by the code they were answered with
	Process *ProcessUsage   `json:"process,omitempty"`
	Own     GeneratorUsage  `json:"generator"`

	// Acknowledged and Read count the messages of the whole run, with warm-up and
	// end. Stored is by how much the queues grew: less than Acknowledged is a loss,
	// except in mode oneway, which counts what was written.
	Acknowledged int64 `json:"acknowledged"`
	Stored       int64 `json:"stored"`
	Read         int64 `json:"read,omitempty"`
}

// Latency is a distribution, in microseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	const micro = float64(time.Microsecond)
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / micro }
	return Latency{Mean: h.Mean() / micro, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / micro}
}

// ProcessUsage is what the process under load used.
type ProcessUsage struct {
	PID           int     `json:"pid"`
	MicrosPerMsg  float64 `json:"cpuMicrosPerMessage"`
	Cores         float64 `json:"cores"` // CPU time by time
	ResidentBytes int64   `json:"residentBytes"`
	PeakBytes     int64   `json:"peakBytes"` // since the process began
}

// GeneratorUsage is what the generator itself used.
type GeneratorUsage struct {
	MicrosPerMsg float64 `json:"cpuMicrosPerMessage"`
	Cores        float64 `json:"cores"`
}

// usage is CPU time at a moment.
type usage struct{ process, own time.Duration }

func usageNow(pid int) (u usage, err error) {
	if pid > 0 {
		u.process, err = cpuOf(pid)
	}
	u.own = ownCPU()
	return u, err
}

func newReport(o *Options, t sum, took time.Duration) *Report {
	r := &Report{
		Mode: o.Mode, Topic: o.Topic, Connections: o.Connections, Size: o.Size, Rate: o.Rate, Delay: o.Delay.Seconds(),
		Seconds: took.Seconds(), Messages: t.done, Requests: t.requests, Dropped: t.dropped, Latency: latencyOf(t.total), Errors: t.errors,
	}
	bytes := t.bytes
	if !o.Mode.reads() && o.Mode != Tail {
		bytes = t.done * int64(o.Size)
	}
	if o.Mode != Oneway && o.Mode != CatchUp {
		r.InFlight = o.inFlight()
	}
	if o.Mode == Batch {
		r.Batch = o.Batch
	}
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Messages) / r.Seconds
		r.MBPerSecond = float64(bytes) / r.Seconds / 1e6
	}
	return r
}

// use adds what was used since before.
func (r *Report) use(before usage, pid int) error {
	after, err := usageNow(pid)
	if err != nil {
		return err
	}
	perMessage := func(d time.Duration) float64 {
		return float64(d) / float64(time.Microsecond) / float64(max(r.Messages, 1))
	}
	own := after.own - before.own
	r.Own = GeneratorUsage{MicrosPerMsg: perMessage(own), Cores: own.Seconds() / r.Seconds}
	if pid == 0 {
		return nil
	}
	cpu := after.process - before.process
	r.Process = &ProcessUsage{PID: pid, MicrosPerMsg: perMessage(cpu), Cores: cpu.Seconds() / r.Seconds}
	r.Process.ResidentBytes, r.Process.PeakBytes, err = memoryOf(pid)
	return err
}

// Lost reports how many acknowledged messages are not in the queues.
func (r *Report) Lost() int64 {
	if r.Mode.reads() || r.Delay > 0 {
		return 0
	}
	return max(0, r.Acknowledged-r.Stored)
}

// Write writes the report as text.
func (r *Report) Write(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	what := fmt.Sprintf("%s, %d connections", r.Mode, r.Connections)
	if r.InFlight > 0 && r.Rate > 0 {
		what += fmt.Sprintf(", at most %d in flight", r.InFlight)
	} else if r.InFlight > 0 {
		what += fmt.Sprintf(", %d in flight", r.InFlight)
	}
	if r.Batch > 0 {
		what += fmt.Sprintf(", batches of %d", r.Batch)
	}
	if !r.Mode.reads() {
		what += fmt.Sprintf(", %d bytes", r.Size)
	}
	if r.Delay > 0 {
		what += fmt.Sprintf(", each waits for %.0f s", r.Delay)
	}
	if r.Rate > 0 {
		what += fmt.Sprintf(", open loop of %.0f msg/s", r.Rate)
	}
	fmt.Fprintf(w, "load\t%s\n", what)
	fmt.Fprintf(w, "messages\t%d in %.1f s\n", r.Messages, r.Seconds)
	fmt.Fprintf(w, "rate\t%.0f msg/s, %.1f MB/s\n", r.PerSecond, r.MBPerSecond)
	if r.Mode != Oneway {
		fmt.Fprintf(w, "latency\t%s\n", r.Latency)
	}
	if r.Acks != nil {
		fmt.Fprintf(w, "of the sends\t%s\n", r.Acks)
	}
	fmt.Fprintf(w, "errors\t%s\n", errorsText(r.Errors))
	if r.Dropped > 0 {
		fmt.Fprintf(w, "dropped\t%d, late for want of a place in the window\n", r.Dropped)
	}
	if !r.Mode.reads() && r.Delay == 0 {
		fmt.Fprintf(w, "stored\t%d of %d\n", r.Stored, r.Acknowledged)
	}
	if p := r.Process; p != nil {
		fmt.Fprintf(w, "process %d\t%.2f µs CPU a message, %.2f cores, %d MiB resident, %d MiB at most\n",
			p.PID, p.MicrosPerMsg, p.Cores, p.ResidentBytes>>20, p.PeakBytes>>20)
	}
	fmt.Fprintf(w, "generator\t%.2f µs CPU a message, %.2f cores\n", r.Own.MicrosPerMsg, r.Own.Cores)
	return w.Flush()
}

func (l Latency) String() string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
}

// micros writes microseconds with three digits.
func micros(us float64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.2f ms", us/1000)
	case us < 100_000:
		return fmt.Sprintf("%.1f ms", us/1000)
	default:
		return fmt.Sprintf("%.0f ms", us/1000)
	}
}

func errorsText(errors map[int32]int64) string {
	if len(errors) == 0 {
		return "none"
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(errors)) {
		if code == NoAnswer {
			parts = append(parts, fmt.Sprintf("%d without an answer in %v", errors[code], answerLimit))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d of code %d", errors[code], code))
	}
	return strings.Join(parts, ", ")
}

// String is the line that shows progress.
func (p Progress) String() string {
	return fmt.Sprintf("%4.0f s  %8.0f msg/s  p50 %s  p99 %s  max %s  errors %d",
		p.Elapsed.Seconds(), p.Rate, micros(p.Latency.P50), micros(p.Latency.P99), micros(p.Latency.Max), p.Errors)
}

// Resident returns the memory that a process has resident, in bytes.
func Resident(pid int) (int64, error) {
	now, _, err := memoryOf(pid)
	return now, err
}

// CPU returns the CPU time that a process has used.
func CPU(pid int) (time.Duration, error) { return cpuOf(pid) }
