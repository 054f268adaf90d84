package mqadmin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

// route is what topicRoute prints.
type route struct {
	BrokerDatas []struct {
		BrokerAddrs map[string]string
		BrokerName  string
		Cluster     string
	}
	QueueDatas []struct {
		BrokerName                                        string
		Perm, ReadQueueNums, WriteQueueNums, TopicSysFlag int
	}
}

// topicRoute parses the output of topicRoute, which has bare numbers as keys.
func topicRoute(t *testing.T, c kit.Cluster, topic string) route {
	out := mqadmin(t, c, "topicRoute", "-t", topic)
	quoted := regexp.MustCompile(`(?m)^(\s*)(\d+):`).ReplaceAllString(out, `$1"$2":`)
	var r route
	require.NoError(t, json.Unmarshal([]byte(quoted), &r), out)
	return r
}

func TestTopicRoute(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	r := topicRoute(t, c, c.Topic(t, 3))
	require.Len(t, r.BrokerDatas, 1)
	require.Equal(t, map[string]string{"0": c.Broker}, r.BrokerDatas[0].BrokerAddrs)
	require.Equal(t, c.BrokerName, r.BrokerDatas[0].BrokerName)
	require.Equal(t, c.Name, r.BrokerDatas[0].Cluster)
	require.Len(t, r.QueueDatas, 1)
	require.Equal(t, c.BrokerName, r.QueueDatas[0].BrokerName)
	require.Equal(t, []int{6, 3, 3, 0}, []int{r.QueueDatas[0].Perm, r.QueueDatas[0].ReadQueueNums, r.QueueDatas[0].WriteQueueNums, r.QueueDatas[0].TopicSysFlag})
}

func TestTopicList(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	consume(t, c, group, topic, 0)
	kit.Eventually(t, "topics in the list", func() bool {
		topics := strings.Fields(mqadmin(t, c, "topicList"))
		for _, want := range []string{topic, "%RETRY%" + group, "TBW102", "SCHEDULE_TOPIC_XXXX", c.Name, c.BrokerName} {
			if !slices.Contains(topics, want) {
				t.Log("not in the list yet: ", want)
				return false
			}
		}
		return true
	})
	kit.Eventually(t, "group of the topic", func() bool {
		return slices.Contains(strings.Fields(mqadmin(t, c, "topicList", "-c")), group)
	})
	require.Equal(t, []string{c.Name, topic, group}, row(t, mqadmin(t, c, "topicList", "-c"), c.Name, topic))
}

func TestTopicStatus(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 3)
	send(t, c, topic, 1, 5)
	out := mqadmin(t, c, "topicStatus", "-t", topic)
	require.Equal(t, []string{c.BrokerName, "0", "0", "0"}, row(t, out, c.BrokerName, "0"), "an empty queue has no time")
	require.Equal(t, []string{c.BrokerName, "2", "0", "0"}, row(t, out, c.BrokerName, "2"))
	used := row(t, out, c.BrokerName, "1")
	require.Equal(t, []string{c.BrokerName, "1", "0", "5"}, used[:4])
	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$`, strings.Join(used[4:], " "))
}

func TestUpdateTopic(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	byBroker, byCluster := kit.Name("byBroker"), kit.Name("byCluster")
	const config = "TopicConfig [topicName=%s, readQueueNums=%d, writeQueueNums=%d, perm=%s, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false, attributes={}]"
	done := fmt.Sprintf("create topic to %s success.", c.Broker)

	out := mqadmin(t, c, "updateTopic", "-b", c.Broker, "-t", byBroker, "-r", "3", "-w", "2")
	require.Contains(t, out, done)
	require.Contains(t, out, fmt.Sprintf(config, byBroker, 3, 2, "RW-"))
	queues := topicRoute(t, c, byBroker).QueueDatas[0]
	require.Equal(t, []int{3, 2}, []int{queues.ReadQueueNums, queues.WriteQueueNums})

	out = mqadmin(t, c, "updateTopic", "-c", c.Name, "-t", byCluster)
	require.Contains(t, out, done)
	require.Contains(t, out, fmt.Sprintf(config, byCluster, 8, 8, "RW-"))
	require.Equal(t, 8, topicRoute(t, c, byCluster).QueueDatas[0].ReadQueueNums)

	// Apache's name server may forget one of two updates at the same time, see the Go case AdminTopics.
	kit.Eventually(t, "update of the topic", func() bool {
		out := mqadmin(t, c, "updateTopic", "-b", c.Broker, "-t", byBroker, "-r", "5", "-w", "5", "-p", "4")
		require.Contains(t, out, fmt.Sprintf(config, byBroker, 5, 5, "R--"))
		queues := topicRoute(t, c, byBroker).QueueDatas[0]
		return queues.ReadQueueNums == 5 && queues.Perm == 4
	})
}

func TestDeleteTopic(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	out := mqadmin(t, c, "deleteTopic", "-c", c.Name, "-t", topic)
	require.Contains(t, out, fmt.Sprintf("delete topic [%s] from cluster [%s] success.", topic, c.Name))
	require.Contains(t, out, fmt.Sprintf("delete topic [%s] from NameServer success.", topic))
	_, errors := try(t, c, "topicRoute", "-t", topic)
	require.Contains(t, errors, "CODE: 17  DESC: No topic route info in name server for the topic: "+topic)
	require.NotContains(t, strings.Fields(mqadmin(t, c, "topicList")), topic)
}
