package routes

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// The state keeps its promises whatever brokers and operators do, and a Table
// that was published never changes.
func TestRegistryInvariants(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 0))
		r := newRegistry()
		published := make(map[*Table]string)
		for now := range int64(200) {
			random(rng, r, now*1000)
			table, changed := r.build()
			_, seen := published[table]
			require.Equal(t, changed, !seen && table != empty, "a change makes a new Table, nothing else does")
			published[table] = fingerprint(t, table)
			checkTable(t, r, table)
		}
		for table, was := range published {
			require.Equal(t, was, fingerprint(t, table), "seed %d: a published Table changed", seed)
		}
	}
}

// random lets one thing happen.
func random(rng *rand.Rand, r *registry, now int64) {
	broker := fmt.Sprint("broker-", rng.IntN(3))
	cluster := fmt.Sprint("cluster-", rng.IntN(2))
	addr := fmt.Sprint("addr-", rng.IntN(5))
	id := int64(rng.IntN(3))
	topic := fmt.Sprint("topic-", rng.IntN(6))
	switch rng.IntN(12) {
	case 0:
		r.unregister(cluster, addr, broker, id)
	case 1:
		r.deleteTopic(topic, "")
	case 2:
		r.deleteTopic(topic, cluster)
	case 3:
		r.setPerm(broker, func(perm int32) int32 { return perm ^ messages.PermWrite })
	case 4:
		for _, e := range r.processes(func(a *alive) bool { return a.seen+20_000 < now }) {
			r.remove(e)
		}
	case 5:
		r.heartbeat(cluster, addr, now)
	case 6:
		r.registerTopic(topic, []messages.QueueData{{BrokerName: broker, ReadQueueNums: 1}})
	default:
		table := messages.NewTopicTable(messages.DataVersion{Counter: int64(rng.IntN(3)), StateVersion: int64(rng.IntN(2))}, nil)
		for range rng.IntN(5) {
			name := fmt.Sprint("topic-", rng.IntN(6))
			table.TopicConfigTable[name] = messages.NewTopicConfig(name, int32(rng.IntN(3)), int32(rng.IntN(3)), 6)
		}
		_, _ = r.register(&Registration{
			Cluster: cluster, Broker: broker, Addr: addr, BrokerID: id, Topics: table,
			ActingMaster: rng.IntN(2) == 0, KnowsActingMaster: rng.IntN(4) > 0,
		}, rng.IntN(4) == 0, now)
	}
}

func checkTable(t *testing.T, r *registry, table *Table) {
	for name, b := range table.brokers.byName {
		require.NotEmpty(t, b.addrs, "a broker without an address")
		require.Contains(t, table.brokers.clusters[b.cluster], name)
		addrs := slices.Sorted(maps.Values(b.addrs))
		require.Equal(t, addrs, slices.Compact(slices.Clone(addrs)), "an address has one id")
	}
	members := 0
	for _, names := range table.brokers.clusters {
		members += len(names)
	}
	require.Equal(t, len(table.brokers.byName), members, "a broker is in one cluster")
	for name, topic := range table.topics {
		require.NotEmpty(t, topic.queues, "topic %s has no queues", name)
		require.True(t, slices.IsSortedFunc(topic.queues, func(a, b messages.QueueData) int {
			if a.BrokerName < b.BrokerName {
				return -1
			}
			return 1
		}))
		for _, q := range topic.queues {
			require.Contains(t, table.brokers.byName, q.BrokerName, "queues of a broker that is gone")
		}
	}
	require.Equal(t, len(r.topics), len(table.topics))
}

// fingerprint is all that a Table says.
func fingerprint(t *testing.T, table *Table) string {
	info, err := table.Clusters().Encode()
	require.NoError(t, err)
	out := string(info)
	for _, name := range sortedKeys(table.topics) {
		body, ok, err := table.EncodedRoute([]byte(name), "", false)
		require.NoError(t, err)
		out += fmt.Sprint("\n", name, " ", ok, " ", string(body))
	}
	return out
}

