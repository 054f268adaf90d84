package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
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

// kind says whose broker it is.
type kind string

const (
	apache kind = "Apache"
	ours   kind = "actormq"
)

// server is a name server and a broker.
type server struct {
	kind       kind
	dir        string
	nameServer string
	processes  []*process
	primary    *process      // of the broker that is loaded
	startup    time.Duration // from the start of the broker's process to the first message
	resident   int64         // after that message, in bytes
}

// startLimit is the time in which a server must be up.
const startLimit = 2 * time.Minute

// start starts a name server and a broker on free ports and an empty store, with a
// slave if the group asks for one, and sends a message.
func start(ctx context.Context, o options, k kind, g group) (s *server, err error) {
	s = &server{kind: k}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.dir, err = os.MkdirTemp(o.root, strings.ToLower(string(k))+"-"); err != nil {
		return s, err
	}
	names, broker, err := freePorts()
	if err != nil {
		return s, err
	}
	s.nameServer = net.JoinHostPort("127.0.0.1", strconv.Itoa(names))
	err = s.launch(o, "namesrv", "namesrv", map[string]string{"listenPort": strconv.Itoa(names), "kvConfigPath": filepath.Join(s.dir, "kv.json")})
	if err != nil {
		return s, err
	}
	if err := s.await(ctx, func() error { return accepts(s.nameServer) }); err != nil {
		return s, err
	}
	conf := s.conf("store", broker)
	maps.Copy(conf, g.conf)
	began := time.Now()
	if err := s.launch(o, "broker", "broker", conf); err != nil {
		return s, err
	}
	s.primary = s.processes[len(s.processes)-1]
	if g.slave {
		if err := s.startSlave(ctx, o); err != nil {
			return s, err
		}
	}
	if err := s.await(ctx, func() error { return s.firstMessage(ctx) }); err != nil {
		return s, err
	}
	s.startup = time.Since(began)
	s.resident, err = bench.Resident(s.primary.cmd.Process.Pid)
	return s, err
}

// conf is the configuration of a broker whose store is in a folder of that name.
func (s *server) conf(store string, port int) map[string]string {
	dir := filepath.Join(s.dir, store)
	return map[string]string{
		"brokerName": "broker-a", "brokerClusterName": "bench", "brokerId": "0", "brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1",
		"listenPort": strconv.Itoa(port), "haListenPort": strconv.Itoa(port + 1), "namesrvAddr": s.nameServer,
		"storePathRootDir": dir, "storePathCommitLog": filepath.Join(dir, "commitlog"),
		// The disk of a test machine may be fuller than an operator's.
		"diskMaxUsedSpaceRatio": "95",
	}
}

// startSlave starts a slave and waits until it has got something from its master.
func (s *server) startSlave(ctx context.Context, o options) error {
	_, port, err := freePorts()
	if err != nil {
		return err
	}
	conf := s.conf("store-slave", port)
	conf["brokerRole"], conf["brokerId"] = "SLAVE", "1"
	if err := s.launch(o, "broker", "slave", conf); err != nil {
		return err
	}
	return s.await(ctx, func() error {
		if err := s.firstMessage(ctx); err != nil {
			return err
		}
		_, err := os.Stat(filepath.Join(conf["storePathCommitLog"], fmt.Sprintf("%020d", 0)))
		return err
	})
}

// last is the process that was started last.
func (s *server) last() *process { return s.processes[len(s.processes)-1] }

// launch starts a process of a role under a name.
func (s *server) launch(o options, role, name string, conf map[string]string) error {
	file := filepath.Join(s.dir, name+".conf")
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(conf)) {
		fmt.Fprintf(&text, "%s=%s\n", key, conf[key])
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	args := []string{o.binary, role, "-c", file}
	if s.kind == apache {
		args = javaCommand(o, role, s.dir, file)
	}
	p, err := startProcess(args, s.dir, name)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return err
}

