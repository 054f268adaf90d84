// Package cluster runs whole brokers, and what belongs to them, in a simulated
// world: the code that cmd starts in production, on hosts whose network, disk
// and clock are the simulator's.
//
//	w := sim.New(seed, sim.Options{})
//	b := cluster.StartBroker(t, w.Host("broker"), func(c *config.Broker) { … })
//	p := b.Dial(w.Host("producer"))
//	b.Crash(sim.PowerLoss)
//	b.Start()
//
// Judge ties clients to a history, which says what they must not see.
package cluster

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/broker"
	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// startLimit is the virtual time in which a server must come up or stop.
const startLimit = time.Minute

// Broker is a broker on a simulated host. It outlives its crashes.
type Broker struct {
	Config config.Broker
	Host   *sim.Host

	t      testing.TB
	world  *sim.World
	server *broker.Server
}

// NewBroker configures a broker that has small files, so that a test sees many of
// them. configure may be nil.
func NewBroker(t testing.TB, w *sim.World, h *sim.Host, configure func(*config.Broker)) *Broker {
	c := config.DefaultBroker()
	c.BrokerName, c.BrokerIP1 = h.Name(), h.IP().String()
	c.StorePathRootDir = "/store"
	c.MappedFileSizeCommitLog = 64 << 10
	c.MaxMessageSize = 16 << 10
	c.MappedFileSizeConsumeQueue = 20 * 100
	c.MapperFileSizeBatchConsumeQueue = 46 * 20
	c.MaxHashSlotNum, c.MaxIndexNum = 100, 200
	c.MappedFileSizeTimerLog, c.TimerWheelSlots = 2048, 256
	if configure != nil {
		configure(&c)
	}
	return &Broker{Config: c, Host: h, t: t, world: w}
}

// StartBroker is NewBroker and Start.
func StartBroker(t testing.TB, w *sim.World, h *sim.Host, configure func(*config.Broker)) *Broker {
	b := NewBroker(t, w, h, configure)
	b.Start()
	return b
}

// Start starts the broker, on a host that is restarted if need be, and returns
// when it takes requests.
func (b *Broker) Start() { require.NoError(b.t, b.TryStart()) }

// TryStart is Start for a broker that may not come up. It then waits until what
// did has gone.
func (b *Broker) TryStart() error {
	if !b.Host.Running() {
		b.Host.Restart()
	}
	var came bool
	var failed error
	server, err := broker.Begin(b.Host.Env(), b.Config, func(_ netip.AddrPort, err error) { came, failed = true, err })
	if err != nil {
		return err
	}
	b.server = server
	if err := b.world.Run(func() bool { return came }, startLimit); err != nil {
		return fmt.Errorf("cluster: the broker does not come up: %w", err)
	}
	if failed == nil {
		return nil
	}
	return errors.Join(failed, b.world.Run(b.Stopped, startLimit))
}

// Crash ends the broker as it stands.
func (b *Broker) Crash(kind sim.Crash) { b.Host.Crash(kind) }

// Stop ends the broker in order.
func (b *Broker) Stop() error {
	b.server.BeginStop()
	if err := b.world.Run(b.Stopped, startLimit); err != nil {
		return fmt.Errorf("cluster: the broker does not stop: %w", err)
	}
	return b.server.Err()
}

// Stopped reports whether the broker has ended, by Stop or of its own accord.
func (b *Broker) Stopped() bool {
	select {
	case <-b.server.Done():
		return true
	default:
		return false
	}
}

// Addr is what clients dial.
func (b *Broker) Addr() string { return fmt.Sprintf("%s:%d", b.Host.Name(), b.Config.ListenPort) }

// Dial connects a client on host h.
func (b *Broker) Dial(h *sim.Host) *sim.Client {
	c, err := h.Dial(b.Addr())
	require.NoError(b.t, err)
	return c
}

// CreateTopic creates a topic as an operator does, whose connections never fail.
func (b *Broker) CreateTopic(topic string, queues int) { b.create(script.CreateTopic(topic, queues)) }

// CreateBatchTopic creates one of queue type BatchCQ.
func (b *Broker) CreateBatchTopic(topic string, queues int) {
	b.create(script.CreateBatchTopic(topic, queues))
}

func (b *Broker) create(request *messages.Command) {
	operator := b.world.Host("operator")
	b.world.SetLink(b.Host, operator, sim.Link{MaxDelay: time.Millisecond})
	c := b.Dial(operator)
	defer c.Close()
	response, err := c.Call(request)
	require.NoError(b.t, err)
	require.NoError(b.t, script.Succeeded(response))
}
