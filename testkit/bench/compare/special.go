package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/bench"
)

// writeTopics gives a broker that was not started yet many topics, in the file
// that both kinds of broker read.
func writeTopics(s *server) error {
	table := make(map[string]*messages.TopicConfig, topicCount)
	for i := range topicCount {
		name := bench.TopicName(manyTopics, i)
		table[name] = messages.NewTopicConfig(name, topicQueues, topicQueues, messages.PermRead|messages.PermWrite)
	}
	text, err := json.Marshal(map[string]any{
		"dataVersion":      map[string]any{"counter": 1, "timestamp": 0, "stateVersion": 0},
		"topicConfigTable": table,
	})
	if err != nil {
		return err
	}
	dir := filepath.Join(s.conf["storePathRootDir"], "config")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "topics.json"), text, 0o644)
}

// storeSizes are those whose starts are measured, in GiB.
var storeSizes = []int{1, 4}

// fillSize is the body of a message that only takes space, in bytes.
const fillSize = 4 << 10

// recovery measures starts on stores of several sizes.
func recovery() group {
	g := group{
		name: "recovery", title: "Starts by the size of the store", special: measureRecovery,
		about: "From the start of the process to the first message that it accepts. Messages of 4 KiB.",
	}
	for _, size := range storeSizes {
		g.scenarios = append(g.scenarios,
			scenario{name: fmt.Sprintf("start-clean-%d", size), title: fmt.Sprintf("%d GiB, after a stop in order", size)},
			scenario{name: fmt.Sprintf("start-kill-%d", size), title: fmt.Sprintf("%d GiB, after kill -9 under load", size)},
		)
	}
	return g
}

func measureRecovery(ctx context.Context, o options, s *server, t *table) error {
	have := 0
	for _, size := range storeSizes {
		if err := s.fill(ctx, "bench-fill", fillSize, int64(size-have)<<30/fillSize, nil); err != nil {
			return err
		}
		have = size
		for _, crash := range []bool{false, true} {
			if err := s.end(ctx, crash); err != nil {
				return err
			}
			if err := s.startBroker(ctx, o, false); err != nil {
				return err
			}
			name := fmt.Sprintf("start-clean-%d", size)
			if crash {
				name = fmt.Sprintf("start-kill-%d", size)
			}
			fmt.Fprintf(os.Stderr, "%-8s %-18s %.3f s\n", s.kind, name, s.startup.Seconds())
			t.add(name, s.kind, result{Seconds: s.startup.Seconds(), Resident: s.resident})
		}
	}
	return nil
}

// end stops the broker, or kills it under load.
func (s *server) end(ctx context.Context, crash bool) error {
	if !crash {
		return s.stopBroker(false)
	}
	load := s.options()
	load.Topic, load.Duration = "bench-fill", time.Minute
	ended := make(chan struct{})
	go func() {
		_, _ = bench.Run(ctx, load) // it fails, as the broker dies
		close(ended)
	}()
	time.Sleep(settle)
	err := s.stopBroker(true)
	<-ended
	return err
}

// coldBytes is how much is read from the disk.
const coldBytes = 3 << 29

// cold measures reading what is not in the page cache, while others send.
func cold() group {
	return group{
		name: "cold", title: "Cold catch-up while sending", special: measureCold, latency: true,
		about: "The broker was restarted, and its store dropped from the page cache; 5,000 msg/s are sent meanwhile.",
		scenarios: []scenario{
			{name: "cold-read", title: "catch-up, 1 KiB, 2 connections"},
			{name: "cold-send", title: "sends meanwhile, 5,000 msg/s"},
		},
	}
}

func measureCold(ctx context.Context, o options, s *server, t *table) error {
	if err := s.fill(ctx, "bench-cold", 1<<10, coldBytes>>10, nil); err != nil {
		return err
	}
	if err := s.stopBroker(false); err != nil {
		return err
	}
	if err := evict(s.conf["storePathRootDir"]); err != nil {
		return err
	}
	if err := s.startBroker(ctx, o, false); err != nil {
		return err
	}
	if err := s.warm(ctx, o.warmup, nil); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	type outcome struct {
		report *bench.Report
		err    error
	}
	sent := make(chan outcome, 1)
	go func() {
		load := s.options()
		load.Rate, load.Duration = 5000, time.Hour
		report, err := bench.Run(sending, load)
		sent <- outcome{report, err}
	}()
	read := s.options()
	read.Mode, read.Topic, read.Connections, read.Duration = bench.CatchUp, "bench-cold", 2, 0
	report, err := bench.Run(ctx, read)
	stop()
	sends := <-sent
	if err := errors.Join(err, sends.err, ctx.Err()); err != nil {
		return err
	}
	t.measured("cold-read", s.kind, newResult(report))
	t.measured("cold-send", s.kind, newResult(sends.report))
	return nil
}

// evict drops the files below dir from the page cache. No process may have them
// mapped.
func evict(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// sweepSteps are loads in percent of a broker's capacity.
var sweepSteps = []int{10, 25, 50, 75, 90, 100, 110, 125, 150, 175, 200}

// What a sweep offers from: so many connections, each with so many messages in
// flight at most, and messages that are too late are given up, as by callers.
const (
	sweepConnections = 64
	sweepWindow      = 4096
	sweepLate        = time.Second
	sweepSize        = 128 // bytes, so that the disk is not the limit
)

func sweepRow(percent int) string { return fmt.Sprintf("sweep-%03d", percent) }

// sweep offers less and more than a broker can take.
func sweep() group {
	g := group{
		name: "sweep", title: "Offered load against capacity", special: measureSweep, latency: true,
		about: fmt.Sprintf("Open loops of %d B over %d connections, each with at most %d messages in flight, in percent of what the same broker "+
			"takes in a closed loop. A message that is late by %v for want of a free place is given up.", sweepSize, sweepConnections, sweepWindow, sweepLate),
	}
	for _, percent := range sweepSteps {
		g.scenarios = append(g.scenarios, scenario{name: sweepRow(percent), title: fmt.Sprintf("%d %%", percent)})
	}
	return g
}

func measureSweep(ctx context.Context, o options, s *server, t *table) error {
	capacity := s.options()
	capacity.Size = sweepSize
	capacity.Mode, capacity.Connections, capacity.Window = bench.Async, sweepConnections, sweepConnections*128
	capacity.Warmup, capacity.Duration = time.Second, o.duration
	report, err := bench.Run(ctx, capacity)
	if err != nil {
		return err
	}
	for _, percent := range sweepSteps {
		b := s.options()
		b.Size = sweepSize
		b.Connections, b.Window, b.Late = sweepConnections, sweepConnections*sweepWindow, sweepLate
		b.Rate = report.PerSecond * float64(percent) / 100
		b.Warmup, b.Duration = time.Second, o.duration
		step, err := bench.Run(ctx, b)
		if err != nil {
			return fmt.Errorf("%d %%: %w", percent, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r := newResult(step)
		fmt.Fprintf(os.Stderr, "%-8s %3d %% of %.0f: refused %d, unanswered %d, given up %d\n",
			s.kind, percent, report.PerSecond, r.Refused, r.Silent, r.Dropped)
		t.measured(sweepRow(percent), s.kind, r)
	}
	return nil
}
