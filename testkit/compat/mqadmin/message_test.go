package mqadmin

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestQueryMsgByKey(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	sent := send(t, c, topic, 1, 3)
	var out string
	kit.Eventually(t, "index of the messages", func() bool {
		out, _ = try(t, c, "queryMsgByKey", "-t", topic, "-k", "key")
		return len(table(out)) == len(sent)
	})
	for offset, result := range sent {
		require.Equal(t, []string{result.MsgID, "1", strconv.Itoa(offset)}, row(t, out, result.MsgID)[:3], "id, queue, offset")
	}
	_, errors := try(t, c, "queryMsgByKey", "-t", topic, "-k", "absent")
	require.Contains(t, errors, "CODE: 208  DESC: query message by key finished, but no message.")
}

func TestQueryMsgById(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	sent := send(t, c, topic, 1, 2)[1]
	out := mqadmin(t, c, "queryMsgById", "-t", topic, "-i", sent.OffsetMsgID)
	requireMessage(t, c, topic, sent, out)
	require.Equal(t, sent.OffsetMsgID, values(out, ":")["OffsetID"])
}

func TestQueryMsgByUniqueKey(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	sent := send(t, c, topic, 1, 2)[1]
	kit.Eventually(t, "index of the message", func() bool {
		out, errors := try(t, c, "queryMsgByUniqueKey", "-t", topic, "-i", sent.MsgID)
		if errors != "" {
			return false
		}
		requireMessage(t, c, topic, sent, out)
		return true
	})
}

func TestQueryMsgByOffset(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	sent := send(t, c, topic, 1, 2)[1]
	out := mqadmin(t, c, "queryMsgByOffset", "-t", topic, "-b", c.BrokerName, "-i", "1", "-o", "1")
	requireMessage(t, c, topic, sent, out)
	require.Equal(t, sent.OffsetMsgID, values(out, ":")["OffsetID"])
}

// requireMessage checks what the tool prints of a message that send has sent.
func requireMessage(t *testing.T, c kit.Cluster, topic string, sent *primitive.SendResult, out string) {
	t.Helper()
	id, err := primitive.UnmarshalMsgID([]byte(sent.OffsetMsgID))
	require.NoError(t, err)
	got := values(out, ":")
	for name, value := range map[string]string{
		"Topic": topic, "Tags": "[tag]", "Keys": "[key]", "Queue ID": "1", "Queue Offset": fmt.Sprint(sent.QueueOffset),
		"CommitLog Offset": fmt.Sprint(id.Offset), "Reconsume Times": "0", "Store Host": c.Broker, "System Flag": "0",
	} {
		require.Equal(t, value, got[name], name)
	}
	const moment = `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}$`
	require.Regexp(t, moment, got["Born Timestamp"])
	require.Regexp(t, moment, got["Store Timestamp"])
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, got["Born Host"])
	properties := strings.Split(strings.Trim(got["Properties"], "{}"), ", ")
	for _, want := range []string{"UNIQ_KEY=" + sent.MsgID, "CLUSTER=" + c.Name, "TAGS=tag", "KEYS=key", "MSG_REGION=DefaultRegion", "TRACE_ON=true"} {
		require.Contains(t, properties, want)
	}
	// The tool writes the body to a file.
	body, err := os.ReadFile(got["Message Body Path"])
	require.NoError(t, err)
	require.Equal(t, "for the operator, für 運営", string(body))
	require.NoError(t, os.Remove(got["Message Body Path"]))
}
