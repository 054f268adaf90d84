package main

import (
	"context"
	"fmt"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/bench"
)

// What the group timers does: so many messages wait for a time that is not reached,
// while as many as timersDue are sent that wait for a moment only.
const (
	timersPending = 1_000_000
	timersDue     = 300_000
	timersSize    = 128 // bytes
	timersFar     = 6 * time.Hour
	timersNear    = 20 * time.Second
)

// timers measures messages that wait for their times beside many others that do.
func timers() group {
	return group{
		name: "timers", title: "Messages that wait for their times", special: measureTimers,
		about: fmt.Sprintf("%s messages of %d B wait in the store for times that are not reached. %s are sent that wait for one moment, %v "+
			"after the first; what is delivered counts from that moment on, and with the CPU of the sends.",
			thousands(timersPending), timersSize, thousands(timersDue), timersNear),
		scenarios: []scenario{
			{name: "timers-sent", title: "64 callers, 128 B, sends"},
			{name: "timers-delivered", title: "sent and delivered"},
		},
	}
}

func measureTimers(ctx context.Context, _ options, s *server, t *table) error {
	later := func(topic string, count int64, delay time.Duration) bench.Options {
		o := s.options()
		o.Topic, o.Size, o.Duration, o.Count, o.Delay = topic, timersSize, 0, count, delay
		return o
	}
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{s.nameServer}})
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := bench.Run(ctx, later("bench-far", timersPending, timersFar)); err != nil {
		return fmt.Errorf("filling: %w", err)
	}
	// Timers are taken up in the order in which they were sent: once one of a second is
	// there, all before it are taken up.
	if _, err := bench.Run(ctx, later("bench-taken-up", 1, time.Second)); err != nil {
		return err
	}
	if err := s.await(ctx, func() error { return holds(ctx, client, "bench-taken-up", 1) }); err != nil {
		return err
	}
	before, err := bench.CPU(s.primary.cmd.Process.Pid)
	if err != nil {
		return err
	}
	near := later("bench-due", timersDue, 0)
	near.At = time.Now().Add(timersNear).Truncate(time.Second)
	report, err := bench.Run(ctx, near)
	if err != nil {
		return err
	}
	t.measured("timers-sent", s.kind, newResult(report))
	if err := s.await(ctx, func() error { return holds(ctx, client, "bench-due", report.Acknowledged) }); err != nil {
		return err
	}
	took := time.Since(near.At)
	after, err := bench.CPU(s.primary.cmd.Process.Pid)
	if err != nil {
		return err
	}
	resident, err := bench.Resident(s.primary.cmd.Process.Pid)
	t.measured("timers-delivered", s.kind, result{
		Rate: float64(report.Acknowledged) / took.Seconds(), Resident: resident,
		CPU: float64((after - before).Microseconds()) / float64(report.Acknowledged),
	})
	return err
}

// holds fails unless a topic's queues have so many messages.
func holds(ctx context.Context, client *actormq.Client, topic string, want int64) error {
	queues, err := client.Queues(ctx, topic)
	if err != nil {
		return err
	}
	have := int64(0)
	for _, q := range queues {
		end, err := client.MaxOffset(ctx, q)
		if err != nil {
			return err
		}
		have += end
	}
	if have < want {
		return fmt.Errorf("%s has %d of %d messages", topic, have, want)
	}
	return nil
}
