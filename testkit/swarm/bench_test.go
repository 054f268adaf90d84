package swarm_test

import (
	"testing"
	"time"

	"github.com/actormq/actormq/testkit/sim"
	"github.com/actormq/actormq/testkit/swarm"
)

// calm is a cluster of three brokers, and its name server, under a moderate load:
// some ten messages a second, consumed by a group, long polls and heartbeats.
func calm(seed uint64) swarm.Plan {
	return swarm.Plan{
		Seed: seed, Load: 5 * time.Minute, Brokers: 3, Queues: 2, SyncFlush: true, Segment: 1 << 20,
		Delays: "1s 2s 3s 4s 5s 6s", Link: sim.Link{MinDelay: 50 * time.Microsecond, MaxDelay: time.Millisecond}, StallRate: 256,
		Clients: []swarm.Client{
			{Kind: swarm.SyncProducer, Window: 1, Pause: 200 * time.Millisecond},
			{Kind: swarm.AsyncProducer, Window: 2, Pause: 400 * time.Millisecond},
			{Kind: swarm.Member, Window: 1, Pause: time.Second},
			{Kind: swarm.Member, Window: 1, Pause: time.Second},
			{Kind: swarm.Committer, Window: 1, Pause: time.Second},
		},
	}
}

// How much faster than the clock a cluster is simulated, on one processor.
func BenchmarkSimulation(b *testing.B) {
	b.Run("three-brokers", func(b *testing.B) {
		virtual, began := time.Duration(0), time.Now()
		for seed := uint64(1); b.Loop(); seed++ {
			result := swarm.Run(calm(seed), nil)
			if result.Err != nil {
				b.Fatal(result.Err)
			}
			virtual += result.Virtual
		}
		b.ReportMetric(virtual.Seconds()/time.Since(began).Seconds(), "sim-s/s")
	})
}
