package history_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/testkit/history"
)

var queue = history.Queue{Topic: "T", ID: 0}

func id(client, number uint32) history.ID { return history.ID{Client: client, Number: number} }

func TestWhatAHistoryAllows(t *testing.T) {
	h := history.New()
	for n := range uint32(4) {
		h.Sent(id(1, n+1), queue)
		h.Sent(id(2, n+1), history.Queue{Topic: "T", ID: 1})
	}
	require.NoError(t, h.Acknowledged(id(1, 1), queue, 0))
	require.NoError(t, h.Read(queue, 0, history.Body(id(1, 1))))
	require.NoError(t, h.Read(queue, 0, history.Body(id(1, 1))), "a second read")
	require.NoError(t, h.Read(queue, 1, history.Body(id(1, 3))), "a message without an acknowledgement")
	require.NoError(t, h.Acknowledged(id(1, 4), queue, 2), "one that was read by nobody")
	require.NoError(t, h.Whole(queue, 0, 3))
	require.Equal(t, 2, h.Acknowledgements())
	require.Equal(t, 8, h.Total())
}

func TestWhatAHistoryForbids(t *testing.T) {
	other := history.Queue{Topic: "T", ID: 1}
	body := func(client, number uint32) []byte { return history.Body(id(client, number)) }
	tests := map[string]struct {
		do   func(h *history.History) error
		want string
	}{
		"lost": {func(h *history.History) error {
			require.NoError(t, h.Acknowledged(id(1, 1), queue, 0))
			return h.Whole(queue, 0, 0)
		}, "message 1 of client 1 was acknowledged at queue T/0 offset 0 and is lost"},
		"gone after it was read": {func(h *history.History) error {
			require.NoError(t, h.Read(queue, 0, body(1, 1)))
			return h.Whole(queue, 0, 0)
		}, "was read at"},
		"hole": {func(h *history.History) error {
			require.NoError(t, h.Read(queue, 1, body(1, 1)))
			return h.Whole(queue, 0, 2)
		}, "offset 0 is a hole"},
		"replaced": {func(h *history.History) error {
			require.NoError(t, h.Acknowledged(id(1, 1), queue, 0))
			return h.Read(queue, 0, body(1, 2))
		}, "holds message 2 of client 1 and held message 1"},
		"moved": {func(h *history.History) error {
			require.NoError(t, h.Acknowledged(id(1, 1), queue, 0))
			return h.Read(queue, 1, body(1, 1))
		}, "is at queue T/0 offset 0 and at queue T/0 offset 1"},
		"in another queue": {func(h *history.History) error { return h.Read(other, 0, body(1, 1)) },
			"was sent to queue T/0 and is at queue T/1"},
		"never sent": {func(h *history.History) error { return h.Read(queue, 0, body(9, 9)) }, "was never sent"},
		"invented":   {func(h *history.History) error { return h.Read(queue, 0, []byte("hello")) }, "no client sent"},
		"altered": {func(h *history.History) error {
			b := bytes.Clone(body(1, 1))
			b[len(b)-1] ^= 1
			return h.Read(queue, 0, b)
		}, "are not those that were sent"},
		"cut": {func(h *history.History) error {
			b := body(1, 1)
			return h.Read(queue, 0, b[:len(b)-1])
		}, "are not those that were sent"},
		"out of order": {func(h *history.History) error {
			require.NoError(t, h.Read(queue, 0, body(1, 2)))
			require.NoError(t, h.Read(queue, 1, body(1, 1)))
			return h.Whole(queue, 0, 2)
		}, "comes behind number 2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := history.New()
			h.Sent(id(1, 1), queue)
			h.Sent(id(1, 2), queue)
			require.ErrorContains(t, test.do(h), test.want)
		})
	}
}

func TestBodiesNameTheirMessage(t *testing.T) {
	seen := make(map[string]bool)
	for n := range uint32(500) {
		b := history.Body(id(n%3, n))
		require.False(t, seen[string(b)])
		seen[string(b)] = true
		got, err := history.Identify(b)
		require.NoError(t, err)
		require.Equal(t, id(n%3, n), got)
		require.LessOrEqual(t, len(b), 4096)
	}
}
