package history_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/history"
)

// doubtful returns a history of six messages, one a second, of which those from
// the fourth on are in doubt.
func doubtful(t *testing.T) *history.History {
	h := history.New()
	var now time.Duration
	h.Now = func() time.Duration { return now }
	for n := range uint32(6) {
		now += time.Second
		h.Sent(id(1, n+1), queue)
		require.NoError(t, h.Acknowledged(id(1, n+1), queue, int64(n)))
	}
	h.Sent(id(2, 1), queue)
	h.Doubt(func(history.Queue) bool { return true }, 4*time.Second)
	return h
}

func TestWhatAPowerLossMayTake(t *testing.T) {
	require.NoError(t, doubtful(t).Whole(queue, 0, 6), "nothing")
	require.NoError(t, doubtful(t).Whole(queue, 0, 3), "all that is in doubt")
	h := doubtful(t)
	require.NoError(t, h.Acknowledged(id(2, 1), queue, 4), "its places are used again")
	require.True(t, h.Lost(id(1, 5)))
	require.False(t, h.Lost(id(1, 3)))
	require.NoError(t, h.Whole(queue, 0, 5))
	h = doubtful(t)
	require.NoError(t, h.Read(queue, 4, history.Body(id(1, 5))), "it is there after all")
	require.ErrorContains(t, h.Whole(queue, 0, 4), "is lost")
}

func TestWhatAPowerLossMustNotTake(t *testing.T) {
	require.ErrorContains(t, doubtful(t).Whole(queue, 0, 2), "message 3 of client 1 was acknowledged")
	require.ErrorContains(t, doubtful(t).Acknowledged(id(2, 1), queue, 2), "held message 3 of client 1 before")
	h := doubtful(t)
	require.NoError(t, h.Acknowledged(id(2, 1), queue, 4))
	require.ErrorContains(t, h.Read(queue, 5, history.Body(id(2, 1))), "is at queue T/0 offset 4", "a message twice")
}
