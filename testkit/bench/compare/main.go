// Command compare measures this project's broker next to Apache RocketMQ's, and
// next to the floor, on one machine, and writes docs/performance.md; ../run.sh
// calls it.
//
// Loads come in groups, each of which has a broker of its own configuration on an
// empty store. The brokers take turns, in pairs: a pair runs the loads of a group
// on one, then on the other, and the next pair begins with the other one. Figures
// are medians over the pairs, ratios medians of the ratios within a pair, which
// share the machine's mood.
//
// What was measured is kept in a file of results, so that the table can be
// measured in parts, on several days; a row says when, at which commit and in how
// many pairs. Measuring a row again replaces it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		fail(runFloor(os.Args[2:]))
		return
	}
	var o options
	only := flag.String("only", "", "regular expression of the rows, or groups of rows, to measure")
	flag.StringVar(&o.jars, "jars", "", "folder with Apache's jars; empty measures actormq only")
	flag.StringVar(&o.binary, "binary", "bin/actormq", "actormq's executable; empty measures Apache only")
	flag.StringVar(&o.heap, "heap", "4g", "heap of Apache's broker")
	flag.StringVar(&o.root, "root", "", "folder for stores and logs; empty makes one and deletes it")
	flag.StringVar(&o.results, "results", "testkit/bench/results.json", "file of results, which is added to")
	flag.StringVar(&o.report, "report", "docs/performance.md", "file to write; its plots go to a folder of that name")
	flag.StringVar(&o.notes, "notes", "testkit/bench/notes.md", "text that goes into the report as it is")
	flag.IntVar(&o.pairs, "pairs", 5, "pairs to measure; 0 only writes the report")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "time to measure each load")
	flag.DurationVar(&o.warmup, "warmup", 10*time.Second, "time to warm a broker up after its start")
	flag.DurationVar(&o.budget, "budget", 0, "begin no group of rows after this time, those measured longest ago come first; 0 is no limit")
	flag.BoolVar(&o.add, "add", false, "keep the pairs of rows that were measured before, and add to them")
	list := flag.Bool("list", false, "list the rows and end")
	flag.Parse()
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		fail(err)
	}
	if *list {
		printRows(o)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(run(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

type options struct {
	jars, binary, heap, root, results, report, notes string
	only                                             *regexp.Regexp
	pairs                                            int
	duration, warmup, budget                         time.Duration
	add                                              bool
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
	t, err := loadTable(o.results)
	if err != nil {
		return err
	}
	if o.pairs > 0 {
		if err := measureAll(ctx, o, t); err != nil {
			return err
		}
	}
	return t.write(o)
}

// measureAll measures the groups, and returns what failed. Other loads go on.
func measureAll(ctx context.Context, o options, t *table) (err error) {
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
	t.begin(o)
	began := time.Now()
	var failed error
	for _, g := range t.oldestFirst(groups(o)) {
		if o.budget > 0 && time.Since(began) > o.budget {
			fmt.Fprintf(os.Stderr, "no time left for %s\n", g.name)
			continue
		}
		for pair := range o.pairs {
			failed = errors.Join(failed, measurePair(ctx, o, t, g, pair))
			if err := t.save(o.results); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return failed
			}
		}
	}
	return failed
}

// measurePair runs a group on each kind of broker, and on the floor.
func measurePair(ctx context.Context, o options, t *table, g group, pair int) (failed error) {
	kinds := o.kinds()
	t.nextPair(o, g, pair)
	for i := range kinds {
		k := kinds[(i+pair)%len(kinds)]
		if err := g.measure(ctx, o, k, t); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", g.name, k, err))
		}
	}
	if g.floor {
		if err := measureFloor(ctx, o, g, t); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s, floor: %w", g.name, err))
		}
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, "FAILED", failed)
	}
	return failed
}

// startTries is how often a server may be started before that fails: a port that was
// free may be taken by the time that it is bound.
const startTries = 3

// measure runs the loads of a group on a new broker.
func (g group) measure(ctx context.Context, o options, k kind, t *table) error {
	s, err := start(ctx, o, k, g)
	for try := 1; err != nil && try < startTries && ctx.Err() == nil; try++ {
		fmt.Fprintf(os.Stderr, "%-8s did not start, trying again: %v\n", k, err)
		s, err = start(ctx, o, k, g)
	}
	if err != nil {
		return err
	}
	defer s.stop()
	if g.startup {
		t.add(startRow, k, result{Seconds: s.startup.Seconds(), Resident: s.resident})
		fmt.Fprintf(os.Stderr, "%-8s first message after %.3f s, %d MiB resident\n", k, s.startup.Seconds(), s.resident>>20)
	}
	if err := s.warm(ctx, o.warmup, g.warm); err != nil {
		return err
	}
	if g.special != nil {
		if err := g.special(ctx, o, s, t); err != nil {
			return err
		}
		return s.stop()
	}
	var failed error
	for _, sc := range g.scenarios {
		r, err := s.load(ctx, o, sc)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", sc.name, err))
			continue
		}
		t.measured(sc.name, k, r)
	}
	return errors.Join(failed, s.stop())
}
