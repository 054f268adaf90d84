package commitlog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/sim"
)

// What has waited for too long is refused, and not appended: its client has given it up,
// or soon will, and sends it again (RocketMQ: BrokerFastFailure).
func TestSendsThatWaitedTooLongAreRefused(t *testing.T) {
	for _, test := range []struct {
		waited  time.Duration
		refused string // the begin of the remark; "" if it is taken
	}{
		{200 * time.Millisecond, ""},
		{201 * time.Millisecond, "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 201ms, size of queue: 7"},
		{1000 * time.Millisecond, "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 1000ms, size of queue: 7"},
		{1001 * time.Millisecond, "[PCBUSY_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: 1001ms, size of queue: 7"},
	} {
		t.Run(test.waited.String(), func(t *testing.T) {
			w := sim.New(1, sim.Options{})
			r := newRig(t, w)
			r.start()
			others := messages.NewAppend(0)
			others.Sends = make([]messages.Send, 7)
			others.Enqueue(r.queue)

			id := history.ID{Client: 1, Number: 1}
			r.history.Sent(id, history.Queue{Topic: topic})
			a := messages.NewAppend(0)
			a.ReplyTo, a.Peer, a.Token = r.client, &messages.Peer{PID: r.client}, []history.ID{id}
			a.Arrived = r.env.Millis() - test.waited.Milliseconds()
			commitlog.Add(a, &record.Record{BornHost: storeHost, StoreHost: storeHost, Body: history.Body(id)}, topic, 0)
			a.Sends = append(a.Sends, messages.Send{Count: 1})
			a.Enqueue(r.queue)
			require.EqualValues(t, 8, r.queue.Len())
			r.open++
			r.env.Send(r.commitlog, a)
			w.Advance(time.Second)

			require.EqualValues(t, 7, r.queue.Len(), "it waits no more")
			require.Zero(t, r.open)
			_, end := r.read(0, 0)
			if test.refused == "" {
				require.Empty(t, r.refused)
				require.EqualValues(t, 1, end)
				return
			}
			require.Len(t, r.refused, 1)
			require.Equal(t, messages.SystemBusy, r.refused[0].Code)
			require.Equal(t, test.refused, r.refused[0].Remark)
			require.Zero(t, end, fmt.Sprint("nothing is stored: ", r.refused))
		})
	}
}
