package bench

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// answering serves one connection: answers gets each request and returns the
// responses that are due.
func answering(t *testing.T, answers func(request *messages.Command) []*messages.Command) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for {
			head := make([]byte, 4)
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			frame := make([]byte, binary.BigEndian.Uint32(head))
			if _, err := io.ReadFull(c, frame); err != nil {
				return
			}
			var request messages.Command
			if err := remoting.Decode(frame, &request); err != nil {
				return
			}
			var out []byte
			for _, response := range answers(&request) {
				out = remoting.AppendFrame(out, response)
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}

func response(request *messages.Command, code messages.ResponseCode) *messages.Command {
	return &messages.Command{Code: int32(code), Opaque: request.Opaque, Flag: messages.FlagResponse}
}

func newLane(t *testing.T, addr string, o Options, count int64) *lane {
	c := newControl()
	c.left.Store(count)
	l, err := dialLane(t.Context(), addr, []actormq.Queue{queue}, 0, c, &o, newStats())
	require.NoError(t, err)
	require.NoError(t, l.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	t.Cleanup(func() { l.conn.Close() })
	return l
}

func TestClosedLoopKeepsItsCallersBusy(t *testing.T) {
	// Answers come in groups of four, the number of callers: fewer in flight would
	// stall, more would show.
	var waiting []*messages.Command
	most := 0
	addr := answering(t, func(request *messages.Command) (due []*messages.Command) {
		waiting = append(waiting, response(request, messages.Success))
		most = max(most, len(waiting))
		if len(waiting) == 4 {
			due, waiting = waiting, nil
		}
		return due
	})
	l := newLane(t, addr, Defaults(), 40)
	require.NoError(t, l.closed(4))
	sum := take([]*stats{l.stats})
	require.EqualValues(t, 40, sum.done)
	require.EqualValues(t, 40, sum.total.TotalCount())
	require.Equal(t, 4, most)
}

func TestRefusedMessagesAreErrors(t *testing.T) {
	n := 0
	addr := answering(t, func(request *messages.Command) []*messages.Command {
		n++
		switch {
		case n <= 3:
			return []*messages.Command{response(request, messages.SystemBusy)}
		case n == 4:
			return []*messages.Command{response(request, messages.FlushDiskTimeout)}
		}
		return []*messages.Command{response(request, messages.Success)}
	})
	l := newLane(t, addr, Defaults(), 10)
	require.NoError(t, l.closed(1))
	sum := take([]*stats{l.stats})
	require.EqualValues(t, 7, sum.done, "a message that is not flushed in time is stored")
	require.Equal(t, map[int32]int64{2: 3, 10: 1}, sum.errors)
}

// TestOpenLoopCountsFromDueTime holds back all answers until 50 messages are
// there. At one in a millisecond, the first one then waits for 49 ms; a closed
// loop, or a clock that starts when a message can be sent, would not see it.
func TestOpenLoopCountsFromDueTime(t *testing.T) {
	var held []*messages.Command
	addr := answering(t, func(request *messages.Command) []*messages.Command {
		if held = append(held, response(request, messages.Success)); len(held) < 50 {
			return nil
		}
		return held
	})
	l := newLane(t, addr, Defaults(), 50)
	require.NoError(t, l.open(100, 0, time.Millisecond))
	sum := take([]*stats{l.stats})
	require.EqualValues(t, 50, sum.done)
	require.GreaterOrEqual(t, time.Duration(sum.total.Max()), 48*time.Millisecond)
}

// TestOpenLoopWaitsForASlot has one slot: a message that finds it taken is sent
// late, and counts from when it was due.
func TestOpenLoopWaitsForASlot(t *testing.T) {
	const slow = 5 * time.Millisecond
	addr := answering(t, func(request *messages.Command) []*messages.Command {
		time.Sleep(slow) // the server that is measured
		return []*messages.Command{response(request, messages.Success)}
	})
	l := newLane(t, addr, Defaults(), 20)
	require.NoError(t, l.open(1, 0, time.Millisecond))
	sum := take([]*stats{l.stats})
	require.EqualValues(t, 20, sum.done)
	require.GreaterOrEqual(t, time.Duration(sum.total.Max()), 20*slow-20*time.Millisecond, "the last one is 19 answers late")
}

func TestABrokerThatHangsUpEndsTheRun(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}()
	lane := newLane(t, l.Addr().String(), Defaults(), 10)
	require.Error(t, lane.closed(4))
}
