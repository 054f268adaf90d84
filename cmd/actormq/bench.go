package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/actormq/actormq/testkit/bench"
)

// benchThreads bounds the generator's use of a machine that it shares with the
// broker it measures.
const benchThreads = 2

// benching is the flags of `actormq bench`.
type benching struct {
	bench.Options
	mode, consume, header, output string
	quiet                         bool
}

func benchCommand() *cobra.Command {
	o := benching{Options: bench.Defaults()}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Load a broker and measure it",
		Long: `Loads a RocketMQ broker, this one or Apache's, and prints rate, latencies and, of a
process on this machine, CPU time per message and memory.

Without --rate as many messages are in flight as there are --callers (or --window
in mode async). With --rate each message has a time at which it is due; latency
counts from then, also for messages that were sent late.`,
		Example: `  actormq bench --duration 10s
  actormq bench --callers 512 --connections 8 --pid $(pgrep -f 'actormq broker')
  actormq bench --rate 20000 --duration 30s -o json
  actormq bench --mode batch --batch 100 --size 256
  actormq bench --count 1000000 --topic replay && actormq bench --consume catch-up --topic replay
  actormq bench --consume tail --rate 1000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	nameServerFlag(f, &o.NameServers)
	f.StringVarP(&o.Topic, "topic", "t", o.Topic, "topic to use; it is created if it does not exist")
	f.IntVar(&o.Queues, "queues", o.Queues, "queues of the topic to use on each broker")
	f.IntVar(&o.Connections, "connections", o.Connections, "connections")
	f.IntVar(&o.Callers, "callers", o.Callers, "callers that wait for answers, over all connections")
	f.IntVar(&o.Window, "window", o.Window, "messages in flight over all connections, with --mode async or --rate")
	f.IntVar(&o.Size, "size", o.Size, "bytes of a message's body")
	f.StringVar(&o.mode, "mode", string(bench.Sync), "sync, async, oneway, batch or transaction")
	f.StringVar(&o.consume, "consume", "", "measure consumption instead: catch-up (read the topic), tail (latency to the consumer) or pop (pop the topic and acknowledge)")
	f.IntVar(&o.Batch, "batch", o.Batch, "messages of a batch")
	f.IntVar(&o.PullSize, "pull-size", o.PullSize, "messages of a pull")
	f.DurationVarP(&o.Duration, "duration", "d", o.Duration, "time to measure")
	f.DurationVar(&o.Warmup, "warmup", 0, "time to load before measuring")
	f.Int64Var(&o.Count, "count", 0, "messages to send or read; without --duration there is no other end")
	f.IntVar(&o.Topics, "topics", o.Topics, "topics to send to, in turn")
	f.IntVar(&o.Groups, "groups", o.Groups, "consumer groups, with --consume tail")
	f.DurationVar(&o.Delay, "delay", 0, "have messages wait so long in the broker, in whole seconds")
	f.IntVar(&o.Classes, "classes", 0, "give messages the property class, class-0 to class-9, of which so many in turn")
	f.StringVar(&o.Filter, "filter", "", "condition in SQL92 to read by, with --consume catch-up")
	f.DurationVar(&o.Late, "late", 0, "give up messages that are late by more than this, with --rate")
	f.Float64Var(&o.Rate, "rate", 0, "messages a second, over all connections; 0 for as many as possible")
	f.IntVar(&o.PID, "pid", 0, "process whose CPU time and memory to report")
	f.StringVar(&o.header, "header", "json", "encoding of headers: json or binary")
	f.StringVarP(&o.output, "output", "o", outputText, "text or json")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
	return cmd
}

func (o *benching) run(cmd *cobra.Command) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.header != "json" && o.header != "binary" {
		return usagef("--header %s is neither json nor binary", o.header)
	}
	o.Binary = o.header == "binary"
	o.Mode = bench.Mode(cmp.Or(o.consume, o.mode))
	flags := cmd.Flags()
	if !flags.Changed("duration") && (o.Mode == bench.CatchUp || o.Mode == bench.Pop || flags.Changed("count")) {
		o.Duration = 0
	}
	if !o.quiet {
		o.Progress = func(p bench.Progress) { fmt.Fprintln(cmd.ErrOrStderr(), p) }
	}
	o.NameServers = nameServers(o.NameServers)
	runtime.GOMAXPROCS(min(benchThreads, runtime.GOMAXPROCS(0)))
	ctx, cancel := untilSignal(cmd.Context())
	defer cancel()
	report, err := bench.Run(ctx, o.Options)
	if err != nil {
		return withHint(err)
	}
	if o.output == outputJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	} else {
		err = report.Write(cmd.OutOrStdout())
	}
	if err == nil && report.Lost() > 0 {
		err = fmt.Errorf("%d acknowledged messages are not in the queues", report.Lost())
	}
	return err
}
