package goclient

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/stretchr/testify/require"
)

var hex32 = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

func TestSendSync(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 4)
	p := c.Producer(t)
	last := int64(-1)
	for i := range 20 {
		m := message(c, topic, i%4, fmt.Sprint("message ", i))
		result, err := p.SendSync(ctx, m)
		require.NoError(t, err)
		require.Equal(t, primitive.SendOK, result.Status)
		require.Equal(t, *m.Queue, *result.MessageQueue)
		require.EqualValues(t, i/4, result.QueueOffset, "each queue counts from 0")
		require.Regexp(t, hex32, result.MsgID)
		require.Equal(t, m.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex), result.MsgID)
		require.Equal(t, "DefaultRegion", result.RegionID)
		id, err := primitive.UnmarshalMsgID([]byte(result.OffsetMsgID))
		require.NoError(t, err)
		require.Equal(t, c.Broker, fmt.Sprintf("%s:%d", id.Addr, id.Port), "offsetMsgId names the broker")
		require.Greater(t, id.Offset, last, "the log only grows")
		last = id.Offset
	}
}

func TestSendAsync(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	p := c.Producer(t)
	const n = 200
	var mu sync.Mutex
	offsets := map[string]bool{}
	var done sync.WaitGroup
	for i := range n {
		done.Add(1)
		err := p.SendAsync(ctx, func(_ context.Context, r *primitive.SendResult, err error) {
			defer done.Done()
			if err == nil && r.Status == primitive.SendOK {
				mu.Lock()
				offsets[fmt.Sprint(r.MessageQueue.QueueId, "@", r.QueueOffset)] = true
				mu.Unlock()
			}
		}, message(c, topic, i%2, fmt.Sprint(i)))
		require.NoError(t, err)
	}
	done.Wait()
	require.Len(t, offsets, n, "every message got SEND_OK and an offset of its own")
	puller := newPuller(t, c, kit.Name("group"), topic, everything)
	seen := map[string]bool{}
	for queue := range 2 {
		for i, m := range pull(t, puller, c, topic, queue, 0, n/2) {
			require.EqualValues(t, i, m.QueueOffset)
			seen[string(m.Body)] = true
		}
	}
	require.Len(t, seen, n)
}

func TestSendOneWay(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	for i := range 50 {
		require.NoError(t, p.SendOneWay(ctx, message(c, topic, 0, fmt.Sprint("one-way ", i))))
	}
	// The broker handles requests of one connection in parallel: order is not promised.
	seen := map[string]bool{}
	for _, m := range pull(t, newPuller(t, c, kit.Name("group"), topic, everything), c, topic, 0, 0, 50) {
		seen[string(m.Body)] = true
	}
	require.Len(t, seen, 50)
}

func TestSendBatch(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t)
	send(t, p, c, topic, 1, 3, "before ")
	var batch []*primitive.Message
	for i := range 20 {
		m := message(c, topic, 0, fmt.Sprint("in batch ", i))
		m.WithTag(fmt.Sprint("tag", i)).WithKeys([]string{fmt.Sprint("key", i)})
		m.WithProperty("number", fmt.Sprint(i))
		m.Flag = int32(i)
		batch = append(batch, m)
	}
	result, err := p.SendSync(ctx, batch...)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	require.EqualValues(t, 3, result.QueueOffset, "the first message's")
	require.Len(t, strings.Split(result.OffsetMsgID, ","), 20, "an id for each message")

	got := pull(t, newPuller(t, c, kit.Name("group"), topic, everything), c, topic, 0, 3, 20)
	ids := strings.Split(result.OffsetMsgID, ",")
	for i, m := range got {
		require.EqualValues(t, 3+i, m.QueueOffset)
		require.Equal(t, fmt.Sprint("in batch ", i), string(m.Body))
		require.Equal(t, fmt.Sprint("tag", i), m.GetTags())
		require.Equal(t, fmt.Sprint("key", i), m.GetKeys())
		require.Equal(t, fmt.Sprint(i), m.GetProperty("number"))
		require.EqualValues(t, i, m.Flag)
		require.Equal(t, ids[i], m.OffsetMsgId)
	}
}

