package actormq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// TestAConnectionThatBreaksWithinAResponse: what was said so far counts for nothing,
// and another broker is tried.
func TestAConnectionThatBreaksWithinAResponse(t *testing.T) {
	a := serve(t, nil)
	a.script = func(request *messages.Command) *messages.Command {
		if request.Code != int32(messages.CodeSendMessageV2) {
			return answer(messages.Success)
		}
		whole := stored(0, 7)
		whole.Opaque, whole.Flag = request.Opaque, messages.FlagResponse
		frame := remoting.AppendFrame(nil, whole)
		a.mu.Lock()
		conns := a.conns
		a.conns = nil
		a.mu.Unlock()
		for _, c := range conns {
			_ = c.Write([][]byte{frame[:len(frame)-3]})
			_ = c.Close()
		}
		return nil
	}
	b := serve(t, acceptAll)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", a, 1}, {"broker-b", b, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{})
	for range 4 {
		sent, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("b")})
		require.NoError(t, err)
		require.Equal(t, "broker-b", sent.Queue.Broker)
	}
	require.NotEmpty(t, a.got(messages.CodeSendMessageV2))
	_, err := p.SendTo(within(t), Queue{Topic: "t", Broker: "broker-a"}, &Message{Topic: "t", Body: []byte("b")})
	require.ErrorIs(t, err, ErrConnection)
}
