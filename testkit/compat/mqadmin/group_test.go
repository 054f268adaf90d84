package mqadmin

import (
	"fmt"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/require"
)

func TestUpdateSubGroup(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	group := kit.Name("group")
	out := mqadmin(t, c, "updateSubGroup", "-b", c.Broker, "-g", group, "-r", "3", "-q", "2", "-d", "true")
	require.Contains(t, out, fmt.Sprintf("create subscription group to %s success.", c.Broker))
	config := values(mqadmin(t, c, "getConsumerConfig", "-g", group), "=  ")
	for name, value := range map[string]string{
		"groupName": group, "consumeEnable": "true", "consumeBroadcastEnable": "true", "retryMaxTimes": "3", "retryQueueNums": "2",
		"brokerId": "0", "whichBrokerWhenConsumeSlowly": "1", "notifyConsumerIdsChangedEnable": "true",
	} {
		require.Equal(t, value, config[name], name)
	}
}

func TestConsumerProgress(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("group")
	send(t, c, topic, 0, 4)
	send(t, c, topic, 1, 3)
	member := consume(t, c, group, topic, 7)
	kit.Eventually(t, "commit", func() bool {
		return values(mqadmin(t, c, "consumerProgress", "-g", group), ":")["Consume Diff Total"] == "0"
	})
	// Groups that are online have a line in the overview with their members.
	overview := row(t, mqadmin(t, c, "consumerProgress"), group)
	require.Equal(t, "1", overview[1])
	require.Equal(t, []string{"PUSH", "CLUSTERING"}, overview[3:5])
	require.NoError(t, member.Shutdown())
	send(t, c, topic, 1, 2)
	out := mqadmin(t, c, "consumerProgress", "-g", group)
	first, second := row(t, out, topic, c.BrokerName, "0"), row(t, out, topic, c.BrokerName, "1")
	require.Equal(t, []string{"4", "4", "0"}, first[3:6], "broker's offset, consumer's offset, difference")
	require.Equal(t, []string{"5", "3", "2"}, second[3:6])
	require.Equal(t, "2", values(out, ":")["Consume Diff Total"])
}

func TestConsumerConnection(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 1), kit.Name("group")
	send(t, c, topic, 0, 1)
	consume(t, c, group, topic, 1)
	out := mqadmin(t, c, "consumerConnection", "-g", group)
	require.Equal(t, []string{topic, "*"}, row(t, out, topic))
	require.Equal(t, []string{"%RETRY%" + group, "*"}, row(t, out, "%RETRY%"+group))
	facts := values(out, ":")
	require.Equal(t, "CONSUME_PASSIVELY", facts["ConsumeType"])
	require.Equal(t, "CLUSTERING", facts["MessageModel"])
	require.Equal(t, "CONSUME_FROM_FIRST_OFFSET", facts["ConsumeFromWhere"])
	client := table(out)[0]
	require.Len(t, client, 4)
	require.Contains(t, client[0], "@", "client id")
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, client[1])
	require.Equal(t, "GO", client[2])
}