func TestUnicodeKeysTagsAndProperties(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	m := message(c, topic, 0, "Grüße, 世界 🚀 \x00\xff")
	m.WithTag("étiquette").WithKeys([]string{"ключ", "鍵"})
	m.WithProperty("näme", "värde 值 🦊")
	m.WithProperty("spaces and = signs", "a = b & c")
	m.Flag = -7
	result, err := c.Producer(t).SendSync(ctx, m)
	require.NoError(t, err)
	got := pull(t, newPuller(t, c, kit.Name("group"), topic, everything), c, topic, 0, 0, 1)[0]
	require.Equal(t, m.Body, got.Body)
	require.Equal(t, topic, got.Topic)
	require.Equal(t, "étiquette", got.GetTags())
	require.Equal(t, "ключ 鍵", got.GetKeys())
	require.Equal(t, "värde 值 🦊", got.GetProperty("näme"))
	require.Equal(t, "a = b & c", got.GetProperty("spaces and = signs"))
	require.EqualValues(t, -7, got.Flag)
	require.Equal(t, result.MsgID, got.MsgId)
	require.Equal(t, result.OffsetMsgID, got.OffsetMsgId)
	require.Equal(t, c.Broker, got.StoreHost)
	require.InDelta(t, got.BornTimestamp, got.StoreTimestamp, 10_000, "milliseconds")
	require.Zero(t, got.ReconsumeTimes)
	require.Zero(t, got.PreparedTransactionOffset)
}

func noise(size int) []byte {
	body := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(body)
	return body
}

func TestLargestBody(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	p := c.Producer(t, producer.WithCompressMsgBodyOverHowmuch(64<<20))
	const limit = 4 << 20 // maxMessageSize: the body alone counts
	largest := message(c, topic, 0, "")
	largest.Body = noise(limit)
	result, err := p.SendSync(ctx, largest)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)

	tooLarge := message(c, topic, 0, "")
	tooLarge.Body = noise(limit + 1)
	_, err = p.SendSync(ctx, tooLarge)
	require.ErrorContains(t, err, "CODE: 13", "MESSAGE_ILLEGAL")

	send(t, p, c, topic, 1, 1, "after")
	got := pull(t, newPuller(t, c, kit.Name("group"), topic, everything), c, topic, 0, 0, 2)
	require.True(t, bytes.Equal(largest.Body, got[0].Body))
	require.Equal(t, "after0", string(got[1].Body), "the refused message left no trace")
	require.EqualValues(t, 1, got[1].QueueOffset)
}

func TestCompressedBody(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := c.Topic(t, 1)
	m := message(c, topic, 0, strings.Repeat("compressible ", 80_000))
	_, err := c.Producer(t).SendSync(ctx, m)
	require.NoError(t, err)
	got := pull(t, newPuller(t, c, kit.Name("group"), topic, everything), c, topic, 0, 0, 1)[0]
	require.EqualValues(t, primitive.FlagCompressed, got.SysFlag&primitive.FlagCompressed)
	require.True(t, bytes.Equal(m.Body, got.Body))
	require.Less(t, int(got.StoreSize), len(m.Body)/10, "stored as it was sent")
}

func TestTopicCreatedBySending(t *testing.T) {
	t.Parallel()
	c := kit.Main(t)
	topic := kit.Name("auto-created")
	p := c.Producer(t, producer.WithQueueSelector(producer.NewRoundRobinQueueSelector()))
	result, err := p.SendSync(ctx, primitive.NewMessage(topic, []byte("first")))
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	c.AwaitRoute(t, topic, 4) // the lesser of the client's 4 and the template topic's 8
}

func TestUnknownTopicWithoutAutoCreation(t *testing.T) {
	t.Parallel()
	c := kit.Strict(t)
	p := c.Producer(t, producer.WithQueueSelector(producer.NewRoundRobinQueueSelector()), producer.WithRetry(0))
	_, err := p.SendSync(ctx, primitive.NewMessage(kit.Name("nowhere"), []byte("lost")))
	require.ErrorContains(t, err, "route info not found", "the name server has no route, not even of the template topic")

	// A client with a route that has become stale is told by the broker.
	topic := c.Topic(t, 1)
	_, err = p.SendSync(ctx, primitive.NewMessage(topic, []byte("kept")))
	require.NoError(t, err)
	require.NoError(t, c.Admin(t).DeleteTopic(ctx, admin.WithTopicDelete(topic), admin.WithBrokerAddrDelete(c.Broker)))
	_, err = p.SendSync(ctx, primitive.NewMessage(topic, []byte("lost")))
	require.ErrorContains(t, err, "CODE: 17", "TOPIC_NOT_EXIST")
}
