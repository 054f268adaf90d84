package main

import (
	"time"

	"github.com/actormq/actormq/testkit/bench"
)

// scenario is a load.
type scenario struct {
	name  string
	title string
	set   func(o *bench.Options)
}

// group is scenarios for a broker with one configuration.
type group struct {
	conf      map[string]string
	slave     bool // the broker has a slave of its kind
	startup   bool // also report how long the start took
	scenarios []scenario
}

// fixedRate is a rate that both brokers can keep up, about half of what Apache's
// does at most on two cores, in messages a second.
const fixedRate = 20_000

// maxCount ends a load early that would fill more of the page cache than other
// loads leave it, in messages.
const maxCount = 2_500_000

const replayTopic = "bench-replay"

var asyncFlush = []scenario{
	{"callers-64", "64 callers, 1 connection, 1 KiB", func(o *bench.Options) { o.Count = maxCount }},
	{"callers-512", "512 callers, 8 connections, 1 KiB", func(o *bench.Options) { o.Callers, o.Connections, o.Count = 512, 8, maxCount }},
	{"small", "64 callers, 1 connection, 100 bytes", func(o *bench.Options) { o.Size, o.Count = 100, maxCount }},
	{"batch", "batches of 32 × 1 KiB, 8 callers", func(o *bench.Options) { o.Mode, o.Callers, o.Count = bench.Batch, 8, maxCount }},
	{"rate", "20,000 msg/s, 1 KiB, open loop", func(o *bench.Options) { o.Rate, o.Connections = fixedRate, 4 }},
	{"tail", "end to end, 1,000 msg/s, 1 KiB", func(o *bench.Options) { o.Mode, o.Rate = bench.Tail, 1000 }},
	{"catch-up", "catch-up reading, 1 KiB, page cache", func(o *bench.Options) { o.Mode, o.Connections, o.Topic = bench.CatchUp, 2, replayTopic }},
}

var syncFlush = []scenario{
	{"sync-flush", "SYNC_FLUSH, 64 callers, 1 KiB", func(*bench.Options) {}},
}

var asyncMaster = []scenario{
	{"async-master", "ASYNC_MASTER with a slave, 64 callers, 1 KiB", func(o *bench.Options) { o.Count = maxCount }},
}

var syncMaster = []scenario{
	{"sync-master", "SYNC_MASTER and a slave, two copies, 64 callers, 1 KiB", func(o *bench.Options) { o.Count = maxCount }},
}

func groups(o options) []group {
	all := []group{
		{startup: true, scenarios: asyncFlush},
		{conf: map[string]string{"flushDiskType": "SYNC_FLUSH"}, scenarios: syncFlush},
		{slave: true, scenarios: asyncMaster},
		{slave: true, conf: map[string]string{"brokerRole": "SYNC_MASTER", "inSyncReplicas": "2"}, scenarios: syncMaster},
	}
	if o.only == "" {
		return all
	}
	for i := range all {
		var some []scenario
		for _, s := range all[i].scenarios {
			if s.name == o.only {
				some = append(some, s)
			}
		}
		all[i].scenarios = some
	}
	return all
}

// settle is the time between two scenarios, in which a broker may write back.
const settle = 2 * time.Second
