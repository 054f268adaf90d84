package mixed

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/actormq/actormq/testkit/compat/kit"
	"github.com/actormq/actormq/testkit/compat/wire"
	"github.com/stretchr/testify/require"
)

func TestJavaProducerGoConsumer(t *testing.T)  { t.Parallel(); bothDecodeAlike(t, "java") }
func TestGoProducerJavaConsumer(t *testing.T)  { t.Parallel(); bothDecodeAlike(t, "go") }
func TestSDKProducerAllConsumers(t *testing.T) { t.Parallel(); bothDecodeAlike(t, "sdk") }

// bothDecodeAlike sends messages with one client and compares what the consumers
// of all were given, with each other and with the original.
func bothDecodeAlike(t *testing.T, from string) {
	c := kit.Main(t)
	topic := c.Topic(t, 2)
	producer := startWorker(t, from, "produce", c.NameServer, c.BrokerName)
	sent := map[string]wire.Message{} // by queue and offset
	for _, batch := range samples(topic) {
		result := producer.send(batch...)
		for i, m := range batch {
			sent[fmt.Sprint(m.Queue, "@", result.Offset+int64(i))] = m
		}
	}
	java := startWorker(t, "java", "consume", c.NameServer, kit.Name("group"), topic)
	golang := startWorker(t, "go", "consume", c.NameServer, kit.Name("group"), topic)
	sdk := startWorker(t, "sdk", "consume", c.NameServer, kit.Name("group"), topic)
	kit.Eventually(t, "arrival of all messages at all", func() bool {
		return len(java.messages()) >= len(sent) && len(golang.messages()) >= len(sent) && len(sdk.messages()) >= len(sent)
	})
	seenByJava, seenByGo, seenBySDK := normalised(java.messages()), normalised(golang.messages()), normalised(sdk.messages())
	require.Len(t, seenByJava, len(sent))
	require.Equal(t, seenByJava, seenByGo)
	for i := range seenByJava { // which the SDK does not tell
		seenByJava[i].StoreSize, seenByJava[i].BodyCRC = 0, 0
	}
	require.Equal(t, seenByJava, seenBySDK)
	for _, got := range seenByGo {
		want := sent[fmt.Sprint(got.Queue, "@", got.Offset)]
		require.Equal(t, want.Body, got.Body)
		require.Equal(t, want.Topic, got.Topic)
		require.Equal(t, want.Flag, got.Flag)
		require.Equal(t, want.Tags, got.Props["TAGS"])
		require.Equal(t, want.Keys, got.Props["KEYS"])
		for name, value := range want.Props {
			require.Equal(t, value, got.Props[name])
		}
	}
}

// samples are messages on two queues, some of them batches.
func samples(topic string) [][]wire.Message {
	plain := func(i int) wire.Message {
		return wire.Message{Topic: topic, Queue: i % 2, Body: fmt.Appendf(nil, "plain %d", i), Tags: "T", Keys: fmt.Sprint("k", i)}
	}
	all := [][]wire.Message{
		{{Topic: topic, Body: []byte("bare")}},
		{{Topic: topic, Body: []byte("Grüße, 世界 🚀"), Tags: "étiquette", Keys: "ключ 鍵", Flag: -7,
			Props: map[string]string{"näme": "värde 值 🦊", "spaces and = signs": "a = b & c"}}},
		{{Topic: topic, Queue: 1, Body: []byte{0, 1, 2, 0xff, 0xfe}, Flag: 1 << 30}},
		{{Topic: topic, Queue: 1, Body: []byte(strings.Repeat("compressible ", 5000)), Tags: "big"}},
		{{Topic: topic, Body: []byte("long property"), Props: map[string]string{"long": strings.Repeat("p", 20_000)}}},
	}
	for i := range 10 {
		all = append(all, []wire.Message{plain(i)})
	}
	var batch []wire.Message
	for i := range 12 {
		m := plain(i)
		m.Queue = 1
		m.Body = fmt.Appendf(nil, "in batch %d 批", i)
		m.Props = map[string]string{"индекс": fmt.Sprint(i)}
		m.Flag = int32(i)
		batch = append(batch, m)
	}
	return append(all, batch, []wire.Message{plain(99)})
}

// normalised orders messages and takes away what the clients add themselves.
func normalised(events []wire.Event) []wire.Event {
	for i := range events {
		for _, added := range []string{"MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME"} {
			delete(events[i].Props, added)
		}
		events[i].Event = ""
	}
	sort.Slice(events, func(i, j int) bool {
		a, b := events[i], events[j]
		return a.Queue < b.Queue || a.Queue == b.Queue && a.Offset < b.Offset
	})
	return events
}
