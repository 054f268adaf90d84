package swarm_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/swarm"
)

// The same seed gives the same trace, byte for byte: a hundred times, on one
// processor and on many, alone and beside other runs.
func TestASeedGivesOneTrace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	plan := func(seed uint64) swarm.Plan {
		p := swarm.Draw(seed)
		p.Load = min(p.Load, 3*time.Second)
		return p
	}
	const seeds, times = 5, 20
	for seed := range uint64(seeds) {
		var whole bytes.Buffer
		first := swarm.Run(plan(seed), &whole)
		require.NotZero(t, first.Acknowledged)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			for n := range times {
				runtime.GOMAXPROCS(1 + n%2*3)
				if n == 0 {
					var again bytes.Buffer
					swarm.Run(plan(seed), &again)
					require.True(t, bytes.Equal(whole.Bytes(), again.Bytes()), "the traces of %d bytes differ", whole.Len())
					continue
				}
				beside := make(chan struct{})
				go func() {
					swarm.Run(plan(seed+uint64(n)), nil)
					close(beside)
				}()
				require.Equal(t, first.Digest, swarm.Run(plan(seed), nil).Digest)
				<-beside
			}
		})
	}
}
