package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/bench"
)

// kind says whose broker it is.
type kind string

const (
	apache kind = "Apache"
	ours   kind = "actormq"
	bare   kind = "floor" // not a broker
)

// server is a name server and a broker.
type server struct {
	kind       kind
	dir        string
	conf       map[string]string // of the broker
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
	s.conf = s.configuration("store", broker)
	maps.Copy(s.conf, g.conf)
	if g.prepare != nil {
		if err := g.prepare(s); err != nil {
			return s, err
		}
	}
	if err := s.startBroker(ctx, o, g.slave); err != nil {
		return s, err
	}
	if g.replay {
		err = s.fill(ctx, replayTopic, 1<<10, replayCount, g.replaySet)
	}
	return s, err
}

// startBroker starts the broker, and a slave if there is to be one, and waits
// until a message is accepted.
func (s *server) startBroker(ctx context.Context, o options, slave bool) (err error) {
	began := time.Now()
	if err := s.launch(o, "broker", "broker", s.conf); err != nil {
		return err
	}
	s.primary = s.last()
	if slave {
		if err := s.startSlave(ctx, o); err != nil {
			return err
		}
	}
	if err := s.await(ctx, func() error { return s.firstMessage(ctx) }); err != nil {
		return err
	}
	s.startup = time.Since(began)
	s.resident, err = bench.Resident(s.primary.cmd.Process.Pid)
	return err
}

// stopBroker ends the broker: in order, or as a crash of its process does.
func (s *server) stopBroker(crash bool) error {
	s.processes = slices.DeleteFunc(s.processes, func(p *process) bool { return p == s.primary })
	if !crash {
		return s.primary.stop()
	}
	err := s.primary.cmd.Process.Kill()
	<-s.primary.ended
	return err
}

// configuration is that of a broker whose store is in a folder of that name.
func (s *server) configuration(store string, port int) map[string]string {
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
	conf := s.configuration("store-slave", port)
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

// warmSize keeps what the warm-up leaves on the disk small, in bytes.
const warmSize = 128

// warm loads the broker, above all for the compiler of Java, which needs it; this
// project's is loaded for a moment. more, if not nil, is what is loaded beside sends.
func (s *server) warm(ctx context.Context, d time.Duration, more func(o *bench.Options)) error {
	if s.kind == ours {
		d = min(d, time.Second)
	}
	if d == 0 {
		return nil
	}
	o := s.options()
	o.Topic, o.Duration, o.Size = "bench-warm", d, warmSize
	if _, err := bench.Run(ctx, o); err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	if more != nil {
		o = s.options()
		o.Duration = d
		more(&o)
		if _, err := bench.Run(ctx, o); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	return ctx.Err()
}

// fill sends messages to a topic; set, if not nil, says more about how.
func (s *server) fill(ctx context.Context, topic string, size int, count int64, set func(o *bench.Options)) error {
	o := s.options()
	o.Topic, o.Size, o.Duration, o.Count = topic, size, 0, count
	if set != nil {
		set(&o)
	}
	if _, err := bench.Run(ctx, o); err != nil {
		return fmt.Errorf("filling %s: %w", topic, err)
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
	b.Duration, b.Warmup = o.duration, time.Second
	sc.set(&b)
	report, err := bench.Run(ctx, b)
	if err != nil {
		return result{}, err
	}
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	if report.Lost() > 0 && b.Mode != bench.Oneway { // what was written is not acknowledged
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
