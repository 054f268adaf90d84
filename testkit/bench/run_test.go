package bench

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit"
)

// startBroker starts a broker with a store on disk and returns its name server.
func startBroker(t *testing.T) string {
	return testkit.StartBroker(t, testkit.WithDir(t.TempDir())).NameServer()
}

func TestEveryModeCountsWhatTheBrokerHas(t *testing.T) {
	names := startBroker(t)
	for _, tt := range []struct {
		name string
		set  func(*Options)
	}{
		{"sync", func(*Options) {}},
		{"sync binary", func(o *Options) { o.Binary = true }},
		{"sync 4 connections", func(o *Options) { o.Connections = 4 }},
		{"async", func(o *Options) { o.Mode = Async }},
		{"batch", func(o *Options) { o.Mode, o.Batch, o.Callers = Batch, 10, 4 }},
		{"oneway", func(o *Options) { o.Mode = Oneway }},
		{"rate", func(o *Options) { o.Rate = 20_000 }},
		{"oneway rate", func(o *Options) { o.Mode, o.Rate = Oneway, 20_000 }},
		{"tail", func(o *Options) { o.Mode, o.Rate = Tail, 10_000 }},
		{"tail of 3 groups", func(o *Options) { o.Mode, o.Rate, o.Groups = Tail, 10_000, 3 }},
		{"transaction", func(o *Options) { o.Mode = Transaction }},
		{"many topics", func(o *Options) { o.Topics, o.Queues = 20, 4 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			o.NameServers, o.Topic, o.Size = []string{names}, strings.ReplaceAll(tt.name, " ", "-"), 100
			o.Duration, o.Count, o.PID = 0, 1000, os.Getpid()
			tt.set(&o)
			report, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.EqualValues(t, 1000, report.Acknowledged)
			require.EqualValues(t, 1000, report.Stored)
			require.Zero(t, report.Lost())
			require.Empty(t, report.Errors)
			if o.Mode == Tail {
				require.EqualValues(t, 1000*o.Groups, report.Read)
				require.Positive(t, report.Acks.P50)
			}
			var text strings.Builder
			require.NoError(t, report.Write(&text))
			require.Regexp(t, "stored +1000 of 1000\n", text.String())

			o.Mode, o.Count, o.Rate = CatchUp, 0, 0
			report, err = Run(t.Context(), o)
			require.NoError(t, err)
			require.EqualValues(t, 1000*o.Groups, report.Messages, "and all of it can be read")
		})
	}
}

func TestFiltersReadWhatTheyPassBy(t *testing.T) {
	o := Defaults()
	o.NameServers = []string{testkit.StartBroker(t, testkit.WithProperty("enablePropertyFilter", "true")).NameServer()}
	o.Topic, o.Size, o.Duration, o.Count, o.Classes = "classes", 100, 0, 1000, 10
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	for _, tt := range []struct {
		filter   string
		messages int64
	}{
		{"class = 'class-3'", 100},
		{"class IN ('class-3', 'class-9')", 200},
		{"class IS NULL", 0},
	} {
		o.Mode, o.Count, o.Filter = CatchUp, 0, tt.filter
		report, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.EqualValues(t, 1000, report.Messages, tt.filter)
		require.Empty(t, report.Errors)
		require.Equal(t, tt.messages > 0, report.MBPerSecond > 0, tt.filter)
	}
}

func TestPopsTakeEachMessageOnce(t *testing.T) {
	names := startBroker(t)
	o := Defaults()
	o.NameServers, o.Topic, o.Size, o.Duration, o.Count = []string{names}, "popped", 100, 0, 1000
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	for _, tt := range []struct{ callers, connections int }{{1, 1}, {7, 3}} {
		o.Mode, o.Count, o.Callers, o.Connections = Pop, 0, tt.callers, tt.connections
		report, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.EqualValues(t, 1000, report.Read, "by %d callers", tt.callers)
		require.Zero(t, report.Lost())
		require.Empty(t, report.Errors)
		require.Positive(t, report.Latency.P50)
	}
	o.Mode, o.Topic = Pop, "nowhere"
	_, err = Run(t.Context(), o)
	require.ErrorIs(t, err, actormq.ErrUnknownTopic)
}

func TestDelayedMessagesAreNotWaitedFor(t *testing.T) {
	o := Defaults()
	o.NameServers, o.Topic, o.Duration, o.Count, o.Delay = []string{startBroker(t)}, "later", 0, 100, time.Hour
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.EqualValues(t, 100, report.Acknowledged)
	require.Zero(t, report.Lost())
	o.Mode, o.Delay = CatchUp, 0
	report, err = Run(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, report.Messages, "they wait")
}

func TestWarmUpIsNotMeasured(t *testing.T) {
	o := Defaults()
	o.NameServers, o.Topic = []string{startBroker(t)}, "t"
	o.Warmup, o.Duration, o.Count = 50*time.Millisecond, 0, 100
	report, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Greater(t, report.Acknowledged, report.Messages)
	require.Equal(t, report.Acknowledged, report.Stored)
}

func TestAnInterruptedRunIsReported(t *testing.T) {
	o := Defaults()
	o.NameServers, o.Topic, o.Duration = []string{startBroker(t)}, "t", time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Progress = func(p Progress) {
		if p.Rate > 0 {
			cancel()
		}
	}
	report, err := Run(ctx, o)
	require.NoError(t, err)
	require.Positive(t, report.Messages)
	require.Equal(t, report.Acknowledged, report.Stored)
}

func TestUnusableOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no name server":  func(o *Options) { o.NameServers = nil },
		"no topic":        func(o *Options) { o.Topic = "" },
		"no callers":      func(o *Options) { o.Callers = 0 },
		"too many":        func(o *Options) { o.Callers = 1 << 20 },
		"a tiny body":     func(o *Options) { o.Size = 1 },
		"an unknown mode": func(o *Options) { o.Mode = "fast" },
		"tail, no rate":   func(o *Options) { o.Mode = Tail },
		"no end":          func(o *Options) { o.Duration = 0 },
		"half a second":   func(o *Options) { o.Delay = time.Second / 2 },
		"many classes":    func(o *Options) { o.Classes = 11 },
		"a filter":        func(o *Options) { o.Filter = "a = 1" },
		"a large pop":     func(o *Options) { o.Mode, o.PullSize = Pop, 33 },
		"few who pop":     func(o *Options) { o.Mode, o.Callers, o.Connections = Pop, 1, 2 },
	} {
		o := Defaults()
		o.NameServers = []string{"127.0.0.1:1"}
		change(&o)
		_, err := Run(t.Context(), o)
		require.ErrorContains(t, err, "bench: ", name)
		require.NotErrorIs(t, err, actormq.ErrNoNameServer, "%s: nobody was asked", name)
	}
}

func TestUsageOfAProcess(t *testing.T) {
	cpu, err := cpuOf(os.Getpid())
	require.NoError(t, err)
	require.InDelta(t, ownCPU().Seconds(), cpu.Seconds(), 0.5)
	now, peak, err := memoryOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, peak, now)
	_, err = cpuOf(1 << 30)
	require.Error(t, err)
}
