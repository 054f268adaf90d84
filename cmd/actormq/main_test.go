package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// asActormq makes the test binary be actormq.
const asActormq = "TEST_AS_ACTORMQ"

func TestMain(m *testing.M) {
	if os.Getenv(asActormq) != "" {
		main()
	}
	os.Exit(m.Run())
}

// limit is the time in which what a test waits for must happen.
const limit = 30 * time.Second

// actormqCommand is a process of its own that runs args.
func actormqCommand(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asActormq+"=1")
	return cmd
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// do runs a command with in as its standard input.
func do(t *testing.T, in string, args ...string) result {
	t.Helper()
	cmd := actormqCommand(t, args...)
	var out, failure bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &failure
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), failure.String()}
}

// standalone starts name server and broker, and returns the former's address.
// Ports and data are of the caller's choice.
func standalone(t *testing.T, data string, names, broker int, more ...string) (addr string, cmd *exec.Cmd) {
	t.Helper()
	cmd = actormqCommand(t, append([]string{"standalone", "--data", data, "--namesrv-port", strconv.Itoa(names), "--broker-port", strconv.Itoa(broker)}, more...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	require.NoError(t, err, "it prints where the name server is")
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	fields := strings.Fields(first)
	addr = fields[len(fields)-1]
	awaitBroker(t, addr)
	return addr, cmd
}

// awaitBroker waits until a broker has registered.
func awaitBroker(t *testing.T, names string) {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	require.NoError(t, err)
	defer client.Close()
	require.Eventually(t, func() bool {
		_, err := client.Queues(t.Context(), "TBW102")
		return err == nil
	}, limit, time.Millisecond)
}

// freePorts returns ports for a name server and a broker, which also takes the
// one two below its own and the one above. They are below what systems give to
// clients, so that they stay free while a broker is down.
func freePorts(t *testing.T) (names, broker int) {
	for range 100 {
		port, free := 10_000+rand.IntN(20_000), true
		for p := port - 2; p <= port+1; p++ {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", p))
			if free = free && err == nil; err == nil {
				require.NoError(t, l.Close())
			}
		}
		if free {
			return port - 1, port
		}
	}
	require.Fail(t, "no free ports")
	return 0, 0
}

func TestHelp(t *testing.T) {
	var all strings.Builder
	for _, command := range []string{"", "standalone", "namesrv", "broker", "produce", "consume", "bench", "version"} {
		args := append(strings.Fields(command), "--help")
		var out, failure bytes.Buffer
		require.Zero(t, run(args, nil, &out, &failure))
		require.Empty(t, failure.String())
		if command != "version" {
			require.Contains(t, out.String(), "Examples:", command)
		}
		fmt.Fprintf(&all, "$ actormq %s\n%s\n", strings.Join(args, " "), out.String())
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(all.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), all.String(), "rewrite it with go test ./cmd/actormq -update")
}

func TestCommandLinesThatCannotBeUnderstood(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"fly", "unknown command"},
		{"produce", "--topic is missing"},
		{"consume", "--topic is missing"},
		{"produce -t t --property a", "--property a is not name=value"},
		{"consume -t t --from yesterday", "--from yesterday is none of"},
		{"consume -t t -o xml", "-o xml is neither text nor json"},
		{"consume -t t --max many", "invalid argument"},
		{"bench --header xml", "--header xml is neither json nor binary"},
	} {
		var out, failure bytes.Buffer
		require.Equal(t, exitUsage, run(strings.Fields(tt.line), nil, &out, &failure), tt.line)
		require.Contains(t, failure.String(), tt.want)
		require.Equal(t, 1, strings.Count(failure.String(), "\n"), "one line: %s", failure.String())
		require.Empty(t, out.String())
	}
}

func TestNoNameServer(t *testing.T) {
	names, _ := freePorts(t)
	for _, args := range [][]string{{"produce", "-t", "t", "hello"}, {"consume", "-t", "t"}, {"bench", "-q"}} {
		var out, failure bytes.Buffer
		code := run(append(args, "-n", fmt.Sprintf("127.0.0.1:%d", names)), nil, &out, &failure)
		require.Equal(t, exitFailed, code)
		require.Contains(t, failure.String(), "actormq: no name server can be reached")
		require.Contains(t, failure.String(), strconv.Itoa(names))
		require.Contains(t, failure.String(), "actormq standalone", "and how to start one")
		require.Equal(t, 1, strings.Count(failure.String(), "\n"), "one line: %s", failure.String())
	}
}

