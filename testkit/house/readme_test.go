package house

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestReadmeCommands runs what the README tells a newcomer to type: the main job,
// and a first message sent and consumed. Only the ports differ, and `make run`
// is taken apart so as not to build into the working tree.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := shell.FindAllStringSubmatch(string(text), -1)
	require.GreaterOrEqual(t, len(blocks), 2)
	require.Contains(t, blocks[0][1], "make run")
	require.Contains(t, blocks[0][1], "make test")
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	require.Contains(t, string(makefile), "$(BIN) standalone --data $(DATA)")

	dir := t.TempDir()
	binary := filepath.Join(dir, "actormq")
	build, err := exec.Command("go", "build", "-o", binary, "../../cmd/actormq").CombinedOutput()
	require.NoError(t, err, "%s", build)

	names, broker := freePorts(t)
	stdout := startStandalone(t, binary, filepath.Join(dir, "data"), names, broker)
	require.Contains(t, stdout, fmt.Sprintf("127.0.0.1:%d", names))
	require.Contains(t, stdout, "produce", "the output says how to send a first message")

	var last string
	for line := range strings.Lines(blocks[1][1]) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		require.Contains(t, line, "bin/actormq ")
		line = strings.ReplaceAll(line, "bin/actormq", binary) + fmt.Sprintf(" --namesrv 127.0.0.1:%d", names)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		var out, failure bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &failure
		require.NoError(t, cmd.Run(), "%s: %s", line, failure.String())
		cancel()
		last = out.String()
	}
	require.Contains(t, last, "hello", "what the last command prints")
}

var golang = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestReadmeCode sees to it that the README's Go is run, as a test of testkit.
func TestReadmeCode(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	run, err := os.ReadFile("../readme_test.go")
	require.NoError(t, err)
	blocks := golang.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, string(run), block[1])
	}
}

// startStandalone starts the main job and returns what it printed by the time it
// was ready. It is stopped in order at the end of the test.
func startStandalone(t *testing.T, binary, data string, names, broker int) string {
	cmd := exec.Command(binary, "standalone", "--data", data,
		"--namesrv-port", fmt.Sprint(names), "--broker-port", fmt.Sprint(broker))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var log bytes.Buffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait(), "a stop by SIGTERM is no failure: %s", log.String())
	})
	var printed strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		printed.WriteString(line)
		if err != nil && err != io.EOF {
			require.NoError(t, err)
		}
		if strings.HasPrefix(line, "receive it:") {
			return printed.String()
		}
		require.NoError(t, err, "it ended early: %s%s", printed.String(), log.String())
	}
}

// freePorts returns a port for a name server and one for a broker, whose second
// port, two below, is free as well.
func freePorts(t *testing.T) (names, broker int) {
	for range 100 {
		a, b := freePort(t), freePort(t)
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", b-2))
		if err != nil {
			continue
		}
		second.Close()
		if a != b-2 {
			return a, b
		}
	}
	t.Fatal("no free ports")
	return 0, 0
}

func freePort(t *testing.T) int {
	for {
		port := 10_000 + rand.IntN(20_000) // below what systems give to clients
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}
