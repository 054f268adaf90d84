package actormq

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
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
