package actormq

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func numbered(n int) (queues []Queue) {
	for i := range n {
		queues = append(queues, Queue{Topic: "t", Broker: "b", ID: i})
	}
	return queues
}

func TestAllocate(t *testing.T) {
	for _, tt := range []struct {
		queues  int
		members []string
		id      string
		want    []int
	}{
		{8, []string{"a"}, "a", []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{8, []string{"a", "b", "c"}, "a", []int{0, 1, 2}},
		{8, []string{"a", "b", "c"}, "b", []int{3, 4, 5}},
		{8, []string{"a", "b", "c"}, "c", []int{6, 7}},
		{2, []string{"a", "b", "c"}, "b", []int{1}},
		{2, []string{"a", "b", "c"}, "c", nil},
		{8, []string{"a", "b"}, "x", nil},
		{0, []string{"a"}, "a", nil},
	} {
		var got []int
		for _, q := range allocate(numbered(tt.queues), tt.members, tt.id) {
			got = append(got, q.ID)
		}
		require.Equal(t, tt.want, got, "%+v", tt)
	}
}

func TestAllocateGivesEachQueueToOneMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queues := numbered(rapid.IntRange(0, 50).Draw(t, "queues"))
		members := make([]string, rapid.IntRange(1, 20).Draw(t, "members"))
		for i := range members {
			members[i] = fmt.Sprintf("%02d", i)
		}
		var all []Queue
		fewest, most := len(queues), 0
		for _, id := range members {
			share := allocate(queues, members, id)
			all = append(all, share...)
			fewest, most = min(fewest, len(share)), max(most, len(share))
		}
		require.True(t, slices.Equal(queues, all))
		require.LessOrEqual(t, most-fewest, 1)
	})
}

// TestOffsetsOfFinishedMessages checks the offset that a consumer commits against
// its definition: everything below it is finished, and it is not.
func TestOffsetsOfFinishedMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &assigned{committed: none}
		finished := make(map[int64]bool)
		var under []int64
		next := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"pull": func(t *rapid.T) {
				var found []*Received
				for range rapid.IntRange(0, 4).Draw(t, "messages") {
					next += int64(rapid.IntRange(1, 3).Draw(t, "step")) // filters leave gaps
					found = append(found, &Received{Offset: next - 1})
					under = append(under, next-1)
				}
				a.pulled(found, next)
			},
			"finish": func(t *rapid.T) {
				if len(under) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				a.finished(under[i])
				finished[under[i]] = true
				under = slices.Delete(under, i, i+1)
			},
			"": func(t *rapid.T) {
				_, offset := a.position()
				want := next
				if len(under) > 0 {
					want = slices.Min(under)
				}
				require.Equal(t, want, offset)
			},
		})
	})
}

func TestWhatIsCommittedIsDueOnce(t *testing.T) {
	a := &assigned{committed: none}
	offset, due := a.due()
	require.True(t, due, "a new group's place is kept even if nothing is read")
	a.told(offset)
	_, due = a.due()
	require.False(t, due)
	a.pulled([]*Received{{Offset: 0}}, 1)
	_, due = a.due()
	require.False(t, due)
	a.finished(0)
	offset, due = a.due()
	require.True(t, due)
	require.EqualValues(t, 1, offset)
}
