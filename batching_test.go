package actormq

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// log is a broker's queues in memory: it numbers what it takes, as a broker does.
type log struct {
	mu     sync.Mutex
	bodies map[string][]string // by queue
	sizes  []int               // of the batches, in messages
}

func newLog() *log { return &log{bodies: make(map[string][]string)} }

func (l *log) take(request *messages.Command) *messages.Command {
	if request.Code == int32(messages.CodeHeartBeat) || request.Code == int32(messages.CodeUnregisterClient) {
		return answer(messages.Success)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := request.Ext.Text("e")
	first := len(l.bodies[queue])
	if request.Code == int32(messages.CodeSendBatchMessage) {
		for rest := request.Body; len(rest) > 0; {
			var m messages.BatchRecord
			var err error
			if m, rest, err = messages.NextBatchRecord(rest); err != nil {
				return answer(messages.MessageIllegal)
			}
			l.bodies[queue] = append(l.bodies[queue], string(m.Body))
		}
	} else {
		l.bodies[queue] = append(l.bodies[queue], string(request.Body))
	}
	n := len(l.bodies[queue]) - first
	l.sizes = append(l.sizes, n)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s@%d", queue, first+i)
	}
	return answer(messages.Success, "msgId", strings.Join(ids, ","), "queueId", queue, "queueOffset", first)
}

// taken returns copies of what was taken so far.
func (l *log) taken() (bodies map[string][]string, sizes []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.bodies), slices.Clone(l.sizes)
}

func batching(t *testing.T, l *log, queues int32, o ProducerOptions) *Producer {
	broker := serve(t, l.take)
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, queues}}})
	return newProducer(t, connect(t, names.addr), o)
}

type ended struct {
	body string
	sent Sent
	err  error
}

func TestMessagesAreGathered(t *testing.T) {
	l := newLog()
	p := batching(t, l, 2, ProducerOptions{Batching: &Batching{MaxMessages: 10, Linger: time.Hour}})
	const n = 95
	results := make(chan ended, n)
	for i := range n {
		body := strconv.Itoa(i)
		require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte(body)}, func(sent Sent, err error) {
			results <- ended{body, sent, err}
		}))
	}
	require.NoError(t, p.Close(), "it sends what was gathered")
	ids := make(map[string]bool)
	bodies, sizes := l.taken()
	for range n {
		r := <-results
		require.NoError(t, r.err)
		at := bodies[strconv.Itoa(r.sent.Queue.ID)]
		require.Equal(t, r.body, at[r.sent.Offset], "a result is that of its message")
		require.Equal(t, fmt.Sprintf("%d@%d", r.sent.Queue.ID, r.sent.Offset), r.sent.OffsetID)
		require.Len(t, r.sent.ID, 32)
		ids[r.sent.ID] = true
	}
	require.Len(t, ids, n)
	require.Equal(t, []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 5}, sizes)
	require.ErrorIs(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, nil), ErrClosed)
}

func TestABatchLingersAndNoLonger(t *testing.T) {
	l := newLog()
	p := batching(t, l, 1, ProducerOptions{Batching: &Batching{Linger: time.Millisecond}})
	sent, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("alone")})
	require.NoError(t, err)
	require.Zero(t, sent.Offset)
	_, sizes := l.taken()
	require.Equal(t, []int{1}, sizes)
}

func TestABatchIsFullBySize(t *testing.T) {
	l := newLog()
	p := batching(t, l, 1, ProducerOptions{CompressFrom: -1, Batching: &Batching{MaxBytes: 10_000, Linger: time.Hour}})
	var all sync.WaitGroup
	for _, size := range []int{4000, 4000, 4000, 20_000, 9_999} {
		all.Add(1)
		require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: make([]byte, size)}, func(_ Sent, err error) {
			require.NoError(t, err)
			all.Done()
		}))
	}
	all.Wait()
	_, sizes := l.taken()
	require.Equal(t, []int{2, 1, 1, 1}, sizes, "no batch is larger than MaxBytes, unless one message is")
}

func TestBatchesKeepTheOrderOfKeys(t *testing.T) {
	l := newLog()
	p := batching(t, l, 4, ProducerOptions{Batching: &Batching{MaxMessages: 7, Linger: 200 * time.Microsecond}})
	const keys, each = 8, 200
	for i := range each {
		for key := range keys {
			m := &Message{Topic: "t", Body: fmt.Appendf(nil, "%d:%d", key, i), OrderKey: fmt.Sprint("key", key)}
			require.NoError(t, p.SendAsync(within(t), m, func(_ Sent, err error) { require.NoError(t, err) }))
		}
	}
	require.NoError(t, p.Close())
	next := make(map[string]int)
	queues, sizes := l.taken()
	for _, bodies := range queues {
		for _, body := range bodies {
			key, at, _ := strings.Cut(body, ":")
			require.Equal(t, strconv.Itoa(next[key]), at, "key %s", key)
			next[key]++
		}
	}
	require.Len(t, next, keys)
	require.Less(t, len(sizes), keys*each/2, "they are batches")
}

func TestACallbackMaySendThoughAllSlotsWereTaken(t *testing.T) {
	l := newLog()
	p := batching(t, l, 1, ProducerOptions{MaxInFlight: 2, Batching: &Batching{MaxMessages: 2, Linger: time.Millisecond}})
	var all sync.WaitGroup
	all.Add(4)
	for range 2 {
		require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, func(_ Sent, err error) {
			require.NoError(t, err)
			require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("y")}, func(_ Sent, err error) {
				require.NoError(t, err)
				all.Done()
			}))
			all.Done()
		}))
	}
	all.Wait()
}

func TestAFailedBatchFailsForAll(t *testing.T) {
	broker := serve(t, func(*messages.Command) *messages.Command { return answer(messages.MessageIllegal) })
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", broker, 1}}})
	p := newProducer(t, connect(t, names.addr), ProducerOptions{Batching: &Batching{MaxMessages: 3, Linger: time.Hour}})
	failed := make(chan error, 3)
	for range 3 {
		require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, func(_ Sent, err error) { failed <- err }))
	}
	for range 3 {
		var refused *Error
		require.ErrorAs(t, <-failed, &refused)
	}
	require.Len(t, broker.got(messages.CodeSendBatchMessage), 1)
}

func TestMessagesThatAreHeldBackGoAlone(t *testing.T) {
	l := newLog()
	p := batching(t, l, 1, ProducerOptions{Batching: &Batching{Linger: time.Hour}})
	_, err := p.Send(within(t), &Message{Topic: "t", Body: []byte("x"), DelayLevel: 1})
	require.NoError(t, err)
	_, err = p.Send(within(t), &Message{Topic: "t"})
	require.Error(t, err, "it has no body")
}

func TestTheClientsEndEndsWhatWasGathered(t *testing.T) {
	names := nameServer(t, map[string][]brokerOf{"t": {{"broker-a", serve(t, acceptAll), 1}}})
	c, err := NewClient(Options{NameServers: []string{names.addr}})
	require.NoError(t, err)
	p := newProducer(t, c, ProducerOptions{Batching: &Batching{Linger: time.Hour}})
	ended := make(chan error, 1)
	require.NoError(t, p.SendAsync(within(t), &Message{Topic: "t", Body: []byte("x")}, func(_ Sent, err error) { ended <- err }))
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-ended, ErrClosed)
	require.ErrorIs(t, err2(p.Send(within(t), &Message{Topic: "t", Body: []byte("x")})), ErrClosed)
	require.NoError(t, p.Close())
}

func err2[T any](_ T, err error) error { return err }