func TestStarts(t *testing.T) {
	dir := t.TempDir()
	names, broker := freePorts(t)
	standalone(t, filepath.Join(dir, "data"), names, broker)
	otherNames, otherBroker := freePorts(t)
	conf := func(text string) string {
		file := filepath.Join(dir, "some.conf")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	port := strconv.Itoa
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"the port of the name server is in use",
			[]string{"standalone", "--data", filepath.Join(dir, "other"), "--namesrv-port", port(names), "--broker-port", port(otherBroker)},
			[]string{port(names), "address already in use", "another port"}},
		{"the port of the broker is in use",
			[]string{"standalone", "--data", filepath.Join(dir, "other"), "--namesrv-port", port(otherNames), "--broker-port", port(broker)},
			[]string{"127.0.0.1:", "address already in use", "another port"}}, // or the one two below
		{"the data is another's",
			[]string{"standalone", "--data", filepath.Join(dir, "data"), "--namesrv-port", port(otherNames), "--broker-port", port(otherBroker)},
			[]string{filepath.Join(dir, "data"), "another broker"}},
		{"no such configuration",
			[]string{"broker", "-c", filepath.Join(dir, "none.conf")}, []string{"none.conf"}},
		{"a bad line",
			[]string{"broker", "-c", conf("brokerName=a\nlistenPort=many\n")}, []string{"some.conf:2", "listenPort=many"}},
	} {
		got := do(t, "", tt.args...)
		require.Equal(t, exitFailed, got.code, tt.name)
		last := got.err[strings.LastIndex(strings.TrimSuffix(got.err, "\n"), "\n")+1:]
		require.True(t, strings.HasPrefix(last, "actormq: "), "%s: %s", tt.name, got.err)
		for _, want := range tt.want {
			require.Contains(t, last, want, tt.name)
		}
	}
}

func TestPrintedConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broker.conf")
	require.NoError(t, os.WriteFile(file, []byte("brokerName=b7\n"), 0o644))
	got := do(t, "", "broker", "-c", file, "-n", "10.0.0.1:9876", "-p")
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, "brokerName=b7\n")
	require.Contains(t, got.out, "namesrvAddr=10.0.0.1:9876\n")
	got = do(t, "", "namesrv", "-p")
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, "listenPort=9876\n")
}

func TestSignalsStopInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		data := t.TempDir()
		names, broker := freePorts(t)
		addr, cmd := standalone(t, data, names, broker)
		require.Zero(t, do(t, "", "produce", "-n", addr, "-t", "t", "kept").code)
		require.NoError(t, cmd.Process.Signal(s))
		require.NoError(t, cmd.Wait(), "%v", s)
		require.NoFileExists(t, filepath.Join(data, "abort"))

		addr, _ = standalone(t, data, names, broker)
		got := do(t, "", "consume", "-n", addr, "-t", "t", "--from", "first", "--max", "1")
		require.Equal(t, result{out: "kept\n"}, got)
	}
}

