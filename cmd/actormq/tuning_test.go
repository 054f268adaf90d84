package main

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestTheMemoryLimitLeavesRoomForTwiceWhatIsLive(t *testing.T) {
	require.EqualValues(t, leastLimit, memoryLimit(10<<20, 1<<20))
	require.EqualValues(t, 80<<20+2000<<20+100<<20, memoryLimit(1000<<20, 100<<20))
}

func TestTheMemoryLimitIsKeptUntilTheEnd(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		followMemory(ctx)
		close(ended)
	}()
	require.Eventually(t, func() bool { return debug.SetMemoryLimit(-1) < math.MaxInt64 }, 10*time.Second, time.Millisecond)
	stop()
	<-ended
	require.EqualValues(t, math.MaxInt64, debug.SetMemoryLimit(-1))
}

func TestProfilesAreServedOnlyIfAskedFor(t *testing.T) {
	cmd := &cobra.Command{}
	pprofFlag(cmd)
	stop, err := servePprof(cmd, zerolog.Nop())
	require.NoError(t, err)
	stop()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, cmd.Flags().Set("pprof", addr))
	_, err = servePprof(cmd, zerolog.Nop())
	require.ErrorContains(t, err, "--pprof")
	require.NoError(t, l.Close())
	stop, err = servePprof(cmd, zerolog.Nop())
	require.NoError(t, err)
	defer stop()
	r, err := http.Get("http://" + addr + "/debug/pprof/goroutine?debug=1")
	require.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "goroutine profile: total ")
}
