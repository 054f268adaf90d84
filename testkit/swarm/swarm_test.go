package swarm_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/swarm"
)

// seeds are run by every `go test`; `make sim` runs fresh ones.
const seeds = 150

func TestSeeds(t *testing.T) {
	n := seeds
	if testing.Short() {
		n = 20
	}
	found := swarm.Explore(1, n, 0, 3, runtime.GOMAXPROCS(0))
	found.Report(testLog{t})
	for _, failed := range found.Failed {
		t.Errorf("seed %d: %v\n%s", failed.Plan.Seed, failed.Err, failed.Trace)
	}
	require.NotZero(t, found.Acknowledged)
	require.NotZero(t, found.Consumed)
}

type testLog struct{ t *testing.T }

func (l testLog) Write(text []byte) (int, error) {
	l.t.Logf("%s", text)
	return len(text), nil
}

// Plans that once failed, as Shrink left them.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("testdata/regressions/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var plan swarm.Plan
			require.NoError(t, json.Unmarshal(text, &plan))
			result := swarm.Run(plan, nil)
			require.NoError(t, result.Err, "%s", result.Trace)
		})
	}
}

func TestAPlanSurvivesItsFile(t *testing.T) {
	plan := swarm.Draw(3)
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	var again swarm.Plan
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, plan, again)
}

// Shrinking keeps what a failure needs and drops the rest.
func TestShrink(t *testing.T) {
	plan := swarm.Draw(5)
	plan.Clients = append([]swarm.Client{{Kind: swarm.Reader}, {Kind: swarm.SyncProducer, Window: 1, Pause: 1e7}}, plan.Clients...)
	culprit := swarm.Fault{Kind: swarm.PowerLoss, At: plan.Load / 3, For: 1e8}
	plan.Faults = append(plan.Faults, culprit, swarm.Fault{Kind: swarm.Reset, At: plan.Load / 2, For: 1})
	runs := 0
	result := swarm.ShrinkWith(plan, 200, func(p swarm.Plan) *swarm.Result {
		runs++
		r := &swarm.Result{Plan: p}
		losses, producers := 0, 0
		for _, f := range p.Faults {
			if f.Kind == swarm.PowerLoss {
				losses++
			}
		}
		for _, c := range p.Clients {
			if c.Kind == swarm.SyncProducer {
				producers++
			}
		}
		if losses > 0 && producers > 0 {
			r.Err = errors.New("a power loss while somebody sends")
		}
		return r
	})
	require.Error(t, result.Err)
	require.Len(t, result.Plan.Faults, 1)
	require.Len(t, result.Plan.Clients, 1)
	require.Equal(t, 1, result.Plan.Brokers)
	require.LessOrEqual(t, runs, 200)
}
