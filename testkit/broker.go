package testkit

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
)

// Broker is a broker and its name server inside of the test's process. RocketMQ
// clients of any kind reach it over TCP.
//
// Its methods, and those of the Cluster that it is, fail the test rather than return
// errors. They may be called from any goroutine, but those that fail the test only
// from the test's own.
type Broker struct {
	*Cluster
	config   config.Broker
	pool     *mailbox.Pool
	clock    *clock
	names    *namesrv.Server
	namesNet *network
	fs       vfs.FS
	mem      *vfs.Mem // nil for a broker with a directory
	log      zerolog.Logger

	mu     sync.Mutex
	net    *network // of the broker's present process
	env    *env.Env
	server *broker.Server
}

// Option changes how a broker is started.
type Option func(*Broker)

// WithDir has the broker keep its store in a directory, in which it is found again
// by whoever starts a broker there. Without it the store is in memory.
func WithDir(dir string) Option {
	return func(b *Broker) {
		b.fs, b.mem, b.config.StorePathRootDir = vfs.OS(), nil, dir
		defaults := config.DefaultBroker()
		b.config.MappedFileSizeTimerLog, b.config.TimerWheelSlots = defaults.MappedFileSizeTimerLog, defaults.TimerWheelSlots
		// The host's disk may be as full as it likes.
		c := &b.config
		c.DiskMaxUsedSpaceRatio, c.DiskSpaceCleanForciblyRatio, c.DiskSpaceWarningLevelRatio = 100, 100, 100
	}
}

// WithPatience sets how long the methods that await something wait, instead of
// DefaultPatience.
func WithPatience(d time.Duration) Option { return func(b *Broker) { b.patience = d } }

// WithLog writes the log of broker and name server, which is otherwise dropped.
func WithLog(w io.Writer) Option {
	return func(b *Broker) {
		b.log = zerolog.New(zerolog.ConsoleWriter{Out: w, NoColor: true}).With().Timestamp().Logger()
	}
}

// WithProperty sets a property of broker.conf, such as autoCreateTopicEnable=false.
func WithProperty(key, value string) Option {
	return func(b *Broker) {
		if err := b.config.Set(key, value); err != nil {
			b.t.Fatalf("testkit: %v", err)
		}
	}
}

// StartBroker starts a broker on free ports of 127.0.0.1. It is stopped when the
// test ends.
func StartBroker(t testing.TB, options ...Option) *Broker {
	t.Helper()
	mem := vfs.NewMem(time.Now)
	b := &Broker{
		Cluster: newCluster(t), pool: mailbox.NewPool(), clock: newClock(), fs: mem, mem: mem, log: zerolog.Nop(),
		config: config.DefaultBroker(),
	}
	b.hasten = b.endPulls
	c := &b.config
	c.BindAddress, c.BrokerIP1, c.StorePathRootDir = "127.0.0.1", "127.0.0.1", "/store"
	// Small files, for memory's sake; connections that outlive a jump of the clock.
	c.MappedFileSizeCommitLog, c.MappedFileSizeConsumeQueue, c.MapperFileSizeBatchConsumeQueue = 16<<20, 20<<10, 46<<10
	c.MaxHashSlotNum, c.MaxIndexNum = 10_000, 40_000
	c.MappedFileSizeTimerLog, c.TimerWheelSlots = 1<<20, 4096
	c.ServerChannelMaxIdleTimeSeconds = 1 << 30
	c.ChannelExpiredTimeout = (1 << 30) * 1000
	for _, option := range options {
		option(b)
	}
	b.startNames()
	b.startBroker()
	t.Cleanup(b.close)
	return b
}

func (b *Broker) environment(network *network) *env.Env {
	e := env.System(network, b.fs, b.pool, b.log)
	e.Clock = b.clock
	return e
}

func (b *Broker) startNames() {
	b.namesNet = newNetwork()
	c := config.DefaultNameServer()
	c.BindAddress, c.ListenPort = "127.0.0.1", 0
	e := b.environment(b.namesNet)
	e.Clock = newClock() // which nobody advances: brokers do not expire
	names, err := namesrv.Start(e, c)
	if err != nil {
		b.t.Fatalf("testkit: %v", err)
	}
	b.names = names
	b.nameServer = names.Addr().String()
	b.config.NamesrvAddr = b.nameServer
}

// portTries bounds the ports that are tried: somebody may take one between the
// look and the start.
const portTries = 20

func (b *Broker) startBroker() {
	b.t.Helper()
	fixed := b.config.ListenPort != config.DefaultBroker().ListenPort
	var err error
	for range portTries {
		if !fixed {
			if b.config.ListenPort, err = freePort(); err != nil {
				continue
			}
		}
		network := newNetwork()
		e := b.environment(network)
		server, failed := broker.Start(e, b.config)
		if err = failed; err == nil {
			b.mu.Lock()
			b.net, b.env, b.server = network, e, server
			b.mu.Unlock()
			b.awaitRegistration()
			return
		}
		_ = network.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	b.t.Fatalf("testkit: %v", err)
}

// freePort returns a port that is free together with those that a broker derives
// from it. It is below those that systems give to clients: one that is free for a
// moment, while a broker restarts, stays so.
func freePort() (int, error) {
	port := 10_000 + rand.IntN(20_000)
	for _, neighbour := range []int{port - 2, port, port + 1} {
		other, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(neighbour))
		if err != nil {
			return 0, err
		}
		_ = other.Close()
	}
	return port, nil
}

// awaitRegistration waits until clients find the broker.
func (b *Broker) awaitRegistration() {
	b.t.Helper()
	client := b.Client()
	b.await("the broker to register", func(ctx context.Context) error {
		_, err := client.Queues(ctx, messages.TopicSelfTest)
		return err
	})
}

// Addr returns the broker's address, host:port.
func (b *Broker) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.config.ListenPort))
}

// Name returns the broker's name, as it is in queues.
func (b *Broker) Name() string { return b.config.BrokerName }

// Metrics returns what Prometheus is shown of the broker. It collects while the broker
// runs; after a restart there is another. What is counted by topic and by group needs
// WithProperty("metricsExporterType", "PROM").
func (b *Broker) Metrics() prometheus.Collector {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server.Metrics()
}

func (b *Broker) close() {
	b.Heal() // so that it can end in order
	err := errors.Join(b.Cluster.close(), b.stop(), b.names.Stop(), b.namesNet.Close())
	b.pool.Close()
	if err != nil {
		b.t.Errorf("testkit: %v", err)
	}
}
