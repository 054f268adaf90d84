package swarm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/swarm"
)

// The race detector slows everything down and shuffles goroutines; a trace stays the
// same, and the detector finds nothing.
func TestTheRaceDetectorChangesNoTrace(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("the race detector needs a C compiler: ", err)
	}
	binary := filepath.Join(t.TempDir(), "explore")
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", binary, "./explore")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, seed := range []uint64{3, 7, 11} {
		want := swarm.Run(swarm.Draw(seed), nil).Digest
		out, err := exec.CommandContext(t.Context(), binary, "-seed", strconv.FormatUint(seed, 10)).CombinedOutput()
		require.NoError(t, err)
		last := out[strings.LastIndex(strings.TrimSpace(string(out)), "\n")+1:]
		require.Contains(t, string(last), want, "seed %d", seed)
	}
}
