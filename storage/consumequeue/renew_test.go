package consumequeue_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// entry is a record of the only queue: its logical offset and its place in the log.
type entry struct{ offset, phys int64 }

// The log has two messages of a topic, then two of one by that name which came after
// the first was deleted. Whatever of them a queue has when the log is read again, it
// ends up with those of the latter.
func TestLaterTopicWins(t *testing.T) {
	log := []entry{{0, 100}, {1, 200}, {0, 300}, {1, 400}}
	for _, tc := range []struct {
		name string
		has  []entry // when the queue is opened
		log  []entry
		want []int64
	}{
		{"nothing", nil, log, []int64{300, 400}},
		{"the old topic", log[:2], log, []int64{300, 400}},
		{"a part of the new one", []entry{{0, 300}}, log, []int64{300, 400}},
		{"the new topic", log[2:], log, []int64{300, 400}},
		{"the new topic, which is shorter", []entry{{0, 300}}, log[:3], []int64{300}},
		{"the old topic, which was longer", log[:2], log[:3], []int64{300}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fs := vfs.NewMem(nil)
			q := openRenewed(t, fs, log)
			put(t, q, tc.has)
			_, err := q.Write(true)
			require.NoError(t, err)
			require.NoError(t, q.Sync())

			q = openRenewed(t, fs, log)
			put(t, q, tc.log)
			got := all(t, q.Queue("T", 0))
			var phys []int64
			for _, u := range got {
				phys = append(phys, u.Phys)
			}
			require.Equal(t, tc.want, phys)
		})
	}
}

// A broker that hands an offset out twice has a defect, and is told.
func TestOffsetThatIsAppendedTwice(t *testing.T) {
	q := openRenewed(t, vfs.NewMem(nil), nil)
	q.Renewed = false
	put(t, q, []entry{{0, 100}})
	require.ErrorContains(t, q.Append("T", 0, 0, consumequeue.Unit{Phys: 300, Size: size}), "appended twice")
}

func openRenewed(t *testing.T, fs vfs.FS, log []entry) *consumequeue.Queues {
	q, err := consumequeue.Open(consumequeue.Options{
		FS: fs, Dir: "cq", FileSize: 5 * consumequeue.UnitSize, Handles: segment.NewCache(fs, 8),
		LogMin: func() int64 { return 0 }, LogMax: 1 << 20, Crashed: true,
		Verify: func(u consumequeue.Unit, _ string, _ int32, offset int64) (bool, error) {
			for _, e := range log {
				if e == (entry{offset, u.Phys}) {
					return true, nil
				}
			}
			return false, nil
		},
	})
	require.NoError(t, err)
	q.Renewed = true
	return q
}

func put(t *testing.T, q *consumequeue.Queues, entries []entry) {
	for _, e := range entries {
		require.NoError(t, q.Append("T", 0, e.offset, consumequeue.Unit{Phys: e.phys, Size: size}))
	}
}
