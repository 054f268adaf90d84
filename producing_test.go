package actormq_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq"
)

func producer(t *testing.T, c *actormq.Client, o actormq.ProducerOptions) *actormq.Producer {
	o.Group = "writers"
	p, err := c.NewProducer(o)
	require.NoError(t, err)
	return p
}

func TestARequestIsAnswered(t *testing.T) {
	names := startBroker(t)
	server := connect(t, names)
	answers := producer(t, server, actormq.ProducerOptions{})
	stop := consume(t, server, group(actormq.FromFirst), func(ctx context.Context, m *actormq.Received) error {
		return answers.Reply(ctx, m, []byte("re: "+string(m.Body)))
	})
	defer stop()
	asks := producer(t, connect(t, names), actormq.ProducerOptions{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			reply, err := asks.Request(within(t), &actormq.Message{Topic: "t", Body: fmt.Append(nil, i)})
			if err != nil || string(reply.Body) != fmt.Sprint("re: ", i) {
				t.Errorf("request %d: %v, %+v", i, err, reply)
			}
		})
	}
	all.Wait()
}

func TestAReplyToAClientThatHasGone(t *testing.T) {
	names := startBroker(t)
	gone, err := actormq.NewClient(actormq.Options{NameServers: []string{names}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = producer(t, gone, actormq.ProducerOptions{}).Request(ctx, &actormq.Message{Topic: "t", Body: []byte("?")})
	require.ErrorIs(t, err, actormq.ErrNoReply)
	require.NoError(t, gone.Close())

	c := connect(t, names)
	answers := producer(t, c, actormq.ProducerOptions{Retries: -1})
	failed := make(chan error, 1)
	stop := consume(t, c, group(actormq.FromFirst), func(ctx context.Context, m *actormq.Received) error {
		failed <- answers.Reply(ctx, m, []byte("nobody there?"))
		return nil
	})
	defer stop()
	var refused *actormq.Error
	require.ErrorAs(t, <-failed, &refused)
	require.Contains(t, refused.Remark, gone.ID())
}

func TestWhatIsSentInAnyWayIsReceived(t *testing.T) {
	names := startBroker(t)
	c := connect(t, names)
	require.NoError(t, c.CreateTopic(within(t), "t", actormq.TopicOptions{Queues: 4}))
	large := strings.Repeat("large ", 2000)
	var want []string
	note := func(body string) []byte {
		want = append(want, body)
		return []byte(body)
	}
	for _, how := range []actormq.Compression{actormq.Zlib, actormq.LZ4, actormq.Zstd} {
		p := producer(t, c, actormq.ProducerOptions{Compression: how})
		_, err := p.Send(within(t), &actormq.Message{Topic: "t", Body: note(large + how.String())})
		require.NoError(t, err)
	}
	p := producer(t, c, actormq.ProducerOptions{
		Batching: &actormq.Batching{MaxMessages: 8, Linger: time.Millisecond}, LatencyFault: &actormq.LatencyFault{},
	})
	type place struct {
		id     string
		queue  actormq.Queue
		offset int64
	}
	var mu sync.Mutex
	places := make(map[string]place)
	for i := range 100 {
		body := note(fmt.Sprint("batched ", i))
		m := &actormq.Message{Topic: "t", Body: body}
		if i%2 == 0 {
			m.OrderKey = fmt.Sprint("key", i%5)
		}
		require.NoError(t, p.SendAsync(within(t), m, func(sent actormq.Sent, err error) {
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			places[string(body)] = place{sent.ID, sent.Queue, sent.Offset}
		}))
	}
	require.NoError(t, p.Close())

	all := collect(len(want))
	stop := consume(t, c, group(actormq.FromFirst), func(_ context.Context, m *actormq.Received) error {
		if told, ok := places[string(m.Body)]; ok && told != (place{m.ID, m.Queue, m.Offset}) {
			t.Errorf("%s: told %v, received %v@%d %s", m.Body, told, m.Queue, m.Offset, m.ID)
		}
		all.add(m)
		return nil
	})
	all.wait(t)
	stop()
	for _, body := range want {
		require.Equal(t, 1, all.seen[body], "%.20s", body)
	}
}
