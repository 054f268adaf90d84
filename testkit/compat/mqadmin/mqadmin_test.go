package mqadmin

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
)

// mqadmin runs a command against the cluster and returns what it prints. The
// tool reports most failures by a stack trace and still exits with 0.
func mqadmin(t *testing.T, c kit.Cluster, args ...string) string {
	t.Helper()
	out, errors := try(t, c, args...)
	require.NotContains(t, errors, "Exception", "mqadmin %s", strings.Join(args, " "))
	return out
}

// try is mqadmin for a command that may fail. It returns stdout and stderr.
//
// The tool gives a server a few seconds, of which its own start-up takes most on
// a busy machine: after a time-out it is run once more.
func try(t *testing.T, c kit.Cluster, args ...string) (string, string) {
	t.Helper()
	out, errors := run(t, c, args...)
	// A request that another thread's time-out cuts off is a RemotingSendRequestException.
	if strings.Contains(errors, "RemotingTimeoutException") || strings.Contains(errors, "RemotingSendRequestException") {
		out, errors = run(t, c, args...)
	}
	return out, errors
}

func run(t *testing.T, c kit.Cluster, args ...string) (string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*kit.Patience)
	defer cancel()
	command := append([]string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + os.Getenv("HOME"),
		"-cp", os.Getenv("COMPAT_JAVA_CLASSPATH"), "org.apache.rocketmq.tools.command.MQAdminStartup"}, args...)
	cmd := exec.CommandContext(ctx, "java", append(command, "-n", c.NameServer)...)
	cluster.DieWithParent(cmd)
	var out, errors strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errors
	require.NoError(t, cmd.Run(), "mqadmin %s: %s", strings.Join(args, " "), &errors)
	t.Logf("mqadmin %s\n%s%s", strings.Join(args, " "), &out, &errors)
	return out.String(), errors.String()
}

// table is the output of a command that prints a table: the fields of each line
// but empty ones and headings.
func table(out string) [][]string {
	var rows [][]string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(line, "#") {
			rows = append(rows, fields)
		}
	}
	return rows
}

// row returns the only row that begins with these fields.
func row(t *testing.T, out string, begin ...string) []string {
	t.Helper()
	var found [][]string
	for _, fields := range table(out) {
		if len(fields) >= len(begin) && strings.Join(fields[:len(begin)], " ") == strings.Join(begin, " ") {
			found = append(found, fields)
		}
	}
	require.Len(t, found, 1, "rows that begin with %v in\n%s", begin, out)
	return found[0]
}

// values is the output of a command that prints names and values, separated by
// the first separator of a line.
func values(out, separator string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(line, separator); ok {
			found[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return found
}

// send sends n messages with tag "tag" and key "key" to a queue.
func send(t *testing.T, c kit.Cluster, topic string, queue, n int) []*primitive.SendResult {
	p := c.Producer(t)
	var results []*primitive.SendResult
	for range n {
		m := primitive.NewMessage(topic, []byte("for the operator, für 運営"))
		m.WithTag("tag").WithKeys([]string{"key"})
		m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: c.BrokerName, QueueId: queue}
		result, err := p.SendSync(context.Background(), m)
		require.NoError(t, err)
		results = append(results, result)
	}
	return results
}

// consume starts a consumer that stays until the end of the test, and returns
// once it got n messages.
func consume(t *testing.T, c kit.Cluster, group, topic string, n int) rocketmq.PushConsumer {
	p, err := rocketmq.NewPushConsumer(consumer.WithNameServer(c.NameServers()), consumer.WithGroupName(group),
		consumer.WithInstance(kit.Name("consumer")), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	require.NoError(t, err)
	got := make(chan struct{}, n)
	all := consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}
	require.NoError(t, p.Subscribe(topic, all, func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for range msgs {
			select {
			case got <- struct{}{}:
			default:
			}
		}
		return consumer.ConsumeSuccess, nil
	}))
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	for range n {
		select {
		case <-got:
		case <-time.After(kit.Patience):
			require.FailNow(t, "the consumer waited in vain")
		}
	}
	return p
}
