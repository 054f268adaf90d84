package stats

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

func TestTalliesAreBounded(t *testing.T) {
	var traffic Traffic
	for i := range MaxTallies + 100 {
		traffic.Out("group", strconv.Itoa(i)).Add(1, 10)
	}
	traffic.Out("group", "0").Add(1, 10)
	seen, rest := 0, int64(0)
	traffic.EachOut(func(key Out, tally *messages.Tally) {
		switch {
		case key == Out{}:
			rest = tally.Messages()
		case key.Topic == "0":
			require.Equal(t, int64(2), tally.Messages())
			require.Equal(t, int64(20), tally.Bytes())
			fallthrough
		default:
			seen++
		}
	})
	require.Equal(t, MaxTallies, seen)
	require.Equal(t, int64(100), rest, "what came too late is counted together")
}

func TestNoTrafficCountsNothing(t *testing.T) {
	var none *Traffic
	require.Nil(t, none.In("topic", messages.MessageNormal))
	none.Dead("group", "topic").Add(1, 1)
}
