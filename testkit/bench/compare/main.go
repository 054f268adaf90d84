// Command compare measures this project's broker next to Apache RocketMQ's on one
// machine and writes docs/performance.md; ../run.sh calls it.
//
// The two take turns, in pairs: a pair runs every scenario on one, then on the
// other, each on an empty store, and the next pair begins with the other one. A
// table's figures are medians over the pairs, its ratios medians of the ratios
// within a pair, which share the machine's mood.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.jars, "jars", "", "folder with Apache's jars; empty measures actormq only")
	flag.StringVar(&o.binary, "binary", "bin/actormq", "actormq's executable; empty measures Apache only")
	flag.StringVar(&o.heap, "heap", "4g", "heap of Apache's broker")
	flag.StringVar(&o.root, "root", "", "folder for stores and logs; empty makes one and deletes it")
	flag.StringVar(&o.report, "report", "docs/performance.md", "file to write; empty prints")
	flag.IntVar(&o.pairs, "pairs", 3, "pairs to measure")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "time to measure each scenario")
	flag.DurationVar(&o.warmup, "warmup", 20*time.Second, "time to warm a broker up after its start")
	flag.StringVar(&o.only, "only", "", "name of the only scenario to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

type options struct {
	jars, binary, heap, root, report, only string
	pairs                                  int
	duration, warmup                       time.Duration
}

// kinds returns whose brokers are measured.
func (o *options) kinds() (all []kind) {
	if o.jars != "" {
		all = append(all, apache)
	}
	if o.binary != "" {
		all = append(all, ours)
	}
	return all
}

func run(ctx context.Context, o options) (err error) {
	if o.root == "" {
		if o.root, err = os.MkdirTemp("", "actormq-compare-"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(o.root)
			} else {
				err = fmt.Errorf("%w (logs are in %s)", err, o.root)
			}
		}()
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	kinds := o.kinds()
	t := &table{machine: describe(o), results: make(map[string]map[kind][]result)}
	for pair := range o.pairs {
		for i := range kinds {
			k := kinds[(i+pair)%len(kinds)]
			for _, g := range groups(o) {
				if err := measure(ctx, o, k, g, t); err != nil {
					return fmt.Errorf("%s: %w", k, err)
				}
			}
		}
	}
	t.load = loadAverage()
	text := t.text(o)
	if o.report == "" {
		fmt.Print(text)
		return nil
	}
	return os.WriteFile(o.report, []byte(text), 0o644)
}

// measure runs the scenarios of a group on a new broker.
func measure(ctx context.Context, o options, k kind, g group, t *table) error {
	if len(g.scenarios) == 0 {
		return nil
	}
	s, err := start(ctx, o, k, g)
	if err != nil {
		return err
	}
	defer s.stop()
	if g.startup {
		t.add("start", k, result{seconds: s.startup.Seconds(), resident: s.resident})
		fmt.Fprintf(os.Stderr, "%-8s first message after %.3f s, %d MiB resident\n", k, s.startup.Seconds(), s.resident>>20)
	}
	if err := s.warm(ctx, o.warmup); err != nil {
		return err
	}
	for _, sc := range g.scenarios {
		r, err := s.load(ctx, o, sc)
		if err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
		fmt.Fprintf(os.Stderr, "%-8s %-12s %8.0f msg/s  p50 %.0f µs  p99 %.0f µs  %.2f µs CPU a message\n",
			k, sc.name, r.rate, r.p50, r.p99, r.cpu)
		t.add(sc.name, k, r)
	}
	return s.stop()
}
