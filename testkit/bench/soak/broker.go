package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/bench"
)

// broker is a name server and a broker, each a process.
type broker struct {
	dir, names, profiles string
	commitLog            string
	processes            []*exec.Cmd
	pid                  int
	ended                chan struct{} // when the broker's process has
}

// segmentSize is that of the CommitLog's segments, in bytes.
const segmentSize = 32 << 20

func start(ctx context.Context, binary string) (b *broker, err error) {
	b = &broker{ended: make(chan struct{})}
	if b.dir, err = os.MkdirTemp("", "actormq-soak-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	ports, err := freePorts(4)
	if err != nil {
		return b, err
	}
	b.names, b.profiles = ports[0], ports[1]
	store := filepath.Join(b.dir, "store")
	b.commitLog = filepath.Join(store, "commitlog")
	_, namesPort, _ := net.SplitHostPort(b.names)
	_, port, _ := net.SplitHostPort(ports[2])
	_, haPort, _ := net.SplitHostPort(ports[3])
	if err := b.launch(binary, "namesrv", "listenPort="+namesPort+"\nkvConfigPath="+filepath.Join(b.dir, "kv.json"), nil); err != nil {
		return b, err
	}
	hours := make([]string, 24)
	for i := range hours {
		hours[i] = strconv.Itoa(i)
	}
	conf := []string{
		"brokerName=soak-broker", "brokerIP1=127.0.0.1", "listenPort=" + port, "haListenPort=" + haPort, "namesrvAddr=" + b.names,
		"storePathRootDir=" + store, "mappedFileSizeCommitLog=" + strconv.Itoa(segmentSize), "mappedFileSizeConsumeQueue=200000",
		"fileReservedTime=0", "deleteWhen=" + strings.Join(hours, ";"), "cleanResourceInterval=2000",
		"diskMaxUsedSpaceRatio=99", "diskSpaceCleanForciblyRatio=99", "diskSpaceWarningLevelRatio=99",
	}
	if err := b.launch(binary, "broker", strings.Join(conf, "\n"), []string{"--pprof", b.profiles}); err != nil {
		return b, err
	}
	p := b.processes[len(b.processes)-1]
	b.pid = p.Process.Pid
	go func() {
		_ = p.Wait() // how it ended is in its log
		close(b.ended)
	}()
	return b, b.await(ctx)
}

func (b *broker) launch(binary, role, conf string, args []string) error {
	file := filepath.Join(b.dir, role+".conf")
	if err := os.WriteFile(file, []byte(conf+"\n"), 0o644); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(b.dir, role+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(binary, append([]string{role, "-c", file}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.processes = append(b.processes, cmd)
	return nil
}

// startLimit is the time in which a message must be accepted.
const startLimit = 30 * time.Second

func (b *broker) await(ctx context.Context) error {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{b.names}})
	if err != nil {
		return err
	}
	defer client.Close()
	deadline := time.Now().Add(startLimit)
	for {
		err := client.CreateTopic(ctx, "soak", actormq.TopicOptions{Queues: 8})
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%w: %s", err, b.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop ends the processes in order and deletes the store. It may be called twice.
func (b *broker) stop() error {
	for _, p := range slices.Backward(b.processes) {
		_ = p.Process.Signal(syscall.SIGTERM)
		if p.Process.Pid == b.pid {
			<-b.ended
		} else {
			_ = p.Wait()
		}
	}
	b.processes = nil
	return os.RemoveAll(b.dir)
}

func (b *broker) tail() string {
	text, err := os.ReadFile(filepath.Join(b.dir, "broker.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

// sample reads what the broker uses now.
func (b *broker) sample() (s sample, err error) {
	resident, err := bench.Resident(b.pid)
	if err != nil {
		return s, err
	}
	s.resident = float64(resident)
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid))
	if err != nil {
		return s, err
	}
	s.descriptors = float64(len(descriptors))
	segments, err := os.ReadDir(b.commitLog)
	if err != nil || len(segments) == 0 {
		return s, fmt.Errorf("%s: no segments: %w", b.commitLog, err)
	}
	s.segments = float64(len(segments))
	first, err := strconv.ParseInt(segments[0].Name(), 10, 64)
	if err != nil {
		return s, err
	}
	s.first = float64(first / segmentSize)
	s.goroutines, err = b.goroutines()
	return s, err
}

func (b *broker) goroutines() (n float64, err error) {
	r, err := http.Get("http://" + b.profiles + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	in := bufio.NewReader(r.Body)
	if _, err := fmt.Fscanf(in, "goroutine profile: total %f", &n); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, in)
	return n, err
}

// freePorts returns addresses that nobody listens on, which are 10 apart: a broker
// takes those next to its own.
func freePorts(n int) (addrs []string, err error) {
	for base := 20_000; base < 60_000 && len(addrs) < n; base += 10 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(base+os.Getpid()%10))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		l.Close()
		addrs = append(addrs, addr)
	}
	if len(addrs) < n {
		return nil, errors.New("no free ports")
	}
	return addrs, nil
}
