package mqadmin

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/actormq/actormq/testkit/compat/cluster"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

// several runs commands in one process, in order, and returns what each prints, on
// either stream.
func several(t *testing.T, c kit.Cluster, commands ...[]string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*kit.Patience)
	defer cancel()
	args := []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.home=" + os.Getenv("HOME"),
		"-cp", os.Getenv("COMPAT_JAVA_CLASSPATH"), "compat.Tool"}
	for _, command := range commands {
		args = append(append(append(args, ";"), command...), "-n", c.NameServer)
	}
	cmd := exec.CommandContext(ctx, "java", args...)
	cluster.DieWithParent(cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	parts := strings.Split("\n"+string(out), "\n; ")[1:]
	require.Len(t, parts, len(commands))
	for i, part := range parts {
		_, parts[i], _ = strings.Cut(part, "\n")
	}
	return parts
}

// file writes v as JSON and returns the file's name.
func file(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "list.json")
	require.NoError(t, os.WriteFile(name, b, 0o644))
	return name
}

// What operators do to groups and their offsets while a consumer is online.
func TestGroupsAndTheirOffsets(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, online, listed, closed := c.Topic(t, 2), kit.Name("online"), kit.Name("listed"), kit.Name("closed")
	results := send(t, c, topic, 0, 3)
	id, got := sdkConsumer(t, c, online, topic, 3)
	kit.Eventually(t, "commit", func() bool {
		return values(mqadmin(t, c, "consumerProgress", "-g", online), ":")["Consume Diff Total"] == "0"
	})
	groups := file(t, []map[string]any{{"groupName": listed, "retryMaxTimes": 5}, {"groupName": closed, "consumeEnable": false}})
	out := several(t, c,
		[]string{"updateSubGroupList", "-b", c.Broker, "-f", groups},
		[]string{"getConsumerConfig", "-g", listed},
		[]string{"getConsumerConfig", "-g", closed},
		[]string{"cloneGroupOffset", "-s", online, "-d", listed, "-t", topic, "-o", "true"},
		[]string{"brokerConsumeStats", "-b", c.Broker, "-t", "50000", "-l", "0"},
		[]string{"resetOffsetByTime", "-g", listed, "-t", topic, "-b", c.Broker, "-q", "0", "-o", "1", "-s", "0"},
		[]string{"queryMsgById", "-t", topic, "-i", results[1].OffsetMsgID, "-g", online, "-d", id},
		[]string{"queryMsgById", "-t", topic, "-i", results[1].OffsetMsgID, "-g", online, "-d", "nobody"},
		[]string{"queryCq", "-t", topic, "-q", "0", "-i", "1", "-c", "1", "-b", c.Broker, "-g", online},
		[]string{"producer", "-b", c.Broker},
		[]string{"skipAccumulatedMessage", "-g", listed, "-t", topic, "-f", "true"},
		[]string{"deleteSubGroup", "-b", c.Broker, "-g", listed, "-r", "true"},
		[]string{"resetOffsetByTime", "-g", kit.Name("nobody"), "-t", topic, "-s", "0"},
	)
	require.Contains(t, out[0], "submit batch of group config to "+c.Broker+" success")
	require.Equal(t, "5", values(out[1], "=  ")["retryMaxTimes"])
	require.Equal(t, "false", values(out[2], "=  ")["consumeEnable"])
	require.Contains(t, out[3], "clone group offset success")
	stats := row(t, out[4], topic, listed)
	require.Equal(t, []string{c.BrokerName, "0", "3", "3", "0"}, stats[2:7], "broker's offset, consumer's offset, difference")
	require.Contains(t, out[5], "reset consumer offset to 1")
	require.Regexp(t, `consumeResult=CR_SUCCESS`, out[6])
	require.EqualValues(t, 4, got.Load(), "one of them again")
	require.Contains(t, out[7], "The Consumer <"+online+"> <nobody> not online")
	require.Regexp(t, `physicSize=\d+, tagsCode=114586`, out[8])
	require.Contains(t, out[8], "max: 3, min: 0")
	require.Contains(t, out[9], "remoteIP=")
	require.Equal(t, []string{c.BrokerName, "0", "3"}, row(t, out[10], c.BrokerName, "0"))
	require.Contains(t, out[11], "delete subscription group ["+listed+"] from broker ["+c.Broker+"] success")
	require.Contains(t, out[12], "CODE: 26")
}

