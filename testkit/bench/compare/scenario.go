package main

import (
	"context"
	"fmt"
	"time"

	"github.com/actormq/actormq/testkit/bench"
)

// scenario is a load, and a row of the report.
type scenario struct {
	name  string
	title string
	set   func(o *bench.Options)
}

// group is scenarios for a broker with one configuration, and a section of the
// report.
type group struct {
	name      string
	title     string
	about     string // what the reader of the section must know
	latency   bool   // latencies, not rates, are the point
	conf      map[string]string
	prepare   func(s *server) error  // writes into the empty store
	warm      func(o *bench.Options) // a load beside sends that is to be warm; nil for none
	slave     bool                   // the broker has a slave of its kind
	replay    bool                   // there is a topic to read
	replaySet func(o *bench.Options) // how its messages are sent, beyond their size; nil as they come
	startup   bool                   // also report how long the start took
	floor     bool                   // also measure the floor
	scenarios []scenario
	// special measures in place of scenarios, which then only name the rows.
	special func(ctx context.Context, o options, s *server, t *table) error
}

// startRow is the row of the start on an empty store.
const startRow = "start"

// maxBytes ends a load early that would fill more of the disk and the page cache
// than the other loads leave.
const maxBytes = 2 << 30

// sized sets a size, and a count that ends the load at maxBytes.
func sized(o *bench.Options, size int) { o.Size, o.Count = size, int64(maxBytes/size) }

// fixedRate is a rate that both brokers can keep up, about half of what Apache's
// does at most on two cores, in messages a second.
const fixedRate = 20_000

const replayTopic = "bench-replay"

// manyTopics is the prefix and the number of the topics of the group topics.
const (
	manyTopics  = "bench-many"
	topicCount  = 10_000
	topicQueues = 8
)

var sizes = []struct {
	bytes int
	name  string
}{{128, "128 B"}, {1 << 10, "1 KiB"}, {64 << 10, "64 KiB"}}

// syncGroup is sends of one size by callers that wait.
func syncGroup(size int, name string) group {
	g := group{
		name: fmt.Sprintf("sync-%d", size), title: "Callers that wait for each answer, " + name, floor: true,
		startup: size == 1<<10,
	}
	for _, l := range [][2]int{{1, 1}, {64, 1}, {64, 64}, {512, 1}, {512, 64}} {
		callers, connections := l[0], l[1]
		g.scenarios = append(g.scenarios, scenario{
			fmt.Sprintf("sync-%d-%dx%d", size, callers, connections),
			fmt.Sprintf("%s, %s on %s", name, plural(callers, "caller"), plural(connections, "connection")),
			func(o *bench.Options) { sized(o, size); o.Callers, o.Connections = callers, connections },
		})
	}
	return g
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", thousands(float64(n)), what)
}

// otherSends are windows, one-way messages, batches and transactions.
func otherSends() group {
	g := group{name: "other", title: "Windows, one-way messages, batches and transactions", floor: true}
	add := func(name, title string, set func(o *bench.Options)) {
		g.scenarios = append(g.scenarios, scenario{name, title, set})
	}
	for _, size := range sizes {
		window := min(1024, (4<<20)/size.bytes*4)
		add(fmt.Sprintf("async-%d", size.bytes), fmt.Sprintf("window of %d, %s, 1 connection", window, size.name), func(o *bench.Options) {
			sized(o, size.bytes)
			o.Mode, o.Window = bench.Async, window
		})
	}
	add("async-1024-64", "window of 1024, 1 KiB, 64 connections", func(o *bench.Options) {
		sized(o, 1<<10)
		o.Mode, o.Connections = bench.Async, 64
	})
	for _, size := range sizes {
		add(fmt.Sprintf("oneway-%d", size.bytes), "one-way, "+size.name, func(o *bench.Options) {
			sized(o, size.bytes)
			o.Mode = bench.Oneway
		})
	}
	for _, size := range sizes[:2] {
		add(fmt.Sprintf("batch-%d", size.bytes), "batches of 32 × "+size.name+", 8 callers", func(o *bench.Options) {
			sized(o, size.bytes)
			o.Mode, o.Callers = bench.Batch, 8
		})
	}
	return g
}

