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

	"github.com/actormq/actormq/testkit/bench"
	"github.com/actormq/actormq/testkit/bench/floor"
)

// floorCommand makes this command a floor, a process of its own.
const floorCommand = "floor"

func runFloor(args []string) error {
	f := flag.NewFlagSet(floorCommand, flag.ExitOnError)
	addr := f.String("addr", "127.0.0.1:0", "address to listen on")
	path := f.String("file", "", "file to write to")
	_ = f.Parse(args) // it exits
	file, err := os.Create(*path)
	if err != nil {
		return err
	}
	defer file.Close()
	s, err := floor.Listen(*addr, file)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return s.Close()
}

// measureFloor runs the loads of a group on a floor, each on a new one.
func measureFloor(ctx context.Context, o options, g group, t *table) error {
	dir, err := os.MkdirTemp(o.root, "floor-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, sc := range g.scenarios {
		r, err := loadFloor(ctx, o, dir, sc)
		if err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
		t.measured(sc.name, bare, r)
	}
	return nil
}

func loadFloor(ctx context.Context, o options, dir string, sc scenario) (r result, err error) {
	_, port, err := freePorts()
	if err != nil {
		return r, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	p, err := startProcess([]string{self, floorCommand, "-addr", addr, "-file", filepath.Join(dir, "log")}, dir, "floor")
	if err != nil {
		return r, err
	}
	defer p.stop()
	s := &server{kind: bare, dir: dir, processes: []*process{p}, primary: p}
	if err := s.await(ctx, func() error { return accepts(addr) }); err != nil {
		return r, err
	}
	b := bench.Defaults()
	b.Address, b.PID, b.Topic = addr, p.cmd.Process.Pid, "bench"
	b.Duration, b.Warmup = o.duration, time.Second
	sc.set(&b)
	report, err := bench.Run(ctx, b)
	if err != nil {
		return r, err
	}
	return newResult(report), ctx.Err()
}
