// Command compat builds and runs the compatibility suite; run.sh calls it.
//
// It fetches Apache's jars, builds the cases, and for each server under test
// starts a cluster shared by most cases, runs the suites against it, and prints
// a line per case and a summary. Whatever a run wrote is deleted if all cases
// passed and kept otherwise.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (bool, error) {
	command := ""
	if len(args) > 0 && (args[0] == "serve" || args[0] == "sdk") {
		command, args = args[0], args[1:]
	}
	targets, filter, err := parse(args)
	if err != nil {
		return false, err
	}
	here, err := os.Getwd()
	if err != nil {
		return false, err
	}
	b := &build{dir: here, cache: filepath.Join(here, ".cache")}
	if err := b.all(ctx, targets); err != nil {
		return false, err
	}
	switch command {
	case "serve":
		return true, serve(ctx, b, targets[0])
	case "sdk":
		for _, kind := range targets {
			if err := testSDK(ctx, b, kind, filter.String()); err != nil {
				return false, err
			}
		}
		return true, nil
	}
	passed := true
	for _, kind := range targets {
		began := time.Now()
		r := &report{}
		if err := runTarget(ctx, b, kind, filter, r); err != nil {
			return false, err
		}
		fmt.Printf("compat %s: %d passed, %d failed (%.0f s)\n", kind, r.passed, r.failed, time.Since(began).Seconds())
		passed = passed && r.failed == 0 && r.passed > 0
	}
	return passed, nil
}

func parse(args []string) ([]cluster.Kind, *regexp.Regexp, error) {
	targets := []cluster.Kind{cluster.Actormq}
	if len(args) > 0 {
		if args[0] == "both" {
			targets = []cluster.Kind{cluster.Apache, cluster.Actormq}
		} else {
			kind, err := cluster.ParseKind(args[0])
			if err != nil {
				return nil, nil, fmt.Errorf("%w or both", err)
			}
			targets = []cluster.Kind{kind}
		}
	}
	pattern := ""
	if len(args) > 1 {
		pattern = args[1]
	}
	if len(args) > 2 {
		return nil, nil, fmt.Errorf("usage: run.sh [serve|sdk] [apache|actormq|both] [case-filter]")
	}
	filter, err := regexp.Compile(pattern)
	return targets, filter, err
}

// serve starts the shared cluster, prints the environment that the suites need
// and keeps it up until interrupted, for working on single cases.
func serve(ctx context.Context, b *build, kind cluster.Kind) error {
	root, err := b.root(kind)
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	s, err := startShared(b.launcher(root), kind)
	if err != nil {
		return err
	}
	defer s.stop()
	for _, pair := range append(b.env(kind, root), s.env()...) {
		fmt.Printf("export '%s'\n", pair)
	}
	<-ctx.Done()
	return nil
}

// runTarget starts the shared cluster of one kind of server and runs the suites.
func runTarget(ctx context.Context, b *build, kind cluster.Kind, filter *regexp.Regexp, r *report) (err error) {
	root, err := b.root(kind)
	if err != nil {
		return err
	}
	defer func() {
		if err == nil && r.failed == 0 {
			os.RemoveAll(root)
			return
		}
		fmt.Printf("compat %s: logs and stores are in %s\n", kind, root)
	}()
	shared, err := startShared(b.launcher(root), kind)
	if err != nil {
		return err
	}
	defer shared.stop()
	env := append(b.env(kind, root), shared.env()...)
	for _, stage := range stages(kind) {
		runStage(ctx, b, stage, env, root, filter, r)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return shared.alive()
}
