package consumer

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestWindow checks what a queue commits and counts against the definition:
// everything below low is finished, and low is not.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var under []int64
		sizes := make(map[int64]int)
		next := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"pull": func(t *rapid.T) {
				var found []Item
				for range rapid.IntRange(0, 4).Draw(t, "messages") {
					next += int64(rapid.IntRange(1, 3).Draw(t, "step")) // filters leave gaps
					size := rapid.IntRange(0, 100).Draw(t, "size")
					found = append(found, Item{Offset: next - 1, Size: size})
					under, sizes[next-1] = append(under, next-1), size
				}
				require.Len(t, w.add(found, next), len(found))
			},
			"pull of what is known": func(t *rapid.T) {
				require.Empty(t, w.add([]Item{{Offset: next - 1}}, next))
			},
			"finish": func(t *rapid.T) {
				if len(under) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				require.True(t, w.finish(under[i]))
				require.False(t, w.finish(under[i]), "twice")
				under = slices.Delete(under, i, i+1)
			},
			"": func(t *rapid.T) {
				low, span, bytes := next, int64(0), 0
				if len(under) > 0 {
					low = slices.Min(under)
					span = next - 1 - low
				}
				for _, offset := range under {
					bytes += sizes[offset]
				}
				require.Equal(t, low, w.low())
				require.Equal(t, span, w.span())
				require.Equal(t, len(under), w.open)
				require.EqualValues(t, bytes, w.bytes)
				require.Equal(t, next, w.next)
			},
		})
	})
}

func TestAWindowForgetsWhatIsFinished(t *testing.T) {
	var w window
	for i := range int64(10_000) {
		w.add([]Item{{Offset: i}}, i+1)
		if i >= 10 {
			require.True(t, w.finish(i-10))
		}
	}
	require.Equal(t, 10, w.open)
	require.Less(t, cap(w.slots), 5000, "slots are used again")
}