func javaCommand(o options, role, dir, file string) []string {
	main, heap := "org.apache.rocketmq.namesrv.NamesrvStartup", "256m"
	if role == "broker" {
		main, heap = "org.apache.rocketmq.broker.BrokerStartup", o.heap
	}
	return []string{
		"java", "-server", "-Xms" + heap, "-Xmx" + heap, "-XX:+UseG1GC",
		"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
		"-Duser.home=" + dir, "-cp", filepath.Join(o.jars, "*"), main, "-c", file,
	}
}

// await tries until try succeeds.
func (s *server) await(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(startLimit)
	for pause := time.Millisecond; ; pause = min(2*pause, 32*time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-s.last().ended:
			return fmt.Errorf("a process ended while it started: %s", s.last().tail())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not up after %v: %w: %s", startLimit, err, s.last().tail())
		}
	}
}

func accepts(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		err = c.Close()
	}
	return err
}

// firstMessage sends a message to a new topic.
func (s *server) firstMessage(ctx context.Context) error {
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{s.nameServer}})
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := client.NewProducer(actormq.ProducerOptions{Group: "bench", Retries: -1})
	if err != nil {
		return err
	}
	_, err = producer.Send(ctx, &actormq.Message{Topic: "bench-first", Body: []byte("first")})
	return err
}

// options are those of a load on this server.
func (s *server) options() bench.Options {
	o := bench.Defaults()
	o.NameServers = []string{s.nameServer}
	o.PID = s.primary.cmd.Process.Pid
	o.Topic = "bench"
	return o
}

// warm loads the broker, above all for the compiler of Java, and fills the topic
// to read.
func (s *server) warm(ctx context.Context, d time.Duration) error {
	if d > 0 {
		o := s.options()
		o.Topic, o.Duration = "bench-warm", d
		if _, err := bench.Run(ctx, o); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	o := s.options()
	o.Topic, o.Duration, o.Count = replayTopic, 0, replayCount
	if _, err := bench.Run(ctx, o); err != nil {
		return fmt.Errorf("topic to read: %w", err)
	}
	return ctx.Err()
}

// replayCount is the number of messages that are read again and again.
const replayCount = 500_000

// load runs a scenario.
func (s *server) load(ctx context.Context, o options, sc scenario) (result, error) {
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return result{}, ctx.Err()
	}
	b := s.options()
	b.Duration, b.Warmup = o.duration, 2*time.Second
	sc.set(&b)
	report, err := bench.Run(ctx, b)
	if err != nil {
		return result{}, err
	}
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	if report.Lost() > 0 {
		return result{}, fmt.Errorf("%d acknowledged messages are not in the queues", report.Lost())
	}
	return newResult(report), nil
}

// stop ends the processes, the broker first, and deletes the store, but no log. It
// may be called more than once.
func (s *server) stop() error {
	var failed error
	for _, p := range slices.Backward(s.processes) {
		failed = errors.Join(failed, p.stop())
	}
	s.processes = nil
	return errors.Join(failed, os.RemoveAll(filepath.Join(s.dir, "store")), os.RemoveAll(filepath.Join(s.dir, "store-slave")))
}

// process is a child process.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func startProcess(args []string, dir, name string) (*process, error) {
	p := &process{log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(os.Environ(), "ROCKETMQ_HOME="+dir)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is this process's
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // how a server that was stopped exits says nothing here
		close(p.ended)
	}()
	return p, nil
}

// stopLimit is the time that a process may take to end.
const stopLimit = 60 * time.Second

func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopLimit):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	return fmt.Errorf("process %d had to be killed: %s", p.cmd.Process.Pid, p.tail())
}

// tail returns the end of what a process printed.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

// freePorts returns a port for a name server and one for a broker, which also
// takes the one two below and the one above.
func freePorts() (names, broker int, err error) {
	free := func(port int) bool {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			l.Close()
		}
		return err == nil
	}
	for range 100 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			return 0, 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port < 60_000 && free(port) && free(port-2) && free(port+1) && free(port+5) {
			return port + 5, port, nil
		}
	}
	return 0, 0, errors.New("no free ports")
}