// A kept route is the same as one that is made anew.
func TestEncodedRoutesFollowTheBrokers(t *testing.T) {
	r := newRegistry()
	register := func(addr string, id int64) *Table {
		topics := messages.NewTopicTable(messages.DataVersion{}, map[string]*messages.TopicConfig{
			"T": messages.NewTopicConfig("T", 1, 1, 6), "U": messages.NewTopicConfig("U", 1, 1, 6),
		})
		_, err := r.register(&Registration{Cluster: "c", Broker: "b", Addr: addr, BrokerID: id, Topics: topics}, false, 0)
		require.NoError(t, err)
		table, _ := r.build()
		return table
	}
	one := register("x:1", 0)
	first, _, _ := one.EncodedRoute([]byte("T"), "", false)
	again, _, _ := one.EncodedRoute([]byte("T"), "", false)
	require.Same(t, &first[0], &again[0], "made once")
	two := register("x:2", 1)
	require.Same(t, one.topics["T"], two.topics["T"], "the topic did not change, its broker did")
	second, _, _ := two.EncodedRoute([]byte("T"), "", false)
	require.Contains(t, string(second), "x:2")
	ordered, _, _ := two.EncodedRoute([]byte("T"), "b:1", false)
	require.Contains(t, string(ordered), `"orderTopicConf":"b:1"`)
	old, _, _ := one.EncodedRoute([]byte("T"), "", false)
	require.Equal(t, first, old, "whoever still has the old Table sees the old broker")
}

func table(topics, queues int, counter int64) *messages.TopicTable {
	t := messages.NewTopicTable(messages.DataVersion{Counter: counter}, nil)
	for i := range topics {
		name := fmt.Sprint("topic-", i)
		t.TopicConfigTable[name] = messages.NewTopicConfig(name, int32(queues), int32(queues), 6)
	}
	return t
}

func filled(topics, brokers int) *registry {
	r := newRegistry()
	for i := range brokers {
		reg := &Registration{Cluster: "c", Broker: fmt.Sprint("broker-", i), Addr: fmt.Sprint("10.0.0.", i, ":10911"), Topics: table(topics, 8, 1)}
		if _, err := r.register(reg, false, 0); err != nil {
			panic(err)
		}
	}
	return r
}

func BenchmarkTable(b *testing.B) {
	for _, brokers := range []int{1, 16} {
		r := filled(10_000, brokers)
		t, _ := r.build()
		name := []byte("topic-77")
		b.Run(fmt.Sprint("EncodedRoute/brokers=", brokers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := t.EncodedRoute(name, "", false); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkRegistry(b *testing.B) {
	reg := func(topics int, counter int64) *Registration {
		return &Registration{Cluster: "c", Broker: "broker-1", Addr: "10.0.0.1:10911", Topics: table(topics, 8, counter)}
	}
	for _, c := range []struct {
		name string
		next func(i int64) *Registration
	}{
		{"the same 10k topics", func(same *Registration) func(int64) *Registration {
			return func(int64) *Registration { return same }
		}(reg(10_000, 1))},
		{"one changed topic of 10k", func(int64) *Registration { return nil }},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := filled(10_000, 2)
			r.build()
			b.ReportAllocs()
			var i int64
			for b.Loop() {
				i++
				m := c.next(i)
				if m == nil {
					m = reg(1, i+1)
					m.Topics.TopicConfigTable["topic-0"].WriteQueueNums = int32(i)
				}
				if _, err := r.register(m, false, 0); err != nil {
					b.Fatal(err)
				}
				r.build()
			}
		})
	}
}

// No body of a registration, whatever it holds, breaks the state.
func FuzzRegistration(f *testing.F) {
	body := messages.RegisterBrokerBody{TopicConfigSerializeWrapper: table(2, 4, 1), FilterServerList: []string{}}
	b, err := body.Encode()
	require.NoError(f, err)
	f.Add(b, false, int32(513))
	f.Add([]byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":null,"U":{"topicName":""}}}}`), false, int32(513))
	f.Add([]byte(`{"topicConfigTable":{"T":{}}}`), false, int32(1))
	f.Add([]byte{0x78, 0xda, 0x03, 0, 0, 0, 0, 1}, true, int32(401))
	f.Fuzz(func(t *testing.T, body []byte, compressed bool, version int32) {
		q := &front.Request{Ticket: messages.Ticket{Version: version}, Command: &messages.Command{Body: body, Version: version}}
		for key, value := range map[string]string{
			"brokerName": "b", "brokerAddr": "a", "clusterName": "c", "brokerId": "0", "haServerAddr": "h",
		} {
			q.Command.Ext.Set(key, value)
		}
		q.Command.Ext.SetBool("compressed", compressed)
		reg, err := parseRegistration(q)
		if err != nil {
			return
		}
		r := filled(3, 2)
		_, _ = r.register(reg, true, 0)
		table, _ := r.build()
		checkTable(t, r, table)
	})
}
