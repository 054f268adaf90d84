package actormq

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
)

// BenchmarkProducer sends to a scripted server, which is part of the time.
func BenchmarkProducer(b *testing.B) {
	broker := serve(b, acceptAll)
	names := nameServer(b, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	client := connect(b, names.addr)
	m := &Message{Topic: "t", Body: make([]byte, 1024)}
	ctx := context.Background()
	options := ProducerOptions{Group: "writers"}
	run := func(name string, f func(b *testing.B, p *Producer)) {
		b.Run(name, func(b *testing.B) {
			p, err := client.NewProducer(options)
			require.NoError(b, err)
			b.SetBytes(int64(len(m.Body)))
			b.ReportAllocs()
			f(b, p)
			broker.forget()
		})
	}
	run("sync", func(b *testing.B, p *Producer) {
		for range b.N {
			_, err := p.Send(ctx, m)
			require.NoError(b, err)
		}
	})
	run("sync 64 callers", func(b *testing.B, p *Producer) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, err := p.Send(ctx, m)
				require.NoError(b, err)
			}
		})
	})
	async := func(b *testing.B, p *Producer) {
		var failed atomic.Int64
		for range b.N {
			require.NoError(b, p.SendAsync(ctx, m, func(_ Sent, err error) {
				if err != nil {
					failed.Add(1)
				}
			}))
		}
		require.NoError(b, p.Close())
		require.Zero(b, failed.Load())
	}
	run("async", async)
	options.LatencyFault = &LatencyFault{}
	run("async, latency fault", async)
	options.LatencyFault, options.Batching = nil, &Batching{}
	run("async, batching", async)
}

// BenchmarkConsumer takes messages of 1 KiB from a scripted server, which is part
// of the time, 32 with each pull.
func BenchmarkConsumer(b *testing.B) {
	const each, size = 32, 1024
	var block []byte
	for range each {
		block = append(block, encoded(0, make([]byte, size), nil)...)
	}
	broker := serve(b, nil)
	broker.script = groupScript(func(request *messages.Command) *messages.Command {
		at, err := request.Ext.Int64("queueOffset")
		if err != nil {
			return answer(messages.SystemError)
		}
		broker.forget()
		body := bytes.Clone(block)
		for i := range each {
			// QueueOffset is at byte 20 of a record (see package record).
			binary.BigEndian.PutUint64(body[i*len(block)/each+20:], uint64(at)+uint64(i))
		}
		response := answer(messages.Success, "nextBeginOffset", at+each, "minOffset", 0, "maxOffset", at+each, "suggestWhichBrokerId", 0)
		response.Body = body
		return response
	})
	names := nameServer(b, map[string][]brokerOf{"t": {{"broker-a", broker, 4}}})
	run := func(name string, o ConsumerOptions) {
		b.Run(name, func(b *testing.B) {
			o.Group, o.Subscriptions, o.From = "readers", []Subscription{{Topic: "t"}}, FromFirst
			consumer, err := connect(b, names.addr).NewConsumer(o)
			require.NoError(b, err)
			b.SetBytes(size)
			b.ReportAllocs()
			ctx, cancel := context.WithCancel(context.Background())
			var got atomic.Int64
			require.NoError(b, consumer.Run(ctx, func(context.Context, *Received) error {
				if got.Add(1) == int64(b.N) {
					cancel()
				}
				return nil
			}))
		})
	}
	run("concurrent", ConsumerOptions{})
}
