package mixed

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/actormq/actormq/testkit/compat/wire"
	"github.com/stretchr/testify/require"
)

// worker is a client in a process of its own.
type worker struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	events chan wire.Event // closed at the end of its output
	gone   chan struct{}   // closed when it has exited
	stderr string

	mu       sync.Mutex
	received []wire.Event
}

// startWorker starts the worker of a client, "go", "java" or "sdk" (actormq's),
// and waits until it is ready.
func startWorker(t *testing.T, language string, args ...string) *worker {
	command := append([]string{os.Getenv("COMPAT_GO_WORKER")}, args...)
	switch language {
	case "sdk":
		command[0] = os.Getenv("COMPAT_SDK_WORKER")
	case "java":
		command = append([]string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + os.Getenv("HOME"),
			"-cp", os.Getenv("COMPAT_JAVA_CLASSPATH"), "compat.Worker"}, args...)
	}
	w := &worker{t: t, name: kit.Name(language), cmd: exec.Command(command[0], command[1:]...),
		events: make(chan wire.Event, 16), gone: make(chan struct{})}
	cluster.DieWithParent(w.cmd)
	w.stderr = filepath.Join(t.TempDir(), "stderr")
	log, err := os.Create(w.stderr)
	require.NoError(t, err)
	defer log.Close()
	w.cmd.Stderr = log
	w.in, err = w.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.cmd.Start())
	go w.read(out)
	t.Cleanup(w.kill)
	require.Equal(t, wire.Ready, w.next().Event)
	return w
}

// read sorts the worker's output: messages are kept, answers wait for next.
func (w *worker) read(out io.Reader) {
	defer close(w.gone)
	defer func() { _ = w.cmd.Wait() }()
	defer close(w.events)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event wire.Event
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue // a client's own chatter
		}
		if event.Event == wire.Received {
			w.mu.Lock()
			w.received = append(w.received, event)
			w.mu.Unlock()
			continue
		}
		w.events <- event
	}
}

// next returns the worker's next answer.
func (w *worker) next() wire.Event {
	w.t.Helper()
	select {
	case event, ok := <-w.events:
		if !ok {
			text, _ := os.ReadFile(w.stderr)
			require.FailNow(w.t, "worker ended", "%s: %s", w.name, text)
		}
		return event
	case <-time.After(kit.Patience):
		require.FailNow(w.t, "worker is silent", w.name)
		return wire.Event{}
	}
}

// send lets a producer send one message, or several as a batch.
func (w *worker) send(messages ...wire.Message) wire.Event {
	w.t.Helper()
	line, err := json.Marshal(messages)
	require.NoError(w.t, err)
	_, err = w.in.Write(append(line, '\n'))
	require.NoError(w.t, err)
	result := w.next()
	require.Equal(w.t, wire.Sent, result.Event)
	require.Equal(w.t, "SEND_OK", result.Status)
	return result
}

// messages returns what a consumer was given so far.
func (w *worker) messages() []wire.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]wire.Event(nil), w.received...)
}

func (w *worker) bodies() []string {
	var bodies []string
	for _, m := range w.messages() {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// leave stops the worker in good order, after the moment that is explained at
// the Go cases' leave.
func (w *worker) leave() {
	w.t.Helper()
	time.Sleep(500 * time.Millisecond)
	require.NoError(w.t, w.in.Close())
	select {
	case <-w.gone:
		text, _ := os.ReadFile(w.stderr)
		require.Zero(w.t, w.cmd.ProcessState.ExitCode(), "%s: %s", w.name, strings.TrimSpace(string(text)))
	case <-time.After(kit.Patience):
		require.FailNow(w.t, "worker does not stop", w.name)
	}
}

// kill ends the worker with SIGKILL. Killing it twice does nothing.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.gone
}
