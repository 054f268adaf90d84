package actormq

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func numbered(brokers []string, n int) (queues []Queue) {
	for _, b := range brokers {
		for i := range n {
			queues = append(queues, Queue{Topic: "topic-1", Broker: b, ID: i})
		}
	}
	slices.SortFunc(queues, Queue.compare)
	return queues
}

// strategies are those of testdata/apache/allocate.txt.
func strategies() map[string]Strategy {
	nearby := MachineRoomNearby{
		BrokerRoom: func(q Queue) string { room, _, _ := strings.Cut(q.Broker, "@"); return room },
		MemberRoom: func(id string) string { room, _, _ := strings.Cut(id, "-"); return room },
	}
	circle := nearby
	circle.Strategy = Circle{}
	return map[string]Strategy{
		"AVG": Averagely{}, "AVG_BY_CIRCLE": Circle{}, "CONSISTENT_HASH": ConsistentHash{},
		"CONSISTENT_HASH/3": ConsistentHash{Nodes: 3}, "MACHINE_ROOM": MachineRoom{Rooms: []string{"r1", "r3"}},
		nearby.Name(): nearby, circle.Name(): circle,
	}
}

// TestStrategiesDivideAsJava compares with what the classes of the Java client
// 5.5.0 returned: "strategy member: broker/queue …" for each case.
func TestStrategiesDivideAsJava(t *testing.T) {
	text, err := os.ReadFile("testdata/apache/allocate.txt")
	require.NoError(t, err)
	all := strategies()
	var queues []Queue
	var members []string
	compared := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if parameters, ok := strings.CutPrefix(line, "divide "); ok {
			var n int
			fields := strings.Fields(parameters)
			_, err := fmt.Sscanf(fields[1], "queues=%d", &n)
			require.NoError(t, err)
			queues = numbered(strings.Split(strings.TrimPrefix(fields[0], "brokers="), ","), n)
			members = strings.Split(strings.TrimPrefix(fields[2], "members="), ",")
			continue
		}
		who, want, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		name, id, _ := strings.Cut(who, " ")
		require.Contains(t, all, name)
		share, err := all[name].Allocate("group", id, slices.Clone(queues), slices.Clone(members))
		require.NoError(t, err)
		var got []string
		for _, q := range share {
			got = append(got, fmt.Sprintf("%s/%d", q.Broker, q.ID))
		}
		require.Equal(t, strings.Fields(want), append([]string{}, got...), "%s of %v among %v", who, queues, members)
		compared++
	}
	require.Greater(t, compared, 600)
}

// TestEachQueueGoesToOneMember holds for every strategy but ByConfig, which does
// not ask who else there is, and for MachineRoom for the brokers of its rooms.
func TestEachQueueGoesToOneMember(t *testing.T) {
	all := strategies()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"AVG", "AVG_BY_CIRCLE", "CONSISTENT_HASH", "MACHINE_ROOM_NEARBY-AVG"}).Draw(t, "strategy")
		queues := numbered([]string{"r1@a", "r2@b"}, rapid.IntRange(0, 25).Draw(t, "queues"))
		members := make([]string, rapid.IntRange(1, 20).Draw(t, "members"))
		for i := range members {
			members[i] = fmt.Sprintf("r%d-%02d", i%3, i)
		}
		slices.Sort(members)
		var got []Queue
		fewest, most := len(queues), 0
		for _, id := range members {
			share, err := all[name].Allocate("group", id, queues, members)
			require.NoError(t, err)
			got = append(got, share...)
			fewest, most = min(fewest, len(share)), max(most, len(share))
		}
		require.ElementsMatch(t, queues, got)
		if name == "AVG" || name == "AVG_BY_CIRCLE" {
			require.LessOrEqual(t, most-fewest, 1)
		}
	})
}

func TestWhoIsNoMemberHasNoShare(t *testing.T) {
	queues := numbered([]string{"r1@a"}, 4)
	for name, s := range strategies() {
		share, err := s.Allocate("group", "r1-9", queues, []string{"r1-1", "r2-1"})
		require.NoError(t, err, name)
		require.Empty(t, share, name)
	}
	fixed := ByConfig{Queues: append(queues[1:2:2], Queue{Topic: "topic-2", Broker: "r1@a"})}
	share, err := fixed.Allocate("group", "r1-9", queues, nil)
	require.NoError(t, err)
	require.Equal(t, queues[1:2], share, "only those of the topic")
}

func TestUnknownMachineRooms(t *testing.T) {
	known := func(string) string { return "r1" }
	queues := numbered([]string{"a"}, 1)
	for _, s := range []Strategy{
		MachineRoomNearby{},
		MachineRoomNearby{BrokerRoom: func(Queue) string { return "" }, MemberRoom: known},
		MachineRoomNearby{BrokerRoom: func(Queue) string { return "r1" }, MemberRoom: func(string) string { return "" }},
		ConsistentHash{Nodes: -1},
	} {
		_, err := s.Allocate("group", "m", queues, []string{"m"})
		require.Error(t, err, "%+v", s)
	}
}
