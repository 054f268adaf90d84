package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// scenario is a row of the table.
type scenario struct {
	name, title string
	messages    int64 // that count
	consumed    bool  // or else sent
	run         func(s sender, count int64, body []byte) error
}

const bodySize = 1024

// scenarios are in the order of the table. Consumption comes last: it has the
// messages of a topic that is filled before.
var scenarios = []scenario{
	{name: "sync-1", title: "`Send`, 1 caller", messages: 30_000,
		run: func(s sender, count int64, body []byte) error { return callers(s, 1, count, body) }},
	{name: "sync-64", title: "`Send`, 64 callers", messages: 200_000,
		run: func(s sender, count int64, body []byte) error { return callers(s, 64, count, body) }},
	{name: "async", title: "`SendAsync`, 512 in flight", messages: 200_000,
		run: func(s sender, count int64, body []byte) error { return inFlight(s, 512, count, body) }},
	{name: "consume", title: "`Consumer`, catching up", messages: 400_000, consumed: true},
}

// figures are what a measurement brought.
type figures struct {
	Rate   float64 // messages a second
	PerCPU float64 // messages a second of the client's CPU
	Allocs float64 // a message
	Bytes  float64 // allocated a message
}

// usage is a point in time.
type usage struct {
	at      time.Time
	cpu     time.Duration
	mallocs uint64
	bytes   uint64
}

func now() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // it has no reason to fail
	}
	return usage{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.Mallocs, m.TotalAlloc}
}

func (u usage) since(before usage, n int64) figures {
	return figures{
		Rate: float64(n) / u.at.Sub(before.at).Seconds(), PerCPU: float64(n) / (u.cpu - before.cpu).Seconds(),
		Allocs: float64(u.mallocs-before.mallocs) / float64(n), Bytes: float64(u.bytes-before.bytes) / float64(n),
	}
}

// worker is one measurement, in a process of its own: worker <client> <scenario>
// <name server> <topic> <messages>. It prints its figures as JSON.
func worker(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("worker with arguments %q", args)
	}
	c := clients[args[0]]
	count, err := strconv.ParseInt(args[4], 10, 64)
	if err != nil || c == nil {
		return fmt.Errorf("worker with arguments %q", args)
	}
	for _, s := range scenarios {
		if s.name != args[1] {
			continue
		}
		measure := measureSending
		if s.consumed {
			measure = measureConsuming
		}
		f, err := measure(c, s, args[2], args[3], count)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(f)
	}
	return fmt.Errorf("no scenario %q", args[1])
}

// warming is the part of the messages that go before those that count.
const warming = 10

func measureSending(c client, s scenario, names, topic string, count int64) (figures, error) {
	sender, err := c.sender(names, topic)
	if err != nil {
		return figures{}, err
	}
	defer sender.close()
	body := make([]byte, bodySize)
	// One goes ahead: callers of client-go that ask for a route together do not all
	// get it.
	if err := callers(sender, 1, 1, body); err != nil {
		return figures{}, err
	}
	if err := s.run(sender, count/warming, body); err != nil {
		return figures{}, err
	}
	before := now()
	if err := s.run(sender, count, body); err != nil {
		return figures{}, err
	}
	return now().since(before, count), nil
}

// consumeLimit bounds the consumption of all messages.
const consumeLimit = 3 * time.Minute

func measureConsuming(c client, _ scenario, names, topic string, count int64) (figures, error) {
	ctx, cancel := context.WithTimeout(context.Background(), consumeLimit)
	defer cancel()
	warm := count / warming
	var got atomic.Int64
	first, last := make(chan usage, 1), make(chan usage, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- c.consume(ctx, names, topic, fmt.Sprint("sdkbench-", os.Getpid()), func() {
			switch got.Add(1) {
			case warm:
				first <- now()
			case count:
				last <- now()
			}
		})
	}()
	select {
	case end := <-last:
		cancel()
		return end.since(<-first, count-warm), <-ended
	case err := <-ended:
		return figures{}, fmt.Errorf("%d of %d messages came: %w", got.Load(), count, err)
	}
}
