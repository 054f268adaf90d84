package sim

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// Seeds runs a scenario in n worlds, each of its own seed, and reports the trace
// of those that fail. SIM_SEED=17 in the environment runs only that seed and
// prints its whole trace; SIM_SEEDS=10000 runs so many, from SIM_FIRST on. It
// ends early when three seeds have failed.
func Seeds(t *testing.T, n int, opts Options, scenario func(t *testing.T, w *World)) {
	t.Helper()
	first, only := number("SIM_FIRST", 1), number("SIM_SEED", 0)
	if only != 0 {
		opts.Trace = os.Stdout
		first, n = only, 1
	} else {
		n = int(number("SIM_SEEDS", uint64(n)))
	}
	failures := 0
	for seed := first; seed < first+uint64(n) && failures < 3; seed++ {
		passed := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			w := New(seed, opts)
			t.Cleanup(func() {
				if t.Failed() && only == 0 {
					t.Logf("replay with SIM_SEED=%d; the end of the trace:\n%s", seed, w.Trace())
				}
			})
			scenario(t, w)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
		if !passed {
			failures++
		}
	}
}

func number(variable string, absent uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("sim: %s=%q is no number", variable, text))
	}
	return n
}
