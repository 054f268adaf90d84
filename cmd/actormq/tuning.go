package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// gcPercent lets the heap grow to five times what is live before a collection. A
// broker keeps a few megabytes alive, and at the default would collect for every
// few megabytes that pass through; this saves about a tenth of the CPU under load.
// GOGC overrides it.
const gcPercent = 400

// The memory that the heap may grow to at gcPercent: beyond leastLimit, twice what
// is live has to do, so that a flood of requests, which are alive while they wait,
// is not multiplied by five. GOMEMLIMIT overrides it.
const (
	leastLimit  = 160 << 20
	limitPeriod = time.Second
)

// tune configures the runtime until ctx ends.
func tune(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		go followMemory(ctx)
	}
}

// followMemory sets the memory limit by what is live.
func followMemory(ctx context.Context) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	tick := time.NewTicker(limitPeriod)
	defer tick.Stop()
	for {
		metrics.Read(samples)
		debug.SetMemoryLimit(memoryLimit(samples[0].Value.Uint64(), samples[1].Value.Uint64()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			debug.SetMemoryLimit(math.MaxInt64)
			return
		}
	}
}

// memoryLimit is the limit for so many bytes of live heap and of stacks.
func memoryLimit(live, stacks uint64) int64 {
	return int64(max(leastLimit, leastLimit/2+2*live+stacks))
}

// pprofFlag adds the flag that servePprof reads.
func pprofFlag(cmd *cobra.Command) {
	cmd.Flags().String("pprof", "", "address to serve profiles of this process on, such as 127.0.0.1:6060")
}

// servePprof serves Go's profiles if they are asked for. What it returns ends it.
func servePprof(cmd *cobra.Command, log zerolog.Logger) (stop func(), err error) {
	addr, _ := cmd.Flags().GetString("pprof")
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("profiles are not served any more")
		}
	}()
	log.Info().Stringer("address", l.Addr()).Msg("serving profiles at /debug/pprof/")
	return func() { server.Close() }, nil
}
