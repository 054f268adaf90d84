package testkit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/actormq/actormq"
)

// Cluster is a RocketMQ cluster of any kind, seen through its name server: what a test
// sends, awaits and looks up there. Its methods fail the test rather than return
// errors.
type Cluster struct {
	t          testing.TB
	nameServer string
	patience   time.Duration
	// hasten has the group members of a topic commit soon; nil if nobody can.
	hasten func(ctx context.Context, topic string)

	opening sync.Mutex // held while the client is made
	client  *actormq.Client
}

func newCluster(t testing.TB) *Cluster { return &Cluster{t: t, patience: DefaultPatience} }

// Connect returns the cluster behind a name server, for a test that is to run against
// real brokers as it does against StartBroker's. It waits with patience for what it
// awaits. Its client is closed when the test ends.
func Connect(t testing.TB, nameServer string, patience time.Duration) *Cluster {
	c := newCluster(t)
	c.nameServer, c.patience = nameServer, patience
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Errorf("testkit: %v", err)
		}
	})
	return c
}

// NameServer returns the name server's address, host:port, which is what clients
// are configured with.
func (c *Cluster) NameServer() string { return c.nameServer }

// Client returns a client of the SDK that the cluster owns: it is closed with it.
func (c *Cluster) Client() *actormq.Client {
	c.opening.Lock()
	defer c.opening.Unlock()
	if c.client == nil {
		client, err := actormq.NewClient(actormq.Options{NameServers: []string{c.nameServer}})
		if err != nil {
			c.t.Fatalf("testkit: %v", err)
		}
		c.client = client
	}
	return c.client
}

func (c *Cluster) close() error {
	c.opening.Lock()
	defer c.opening.Unlock()
	if c.client == nil {
		return nil
	}
	return c.client.Close()
}