func TestLinesGoInAndComeOut(t *testing.T) {
	names, broker := freePorts(t)
	addr, _ := standalone(t, t.TempDir(), names, broker)
	t.Setenv("NAMESRV_ADDR", addr)

	got := do(t, "one\n\ntwo\nthree", "produce", "-t", "t", "--tags", "a", "--keys", "k1,k2", "--property", "shop=7")
	require.Equal(t, result{err: "3 messages sent to t\n"}, got)
	got = do(t, "", "consume", "-t", "t", "-g", "readers", "--from", "first", "--max", "3")
	require.Zero(t, got.code, got.err)
	require.ElementsMatch(t, []string{"one", "two", "three"}, strings.Fields(got.out))

	t.Run("a group goes on where it was", func(t *testing.T) {
		got := do(t, "", "consume", "-t", "t", "-g", "readers", "--from", "first", "--max", "1", "--idle", "300ms")
		require.Equal(t, result{code: exitFailed, err: "actormq: 0 messages of 1 came\n"}, got)
	})
	t.Run("without a group all is read", func(t *testing.T) {
		for range 2 {
			got := do(t, "", "consume", "-t", "t", "--from", "1h", "--idle", "300ms")
			require.Zero(t, got.code, got.err)
			require.Len(t, strings.Fields(got.out), 3)
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		got := do(t, "", "produce", "-t", "json", "-o", "json", "-q", "--tags", "a", "--keys", "k1,k2", "--property", "shop=7", "text", "\xff")
		require.Zero(t, got.code, got.err)
		require.Empty(t, got.err)
		sent := make(map[string]bool)
		for line := range strings.Lines(got.out) {
			var s struct{ ID, Topic, Broker, Status string }
			require.NoError(t, json.Unmarshal([]byte(line), &s))
			require.Equal(t, "SEND_OK", s.Status)
			require.Equal(t, "json", s.Topic)
			sent[s.ID] = true
		}
		require.Len(t, sent, 2)

		got = do(t, "", "consume", "-t", "json", "--from", "first", "--max", "2", "-o", "json")
		require.Zero(t, got.code, got.err)
		bodies := make(map[string]bool)
		for line := range strings.Lines(got.out) {
			var r received
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			require.True(t, sent[r.ID])
			require.Equal(t, "a", r.Tags)
			require.Equal(t, []string{"k1", "k2"}, r.Keys)
			require.Equal(t, "7", r.Properties["shop"])
			require.WithinDuration(t, time.Now(), r.Born, time.Minute)
			bodies[r.Body+string(r.Bytes)] = true
		}
		require.Equal(t, map[string]bool{"text": true, "\xff": true}, bodies)
	})
	t.Run("bench", func(t *testing.T) {
		got := do(t, "", "bench", "-q", "--count", "1000", "-o", "json")
		require.Zero(t, got.code, got.err)
		var report struct{ Acknowledged, Stored int64 }
		require.NoError(t, json.Unmarshal([]byte(got.out), &report))
		require.EqualValues(t, 1000, report.Acknowledged)
		require.EqualValues(t, 1000, report.Stored)
	})
}

// TestConsumeInAPipe ends its reader after the first of more messages than a pipe
// holds, which is 64 KiB: otherwise all might be written before the reader ends.
func TestConsumeInAPipe(t *testing.T) {
	names, broker := freePorts(t)
	addr, _ := standalone(t, t.TempDir(), names, broker)
	line := strings.Repeat("x", 999) + "\n"
	require.Zero(t, do(t, strings.Repeat(line, 200), "produce", "-n", addr, "-t", "t").code)
	cmd := actormqCommand(t, "consume", "-n", addr, "-t", "t", "-g", "readers", "--from", "first")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, len(line)))
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.NoError(t, cmd.Wait())
	require.Empty(t, failure.String())
}

func TestConsumeUntilInterrupted(t *testing.T) {
	names, broker := freePorts(t)
	addr, _ := standalone(t, t.TempDir(), names, broker)
	require.Zero(t, do(t, "", "produce", "-n", addr, "-t", "t", "hello").code)
	for _, tt := range []struct {
		max  string
		code int
	}{{"0", 0}, {"2", exitSignal + int(syscall.SIGINT)}} {
		cmd := actormqCommand(t, "consume", "-n", addr, "-t", "t", "-g", "readers"+tt.max, "--from", "first", "--max", tt.max)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "hello\n", line)
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait() // the exit code says it
		require.Equal(t, tt.code, cmd.ProcessState.ExitCode())

		// What was printed is committed.
		got := do(t, "", "consume", "-n", addr, "-t", "t", "-g", "readers"+tt.max, "--from", "first", "--idle", "200ms")
		require.Equal(t, result{}, got)
	}
}

func TestParseFrom(t *testing.T) {
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		text string
		from actormq.From
		at   time.Time
	}{
		{"first", actormq.FromFirst, time.Time{}},
		{"last", actormq.FromLast, time.Time{}},
		{"10m", actormq.FromTime, now.Add(-10 * time.Minute)},
		{"2026-01-30T08:00:00Z", actormq.FromTime, now.AddDate(0, 0, -1)},
	} {
		from, at, err := parseFrom(tt.text, now)
		require.NoError(t, err)
		require.Equal(t, tt.from, from)
		require.True(t, tt.at.Equal(at), tt.text)
	}
	for _, text := range []string{"", "-10m", "now", "2026-01-30"} {
		_, _, err := parseFrom(text, now)
		require.Error(t, err, text)
	}
}

func TestNameServersToUse(t *testing.T) {
	t.Setenv("NAMESRV_ADDR", "")
	require.Equal(t, []string{"127.0.0.1:9876"}, nameServers(nil))
	t.Setenv("NAMESRV_ADDR", "a:1;b:2")
	require.Equal(t, []string{"a:1", "b:2"}, nameServers(nil))
	require.Equal(t, []string{"c:3", "d:4", "e:5"}, nameServers([]string{"c:3;d:4", "e:5"}))
}

func TestMetricsAreServed(t *testing.T) {
	names, broker := freePorts(t)
	metrics, _ := freePorts(t)
	standalone(t, filepath.Join(t.TempDir(), "data"), names, broker, "--metrics-port", strconv.Itoa(metrics))
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, name := range []string{"rocketmq_broker_permission{", "rocketmq_storage_flush_behind_bytes{", "actormq_replication_slaves{", "go_goroutines ", "process_cpu_seconds_total "} {
		require.Contains(t, string(body), "\n"+name)
	}
}
