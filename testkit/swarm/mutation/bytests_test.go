package mutation

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// byTests names the tests that must find a table's mutations.
type byTests struct {
	packages []string
	pattern  string // of the tests' names
}

// requireApplicable asserts that a table follows the sources.
func requireApplicable(t *testing.T, table []mutation) {
	for _, m := range table {
		_, err := m.apply()
		require.NoError(t, err, m.name)
	}
}

// requireFailures plants each mutation of a table and expects a test to fail.
func (b *byTests) requireFailures(t *testing.T, table []mutation) {
	if !*run {
		t.Skip("without -mutations")
	}
	for _, m := range table {
		if strings.Contains(m.name, *only) {
			t.Run(m.name, func(t *testing.T) { b.requireFailure(t, &m) })
		}
	}
}

func (b *byTests) requireFailure(t *testing.T, m *mutation) {
	text, err := m.apply()
	require.NoError(t, err)
	dir := t.TempDir()
	mutated, list := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(mutated, []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root(), m.file): mutated}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(list, overlay, 0o600))
	for _, pkg := range b.packages {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-failfast", "-timeout=2m", "-overlay", list, "-run", b.pattern, pkg)
		cmd.Dir = root()
		out, err := cmd.CombinedOutput()
		require.NotContains(t, string(out), "[build failed]")
		if err != nil {
			t.Logf("%s: %.200s", pkg, out)
			return
		}
	}
	t.Fatal("no test finds it")
}
