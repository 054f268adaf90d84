package batchqueue_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/storage/batchqueue"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// entry is a batch of two messages in the only queue.
type entry struct{ base, phys int64 }

func (e entry) unit() batchqueue.Unit {
	return batchqueue.Unit{Phys: e.phys, Size: 10, StoreTime: e.phys, Base: e.base, Count: 2}
}

// The log has three batches of a topic, then two of one by that name which came after the
// first was deleted. Whatever of them a queue has when the log is read again, it ends up
// with those of the latter.
func TestLaterTopicWins(t *testing.T) {
	log := []entry{{0, 100}, {2, 200}, {4, 300}, {0, 400}, {2, 500}}
	for _, tc := range []struct {
		name string
		has  []entry // when the queue is opened
		log  []entry
		want []int64
	}{
		{"nothing", nil, log, []int64{400, 500}},
		{"the old topic", log[:3], log, []int64{400, 500}},
		{"a part of the old topic", log[:2], log, []int64{400, 500}},
		{"a part of the new one", log[3:4], log, []int64{400, 500}},
		{"the new topic", log[3:], log, []int64{400, 500}},
		{"the old topic, which was longer", log[:3], log[:4], []int64{400}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fs := vfs.NewMem(nil)
			q := openRenewed(t, fs, log)
			put(t, q, tc.has)
			require.NoError(t, q.Sync())
			for range 2 { // the second time everything is there
				q = openRenewed(t, fs, log)
				put(t, q, tc.log)
				require.NoError(t, q.Sync())
				queue, err := q.Load("T", 0)
				require.NoError(t, err)
				first, last := queue.Bounds()
				require.Zero(t, first)
				require.EqualValues(t, 2*len(tc.want), last)
				for i, phys := range tc.want {
					index, err := queue.Find(int64(2 * i))
					require.NoError(t, err)
					var u [1]batchqueue.Unit
					n, err := queue.Read(index, u[:])
					require.NoError(t, err)
					require.Equal(t, 1, n)
					require.Equal(t, phys, u[0].Phys)
				}
			}
		})
	}
}

// A broker that hands an offset out twice has a defect, and is told.
func TestOffsetThatIsAppendedTwice(t *testing.T) {
	q := openRenewed(t, vfs.NewMem(nil), nil)
	q.Renewed = false
	put(t, q, []entry{{0, 100}})
	require.ErrorContains(t, q.Append("T", 0, entry{0, 300}.unit()), "appended twice")
}

func openRenewed(t *testing.T, fs vfs.FS, log []entry) *batchqueue.Queues {
	q, err := batchqueue.Open(batchqueue.Options{
		FS: fs, Dir: "cq", FileSize: 3 * batchqueue.UnitSize, Handles: segment.NewCache(fs, 8),
		LogMin: func() int64 { return 0 }, LogMax: 1 << 20, Crashed: true,
		Verify: func(u batchqueue.Unit, _ string, _ int32) (bool, error) {
			for _, e := range log {
				if e == (entry{u.Base, u.Phys}) {
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

func put(t *testing.T, q *batchqueue.Queues, entries []entry) {
	for _, e := range entries {
		require.NoError(t, q.Append("T", 0, e.unit()))
	}
}