// latencies are loads at a fixed rate.
func latencies() group {
	tail := func(rate float64, groups int) func(o *bench.Options) {
		return func(o *bench.Options) { o.Mode, o.Rate, o.Groups = bench.Tail, rate, groups }
	}
	return group{
		name: "latency", title: "Latency at a fixed rate", latency: true,
		about: "Open loops: latency counts from the time at which a message was due (no coordinated omission); \"end to end\" ends at the consumer.",
		scenarios: []scenario{
			{"rate-1000", "send, 1,000 msg/s", func(o *bench.Options) { o.Rate = 1000 }},
			{"rate-20000", "send, 20,000 msg/s, 4 connections", func(o *bench.Options) { o.Rate, o.Connections = fixedRate, 4 }},
			{"tail-1000", "end to end, 1,000 msg/s", tail(1000, 1)},
			{"tail-10000", "end to end, 10,000 msg/s", tail(10_000, 1)},
			{"tail-20-groups", "end to end, 1,000 msg/s, each to 20 groups", tail(1000, 20)},
			{"wake-up", "end to end, 100 msg/s into one queue: a held pull wakes up", func(o *bench.Options) {
				o.Mode, o.Rate, o.Topic, o.Queues = bench.Tail, 100, "bench-wake", 1
			}},
		},
	}
}

func reading() group {
	catchUp := func(connections, pull int) func(o *bench.Options) {
		return func(o *bench.Options) {
			o.Mode, o.Connections, o.Topic, o.PullSize = bench.CatchUp, connections, replayTopic, pull
		}
	}
	return group{
		name: "reading", title: "Reading what is there", replay: true, about: "1 KiB, from the page cache, by pulls of 32 messages.",
		scenarios: []scenario{
			{"catch-up-1", "catch-up, 1 connection", catchUp(1, 32)},
			{"catch-up", "catch-up, 2 connections", catchUp(2, 32)},
			{"catch-up-8", "catch-up, 8 connections", catchUp(8, 32)},
		},
	}
}

func many() group {
	return group{
		name: "many", title: "Many topics and many connections", prepare: writeTopics,
		about: fmt.Sprintf("The broker has %s topics of %d queues from its start on.", thousands(topicCount), topicQueues),
		scenarios: []scenario{
			{"many-one", "64 callers, 1 KiB, one of the topics", func(o *bench.Options) {
				sized(o, 1<<10)
				o.Topic = bench.TopicName(manyTopics, 0)
			}},
			{"many-topics", "64 callers, 1 KiB, all topics in turn", func(o *bench.Options) {
				sized(o, 1<<10)
				o.Topic, o.Topics = manyTopics, topicCount
			}},
			{"many-connections", "10,000 callers on 10,000 connections, 1 KiB, one topic", func(o *bench.Options) {
				sized(o, 1<<10)
				o.Topic, o.Callers, o.Connections = bench.TopicName(manyTopics, 0), 10_000, 10_000
			}},
		},
	}
}

