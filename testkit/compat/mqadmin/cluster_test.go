package mqadmin

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClusterList(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	fields := row(t, mqadmin(t, c, "clusterList"), c.Name)
	require.Equal(t, []string{c.Name, c.BrokerName, "0", c.Broker}, fields[:4])
	require.Regexp(t, `^V\d+_\d+_\d+`, fields[4], "version")
	require.Regexp(t, `^\d+\.\d\d\(0,\d+ms\)$`, fields[5], "InTPS with the length and wait of the send queue")
	require.Equal(t, "true", fields[len(fields)-1], "activated")
}

// brokerStatus shows the broker's runtime statistics; these are the ones that
// dashboards and clusterList itself read.
func TestBrokerStatus(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	status := func() map[string]string { return values(mqadmin(t, c, "brokerStatus", "-b", c.Broker), ":") }
	number := func(status map[string]string, name string) int64 {
		n, err := strconv.ParseInt(status[name], 10, 64)
		assert.NoError(t, err, "%s is %q", name, status[name])
		return n
	}
	before := status()
	const size, each = 10, 100
	send(t, c, topic, 0, size)
	after := status()
	for name, more := range map[string]int64{
		"msgPutTotalTodayNow": size, "putMessageTimesTotal": size, "putMessageSizeTotal": size * each, "commitLogMaxOffset": size * each,
	} {
		assert.GreaterOrEqual(t, number(after, name), number(before, name)+more, name)
	}
	assert.Zero(t, number(after, "commitLogMinOffset"))
	assert.Equal(t, before["bootTimestamp"], after["bootTimestamp"])
	for name, shape := range map[string]string{
		"brokerVersionDesc":                    `^V\d+_\d+_\d+`,
		"brokerActive":                         `^true$`,
		"bootTimestamp":                        `^\d{13}$`,
		"earliestMessageTimeStamp":             `^\d{13}$`,
		"runtime":                              `^\[ \d+ days, \d+ hours, \d+ minutes, \d+ seconds \]$`,
		"putTps":                               `^[\d.]+( [\d.]+)*$`, // over 10 s, 1 min and 10 min, once there were that many
		"getTotalTps":                          `^[\d.]+( [\d.]+)*$`,
		"getFoundTps":                          `^[\d.]+( [\d.]+)*$`,
		"getMissTps":                           `^[\d.]+( [\d.]+)*$`,
		"getTransferredTps":                    `^[\d.]+( [\d.]+)*$`,
		"msgGetTotalTodayNow":                  `^\d+$`,
		"msgPutTotalTodayMorning":              `^\d+$`,
		"dispatchBehindBytes":                  `^\d+$`,
		"commitLogDiskRatio":                   `^0\.\d+$`,
		"consumeQueueDiskRatio":                `^0\.\d+$`,
		"putMessageEntireTimeMax":              `^\d+$`,
		"sendThreadPoolQueueSize":              `^\d+$`,
		"pullThreadPoolQueueSize":              `^\d+$`,
		"remainHowManyDataToFlush":             `^[\d.]+ [KMG]?i?B$`,
		"sendThreadPoolQueueHeadWaitTimeMills": `^\d+$`,
	} {
		assert.Regexp(t, regexp.MustCompile(shape), after[name], name)
	}
}
