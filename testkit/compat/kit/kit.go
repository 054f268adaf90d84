// Package kit is what all Go suites of the compatibility tests use: where the
// cluster is, names that nobody else uses, and waiting.
//
// The runner says where the cluster is by environment variables, so that the
// suites can as well be pointed at any other cluster by hand.
package kit

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/stretchr/testify/require"
)

// Patience is how long a case waits for something that ought to happen soon. It
// is generous: a case that fails has waited for it, one that passes has not.
const Patience = 40 * time.Second

// Cluster is a cluster under test.
type Cluster struct {
	NameServer, Broker string // host:port
	BrokerName, Name   string
}

// Main is the cluster as it comes, but with SQL92 filters; Strict has none and
// creates no topics.
func Main(t testing.TB) Cluster {
	return Cluster{env(t, "COMPAT_NAMESRV"), env(t, "COMPAT_BROKER"), env(t, "COMPAT_BROKER_NAME"), env(t, "COMPAT_CLUSTER")}
}

func Strict(t testing.TB) Cluster {
	c := Main(t)
	c.NameServer, c.Broker = env(t, "COMPAT_STRICT_NAMESRV"), env(t, "COMPAT_STRICT_BROKER")
	return c
}

func env(t testing.TB, name string) string {
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s is not set; run testkit/compat/run.sh", name)
	return value
}

var (
	counter atomic.Int64
	epoch   = time.Now().UnixMilli()
)

// Name returns a name for a topic, group or client that starts with prefix and
// is used by no other case or run.
func Name(prefix string) string {
	return fmt.Sprintf("%s-%x-%x-%d", prefix, os.Getpid(), epoch, counter.Add(1))
}

// NameServers is the cluster's name server as client options want it.
func (c Cluster) NameServers() primitive.NamesrvAddr { return primitive.NamesrvAddr{c.NameServer} }

// Admin returns the Go client's admin, closed with the test.
func (c Cluster) Admin(t testing.TB) admin.Admin {
	a, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver(c.NameServers())))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

// Topic creates a topic of that many queues and waits until the name server
// knows it.
func (c Cluster) Topic(t testing.TB, queues int) string {
	topic := Name(strings.ReplaceAll(t.Name(), "/", "_"))
	require.NoError(t, c.Admin(t).CreateTopic(context.Background(),
		admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(c.Broker),
		admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues)))
	c.AwaitRoute(t, topic, queues)
	return topic
}

// AwaitRoute waits until the name server has a route of topic with that many
// queues. The client keeps routes, so every look is a new client's.
func (c Cluster) AwaitRoute(t testing.TB, topic string, queues int) {
	Eventually(t, "route of "+topic, func() bool {
		got, err := c.Admin(t).FetchPublishMessageQueues(context.Background(), topic)
		return err == nil && len(got) == queues
	})
}

// Eventually waits until done returns true.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !done() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited in vain", "%s did not happen within %s", what, Patience)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Producer starts a producer that is a client of its own and sends each message
// to the queue that the message names.
func (c Cluster) Producer(t testing.TB, options ...producer.Option) rocketmq.Producer {
	options = append([]producer.Option{
		producer.WithNameServer(c.NameServers()),
		producer.WithGroupName(Name("producers")),
		producer.WithInstanceName(Name("producer")),
		producer.WithQueueSelector(producer.NewManualQueueSelector()),
	}, options...)
	p, err := rocketmq.NewProducer(options...)
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	return p
}
