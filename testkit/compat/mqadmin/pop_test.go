package mqadmin

import (
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
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
