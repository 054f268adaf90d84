// Command explore runs simulated clusters under fresh seeds, or one seed again.
//
//	explore -budget 60s            seeds for a minute; fails if one does
//	explore -seed 17               that seed again, with its trace
//	explore -plan failed.json      a plan that was written by an earlier run
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/actormq/actormq/testkit/swarm"
)

func main() {
	first := flag.Uint64("first", 0, "first seed; 0 takes one from the clock")
	runs := flag.Int("seeds", 0, "how many seeds; 0 means as many as the budget allows")
	budget := flag.Duration("budget", time.Minute, "for how long")
	seed := flag.Uint64("seed", 0, "run this seed only, and print its trace")
	plan := flag.String("plan", "", "run the plan in this file only, and print its trace")
	shrink := flag.Int("shrink", 300, "runs to spend on making a failing plan smaller")
	flag.Parse()
	if *runs > 0 {
		*budget = 0
	}
	err := error(nil)
	switch {
	case *plan != "":
		err = replayFile(*plan)
	case *seed != 0:
		err = replay(swarm.Draw(*seed))
	default:
		err = explore(*first, *runs, *budget, *shrink)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func explore(first uint64, runs int, budget time.Duration, shrink int) error {
	if first == 0 {
		first = uint64(time.Now().UnixMilli())
	}
	fmt.Printf("seeds from %d on\n", first)
	found := swarm.Explore(first, runs, budget, 1, runtime.GOMAXPROCS(0))
	found.Report(os.Stdout)
	if len(found.Failed) == 0 {
		return nil
	}
	failed := found.Failed[0]
	fmt.Printf("\nSEED %d FAILED: %v\n\nmaking its plan smaller …\n", failed.Plan.Seed, failed.Err)
	smaller := swarm.Shrink(failed.Plan, shrink)
	text, err := json.MarshalIndent(smaller.Plan, "", "  ")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("swarm-%d.json", smaller.Plan.Seed)
	if err := os.WriteFile(name, append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s\n\n%v\n\nthe end of its trace:\n%s\n", text, smaller.Err, smaller.Trace)
	return fmt.Errorf("replay it with: make sim PLAN=%s   (the whole of it: make sim SEED=%d)", name, failed.Plan.Seed)
}

func replayFile(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var plan swarm.Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return replay(plan)
}

func replay(plan swarm.Plan) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	result := swarm.Run(plan, out)
	fmt.Fprintf(out, "\n%d messages sent, %d acknowledged, %d consumed in %v of virtual time; trace %s\n",
		result.Sent, result.Acknowledged, result.Consumed, result.Virtual, result.Digest)
	if result.Err != nil {
		return fmt.Errorf("seed %d failed: %w", plan.Seed, result.Err)
	}
	return nil
}
