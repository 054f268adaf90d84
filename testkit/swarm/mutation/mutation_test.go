package mutation

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	run   = flag.Bool("mutations", false, "plant the mutations and run the simulation on each")
	only  = flag.String("only", "", "only the mutations whose name contains this")
	skip  = flag.String("without", "", "none of the mutations whose name this regular expression matches")
	limit = flag.Int("seeds", 1000, "seeds in which a mutation must be caught")
)

// parallel is the number of mutations under way; each runs on one processor.
const parallel = 2

// patience is the time for all seeds of one mutation.
const patience = 10 * time.Minute

// The table must follow the sources, whether or not the mutations are run.
func TestMutationsApply(t *testing.T) {
	require.GreaterOrEqual(t, len(mutations), 20)
	requireApplicable(t, mutations)
}

// TestMutations plants each mutation and expects the simulation to fail. It takes
// minutes, and is run by `make mutations`.
func TestMutations(t *testing.T) {
	if !*run {
		t.Skip("without -mutations")
	}
	var mu sync.Mutex
	var caught []int
	t.Run("all", func(t *testing.T) {
		slots := make(chan struct{}, parallel)
		for _, m := range mutations {
			if !strings.Contains(m.name, *only) {
				continue
			}
			if *skip != "" && regexp.MustCompile(*skip).MatchString(m.name) {
				t.Logf("left out, as -without says: %s", m.name)
				continue
			}
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				seeds := m.run(t)
				mu.Lock()
				caught = append(caught, seeds)
				mu.Unlock()
			})
		}
	})
	slices.Sort(caught)
	if len(caught) > 0 {
		t.Logf("%d mutations were caught, the median after %d seeds, the last after %d", len(caught), caught[len(caught)/2], caught[len(caught)-1])
	}
}

// root is the top of the module.
func root() string {
	dir, err := filepath.Abs("../../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// apply returns the mutated source.
func (m *mutation) apply() (string, error) {
	text, err := os.ReadFile(filepath.Join(root(), m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.from); n != 1 {
		return "", fmt.Errorf("%s has %q %d times", m.file, m.from, n)
	}
	return strings.Replace(string(text), m.from, m.to, 1), nil
}

var failedSeed = regexp.MustCompile(`SEED (\d+) FAILED: (.*)`)

// run builds the mutated program and returns the number of seeds until it failed.
func (m *mutation) run(t *testing.T) int {
	dir := t.TempDir()
	binary := m.build(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// A mutated broker may take all the memory that it finds.
	cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -v 4000000 && exec "$0" "$@"`,
		binary, "-first", "1", "-seeds", strconv.Itoa(*limit), "-shrink", "0")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOMAXPROCS=1")
	began := time.Now()
	out, err := cmd.CombinedOutput()
	found := failedSeed.FindStringSubmatch(string(out))
	var exit *exec.ExitError
	if found == nil && errors.As(err, &exit) && strings.Contains(string(out), "goroutine ") {
		t.Logf("it crashed: %.300s", out)
		return 1
	}
	require.NotNil(t, found, "%d seeds did not find it in %v (%v)\n%s", *limit, time.Since(began), err, out)
	t.Logf("seed %s after %.1f s: %.200s", found[1], time.Since(began).Seconds(), found[2])
	seed, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return seed
}

// build compiles the explorer with the mutated file in the place of the real one.
func (m *mutation) build(t *testing.T, dir string) string {
	text, err := m.apply()
	require.NoError(t, err)
	mutated := filepath.Join(dir, "mutated.go")
	require.NoError(t, os.WriteFile(mutated, []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root(), m.file): mutated}})
	require.NoError(t, err)
	list := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	binary := filepath.Join(dir, "explore")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "-o", binary, "./testkit/swarm/explore")
	cmd.Dir = root()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}
