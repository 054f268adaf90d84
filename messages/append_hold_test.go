package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

type holds int

func (h *holds) Hold(n int)   { *h += holds(n) }
func (h *holds) Return(n int) { *h -= holds(n) }

func TestWhatAnAppendHoldsIsReturnedOnceItIsReleasedOrUndelivered(t *testing.T) {
	for _, size := range []int{100, 1 << 20} { // of which the larger is not pooled
		var h holds
		a := messages.NewAppend(size)
		a.Peer = &messages.Peer{Holds: &h}
		a.Hold()
		require.GreaterOrEqual(t, int(h), size)
		a.Retain()
		a.Release()
		require.GreaterOrEqual(t, int(h), size, "somebody still uses it")
		a.Undelivered(nil)
		require.Zero(t, int(h))
	}
	messages.NewAppend(1).Hold() // of no client
}
