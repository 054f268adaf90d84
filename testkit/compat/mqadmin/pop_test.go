package mqadmin

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/actormq/actormq/transport/remoting"
	"github.com/stretchr/testify/require"
)

// How a group consumes a topic is set by operators.
func TestSetConsumeMode(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("popping")
	set := func(where, address, topic, mode string, more ...string) []string {
		return append([]string{"setConsumeMode", where, address, "-t", topic, "-g", group, "-m", mode}, more...)
	}
	out := several(t, c,
		[]string{"updateSubGroup", "-b", c.Broker, "-g", group},
		set("-b", c.Broker, topic, "POP", "-q", "2"),
		set("-c", c.Name, topic, "PULL"),
		set("-b", c.Broker, kit.Name("nowhere"), "POP"),
		set("-b", c.Broker, "%RETRY%"+group, "POP"),
	)
	for i, mode := range []string{"POP] popShareQueueNum[2]", "PULL] popShareQueueNum[0]"} {
		require.Contains(t, out[i+1], "set consume mode to "+c.Broker+" success.")
		require.Contains(t, out[i+1], "topic["+topic+"] group["+group+"] consume mode["+mode)
	}
	require.Contains(t, out[3], "CODE: 17  DESC: topic[")
	require.Contains(t, out[4], "CODE: 16  DESC: retry topic is not allowed to set mode")
}

// pop pops messages of a queue from its beginning on.
func pop(t *testing.T, c kit.Cluster, group, topic string, queue, n int) {
	conn, err := net.Dial("tcp", c.Broker)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(kit.Patience)))
	header := messages.PopHeader{
		ConsumerGroup: group, Topic: topic, QueueID: int32(queue), MaxMsgNums: int32(n), Invisible: 60_000, InitMode: messages.PopFromMin,
	}
	request := messages.Command{Code: int32(messages.CodePopMessage), Language: messages.Java, Version: messages.ProtocolVersion}
	header.Set(&request.Ext)
	_, err = conn.Write(remoting.AppendFrame(nil, &request))
	require.NoError(t, err)
	var size [4]byte
	_, err = io.ReadFull(conn, size[:])
	require.NoError(t, err)
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(conn, frame)
	require.NoError(t, err)
	var answer messages.Command
	require.NoError(t, remoting.Decode(frame, &answer))
	require.EqualValues(t, messages.Success, answer.Code, answer.Remark)
}

// What was popped of a topic is behind a group, whether or not it is acknowledged.
func TestConsumerProgressOfPops(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic, group := c.Topic(t, 2), kit.Name("popping")
	send(t, c, topic, 0, 5)
	send(t, c, topic, 1, 2)
	pop(t, c, group, topic, 0, 3)
	pop(t, c, group, topic, 1, 32)
	var out []string
	kit.Eventually(t, "progress", func() bool {
		out = several(t, c, []string{"consumerProgress", "-g", group, "-t", topic}, []string{"topicStatus", "-t", topic})
		return values(out[0], ":")["Consume Diff Total"] == "2"
	})
	for _, tt := range []struct{ queue, end, popped, diff string }{{"0", "5", "3", "2"}, {"1", "2", "2", "0"}} {
		require.Equal(t, []string{tt.end, tt.popped, tt.diff, "0"}, row(t, out[0], topic, c.BrokerName, tt.queue)[3:7])
		require.Equal(t, []string{"0", tt.end}, row(t, out[1], c.BrokerName, tt.queue)[2:4])
	}
}