// stricter are the groups whose answers wait for more than the page cache.
func stricter() []group {
	callers := func(n, connections int) func(o *bench.Options) {
		return func(o *bench.Options) { sized(o, 1<<10); o.Callers, o.Connections = n, connections }
	}
	flushed := map[string]string{"flushDiskType": "SYNC_FLUSH"}
	return []group{
		{name: "sync-flush", title: "SYNC_FLUSH", conf: flushed, about: "An answer waits for fsync.", scenarios: []scenario{
			{"sync-flush-64", "64 callers, 1 KiB", callers(64, 1)},
			{"sync-flush-512", "512 callers on 64 connections, 1 KiB", callers(512, 64)},
		}},
		{
			name: "async-master", title: "ASYNC_MASTER with a slave", slave: true, about: "The slave runs on the same machine.",
			scenarios: []scenario{{"async-master-64", "64 callers, 1 KiB", callers(64, 1)}},
		},
		{
			name: "sync-master", title: "SYNC_MASTER with a slave", slave: true, about: "An answer waits for the slave, on the same machine.",
			conf: map[string]string{"brokerRole": "SYNC_MASTER", "inSyncReplicas": "2"},
			scenarios: []scenario{
				{"sync-master-64", "64 callers, 1 KiB", callers(64, 1)},
				{"sync-master-512", "512 callers on 64 connections, 1 KiB", callers(512, 64)},
			},
		},
		{name: "transactions", title: "Transactions", about: "A half message, and its commit once that is acknowledged.", scenarios: []scenario{
			{"transactions-64", "64 callers, 1 KiB", func(o *bench.Options) { callers(64, 1)(o); o.Mode = bench.Transaction; o.Count /= 4 }},
		}},
	}
}

// allGroups is the whole table.
func allGroups() []group {
	all := []group{syncGroup(sizes[1].bytes, sizes[1].name)}
	all = append(all, latencies(), reading())
	all = append(all, stricter()...)
	all = append(all, otherSends(), syncGroup(sizes[0].bytes, sizes[0].name), syncGroup(sizes[2].bytes, sizes[2].name))
	return append(all, filters(), popping(), timers(), many(), sweep(), recovery(), cold())
}

// popping is a group that acknowledges each message by a request of its own.
func popping() group {
	pop := func(callers, connections int) func(o *bench.Options) {
		return func(o *bench.Options) {
			o.Mode, o.Callers, o.Connections, o.Topic = bench.Pop, callers, connections, replayTopic
		}
	}
	return group{
		name: "pop", title: "POP consumption", replay: true, warm: pop(64, 8),
		about: "1 KiB, from the page cache: pops of up to 32 messages from any queue, each message acknowledged by a request of its own. " +
			"A latency is that of a pop and all its acknowledgements.",
		scenarios: []scenario{
			{"pop-1", "1 caller", pop(1, 1)},
			{"pop-64", "64 callers on 8 connections", pop(64, 8)},
		},
	}
}

// filters reads a topic by a condition that one of ten messages meets.
func filters() group {
	read := func(connections int) func(o *bench.Options) {
		return func(o *bench.Options) {
			o.Mode, o.Connections, o.Topic, o.Filter = bench.CatchUp, connections, replayTopic, "class = 'class-3'"
		}
	}
	return group{
		name: "sql", title: "Filters by SQL92", replay: true, replaySet: func(o *bench.Options) { o.Classes = 10 },
		conf: map[string]string{"enablePropertyFilter": "true"}, warm: read(8),
		about: "1 KiB, from the page cache, by pulls of 32 messages with a condition that one of ten messages meets. " +
			"All messages count that the broker looks at; a latency is that of a pull.",
		scenarios: []scenario{{"sql-1", "catch-up, 1 connection", read(1)}, {"sql-8", "catch-up, 8 connections", read(8)}},
	}
}

// groups is what was asked for.
func groups(o options) (some []group) {
	for _, g := range allGroups() {
		if o.only.MatchString(g.name) {
			some = append(some, g)
			continue
		}
		var rows []scenario
		for _, s := range g.scenarios {
			if o.only.MatchString(s.name) {
				rows = append(rows, s)
			}
		}
		if g.scenarios = rows; len(rows) > 0 {
			some = append(some, g)
		}
	}
	return some
}

func printRows(o options) {
	for _, g := range groups(o) {
		fmt.Printf("%s: %s\n", g.name, g.title)
		for _, s := range g.scenarios {
			fmt.Printf("  %-20s %s\n", s.name, s.title)
		}
	}
}

// settle is the time between two scenarios, in which a broker may write back.
const settle = time.Second