// A topic that is made again after its deletion begins anew.
func TestTopicThatComesBack(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	send(t, c, topic, 0, 3)
	several(t, c,
		[]string{"deleteTopic", "-c", c.Name, "-t", topic},
		[]string{"updateTopic", "-b", c.Broker, "-t", topic, "-r", "1", "-w", "1"})
	c.AwaitRoute(t, topic, 1)
	require.Zero(t, send(t, c, topic, 0, 1)[0].QueueOffset)
	out := several(t, c, []string{"topicStatus", "-t", topic})
	require.Equal(t, []string{c.BrokerName, "0", "0", "1"}, table(out[0])[0][:4])
}

// What operators may set, and what they may not, while a broker runs.
func TestSettingsOfARunningBroker(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	group := kit.Name("cold")
	set := func(key, value string) []string {
		return []string{"updateBrokerConfig", "-b", c.Broker, "-k", key, "-v", value}
	}
	out := several(t, c,
		set("deleteWhen", "05"), []string{"getBrokerConfig", "-b", c.Broker}, set("deleteWhen", "04"), set("configBlackList", "x"),
		set("noSuchKey", "1"),
		[]string{"updateColdDataFlowCtrGroupConfig", "-b", c.Broker, "-g", group, "-v", "1000"},
		[]string{"getColdDataFlowCtrInfo", "-b", c.Broker},
		[]string{"removeColdDataFlowCtrGroupConfig", "-b", c.Broker, "-g", group},
		[]string{"getColdDataFlowCtrInfo", "-b", c.Broker},
		[]string{"cleanExpiredCQ", "-b", c.Broker}, []string{"cleanUnusedTopic", "-b", c.Broker}, []string{"deleteExpiredCommitLog", "-b", c.Broker},
	)
	for _, i := range []int{0, 2, 4} {
		require.Contains(t, out[i], "update broker config success, "+c.Broker)
	}
	require.Equal(t, "05", values(out[1], "=  ")["deleteWhen"])
	require.Contains(t, out[3], "CODE: 16  DESC: Can not update config in black list.")
	require.Contains(t, out[5], "updateColdDataFlowCtrGroupConfig success, "+c.Broker)
	require.Contains(t, out[6], `"`+group+`":1000`)
	require.NotContains(t, out[8], group)
	for _, i := range []int{9, 10, 11} {
		require.Contains(t, out[i], "success")
	}
}

// The permission of a broker reaches the clients by the name servers.
func TestPermissionOfARunningBroker(t *testing.T) {
	t.Parallel()
	c := kit.Strict(t)
	for _, permission := range []string{"4", "6"} {
		several(t, c, []string{"updateBrokerConfig", "-b", c.Broker, "-k", "brokerPermission", "-v", permission})
		kit.Eventually(t, "permission "+permission+" at the name server", func() bool {
			route := several(t, c, []string{"topicRoute", "-t", "SELF_TEST_TOPIC"})
			return strings.Contains(route[0], `"perm":`+permission)
		})
	}
}

// Topics with attributes, and in lists.
func TestTopicsWithAttributes(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, listed := kit.Name("typed"), kit.Name("listed")
	update := func(attribute string) []string {
		return []string{"updateTopic", "-b", c.Broker, "-t", topic, "-r", "2", "-w", "2", "-a", attribute}
	}
	topics := file(t, []map[string]any{{"topicName": listed, "readQueueNums": 2, "writeQueueNums": 2, "perm": 6}})
	out := several(t, c,
		update("-message.type"), update("+message.type=FIFO"), update("+message.type=MIXED"), update("+no.such=1"), update("+message.type=x"),
		update("-message.type"), update("-message.type"),
		[]string{"updateTopicList", "-b", c.Broker, "-f", topics},
	)
	c.AwaitRoute(t, listed, 2) // which the next command asks for
	out = append(out, several(t, c,
		[]string{"updateTopicPerm", "-b", c.Broker, "-t", listed, "-p", "4"},
		[]string{"updateTopic", "-b", c.Broker, "-t", "TBW102", "-r", "2", "-w", "2"},
	)...)
	for i, want := range []string{
		"only add attribute is supported while creating topic. key: message.type", "create topic to", "MIXED message type is not supported.",
		"unsupported key: no.such", "CODE: 1", "create topic to", "attempt to delete a nonexistent key: message.type",
		"submit batch of topic config to", "update topic perm from 6 to 4", "The topic[TBW102] is conflict with system topic.",
	} {
		require.Contains(t, out[i], want)
	}
}
