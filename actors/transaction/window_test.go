package transaction

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAWindowKnowsWhatHasEnded(t *testing.T) {
	w := newWindow(100, 200, 7)
	for _, half := range []int64{99, 100, 163, 164, 199, 200} {
		w.names(7, half)
	}
	for half, want := range map[int64]bool{99: false, 100: true, 101: false, 163: true, 164: true, 165: false, 199: true, 200: false} {
		require.Equal(t, want, w.ended(half), "half %d", half)
	}
	require.Zero(t, newWindow(5, 5, 0).ended(5), "a window without halves")
	require.Equal(t, int64(maxWindow), newWindow(0, 1<<40, 0).end, "its memory is bounded")
}

// The op messages that may be forgotten are those before the first that names a half
// which is not done with, as in Apache's calculateOpOffset.
func TestOpMessagesAreForgottenUpToTheFirstThatCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(0, 20).Draw(t, "base")
		first := rapid.Int64Range(0, 5).Draw(t, "first")
		ops := rapid.SliceOfN(rapid.SliceOfN(rapid.Int64Range(0, 60), 0, 4), 0, 20).Draw(t, "ops")
		next := rapid.Int64Range(base, 60).Draw(t, "next")
		w := newWindow(base, 60, first)
		want := int64(-1)
		for i, halves := range ops {
			for _, half := range halves {
				w.names(w.next, half)
				if half >= next && want < 0 {
					want = first + int64(i)
				}
			}
			w.next++
		}
		if want < 0 {
			want = first + int64(len(ops))
		}
		require.Equal(t, want, w.opOffset(next))
	})
}

func TestMarksAreBounded(t *testing.T) {
	w := newWindow(0, 10, 0)
	for op := range int64(3 * maxMarks) {
		w.names(op, op)
		w.next++
	}
	require.Len(t, w.marks, maxMarks+1)
	require.Equal(t, int64(10), w.opOffset(10))
	require.Equal(t, int64(maxMarks), w.opOffset(2*maxMarks), "what was not marked is kept")
}

func TestCopiesAreFollowedToTheLast(t *testing.T) {
	var c copies
	c.add(place{0, 1}, 5)
	c.add(place{0, 5}, 9)
	c.add(place{1, 1}, 6)
	last, ok := c.take(place{0, 1})
	require.True(t, ok)
	require.Equal(t, int64(9), last)
	_, ok = c.take(place{0, 5})
	require.False(t, ok, "they are forgotten on the way")
	last, ok = c.take(place{1, 1})
	require.True(t, ok)
	require.Equal(t, int64(6), last, "another queue's")
}

func TestCopiesAreBounded(t *testing.T) {
	var c copies
	for i := range int64(3 * maxCopies) {
		c.add(place{0, i}, 1<<40+i)
	}
	require.Len(t, c.next, maxCopies)
	_, ok := c.take(place{0, 0})
	require.False(t, ok, "the oldest is forgotten")
	last, ok := c.take(place{0, 3*maxCopies - 1})
	require.True(t, ok)
	require.Equal(t, int64(1<<40+3*maxCopies-1), last)
}
