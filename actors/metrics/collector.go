package metrics

import (
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/groups"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options says what a Collector shows.
type Options struct {
	Env      *env.Env
	Config   config.Broker
	Store    *storage.Store
	Topics   *topics.View
	Subs     *subscriptions.View
	Groups   *groups.View
	Traffic  *stats.Traffic
	Offsets  *actor.PID
	HAStatus func() messages.HAStatus
}

// Collector is a prometheus.Collector of one broker. Any goroutine may use it, as
// long as the broker runs.
type Collector struct {
	Options
	descs *descs
}

// New returns the Collector of a broker.
func New(o Options) *Collector { return &Collector{Options: o, descs: newDescs(constant(&o.Config))} }

// constant returns the labels that all metrics have. Pairs of metricsLabel that are
// none are left out, as by Apache.
func constant(c *config.Broker) prometheus.Labels {
	labels := prometheus.Labels{}
	for pair := range strings.SplitSeq(c.MetricsLabel, ",") {
		if name, value, ok := strings.Cut(pair, ":"); ok && name != "" && !strings.Contains(value, ":") {
			labels[name] = value
		}
	}
	labels["node_type"], labels["cluster"], labels["node_id"] = "broker", c.BrokerClusterName, c.BrokerName
	return labels
}

type descs struct {
	in, bytesIn, out, bytesOut, dead *prometheus.Desc
	lag, latency, connections        *prometheus.Desc
	permission, topics, groups       *prometheus.Desc
	size, flushBehind, reserve       *prometheus.Desc
	replicationLag, slaves, inSync   *prometheus.Desc
}

func newDescs(constant prometheus.Labels) *descs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, constant)
	}
	in := []string{"topic", "message_type", "is_system"}
	out := []string{"topic", "consumer_group", "is_retry", "is_system"}
	return &descs{
		in:          desc("rocketmq_messages_in_total", "Messages that clients sent and the log took.", in...),
		bytesIn:     desc("rocketmq_throughput_in_total", "Bytes of their records.", in...),
		out:         desc("rocketmq_messages_out_total", "Messages that consumers were given.", out...),
		bytesOut:    desc("rocketmq_throughput_out_total", "Bytes of their records.", out...),
		dead:        desc("rocketmq_send_to_dlq_messages_total", "Messages that a group has given up.", "topic", "consumer_group", "is_system"),
		lag:         desc("rocketmq_consumer_lag_messages", "Messages between a group's offsets and the ends of the queues.", out...),
		latency:     desc("rocketmq_consumer_lag_latency", "Milliseconds since the oldest message was stored that a group has not consumed.", out...),
		connections: desc("rocketmq_consumer_connections", "Connections of a group.", "consumer_group", "language", "version", "consume_mode", "protocol_type", "is_system"),
		permission:  desc("rocketmq_broker_permission", "What clients may do: 2 write, 4 read, 6 both."),
		topics:      desc("rocketmq_topic_number", "Topics, those of the system included."),
		groups:      desc("rocketmq_consumer_group_number", "Subscription groups."),
		size:        desc("rocketmq_storage_size", "Bytes in use on the disk of the store."),
		flushBehind: desc("rocketmq_storage_flush_behind_bytes", "Bytes of the log that are not flushed."),
		reserve:     desc("rocketmq_storage_message_reserve_time", "Milliseconds since the oldest message was stored."),

		replicationLag: desc("actormq_replication_lag_bytes", "Bytes of the log that a slave has not acknowledged, or that this slave does not have.", "replica"),
		slaves:         desc("actormq_replication_slaves", "Slaves that are connected."),
		inSync:         desc("actormq_replication_in_sync_slaves", "Slaves that sends may wait for."),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	d := c.descs
	for _, desc := range []*prometheus.Desc{
		d.in, d.bytesIn, d.out, d.bytesOut, d.dead, d.lag, d.latency, d.connections, d.permission, d.topics, d.groups,
		d.size, d.flushBehind, d.reserve, d.replicationLag, d.slaves, d.inSync,
	} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	if c.Traffic != nil {
		c.collectTraffic(out)
	}
	c.collectGroups(out)
	c.collectLag(out)
	c.collectStore(out)
	c.collectReplication(out)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, v int64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (c *Collector) collectTraffic(out chan<- prometheus.Metric) {
	d := c.descs
	c.Traffic.EachIn(func(key stats.In, t *messages.Tally) {
		labels := []string{key.Topic, strings.ToLower(string(key.Type)), system(key.Topic, "")}
		counter(out, d.in, t.Messages(), labels...)
		counter(out, d.bytesIn, t.Bytes(), labels...)
	})
	c.Traffic.EachOut(func(key stats.Out, t *messages.Tally) {
		labels := ofGroup(key.Topic, key.Group)
		counter(out, d.out, t.Messages(), labels...)
		counter(out, d.bytesOut, t.Bytes(), labels...)
	})
	c.Traffic.EachDead(func(key stats.Out, t *messages.Tally) {
		counter(out, d.dead, t.Messages(), key.Topic, key.Group, system(key.Topic, key.Group))
	})
}

// ofGroup returns the labels topic, consumer_group, is_retry and is_system.
func ofGroup(topic, group string) []string {
	retry := messages.IsRetryTopic([]byte(topic)) || strings.HasPrefix(topic, messages.DLQTopic(""))
	return []string{topic, group, strconv.FormatBool(retry), system(topic, group)}
}

// system is the label is_system.
func system(topic, group string) string {
	return strconv.FormatBool(messages.IsSystemTopic(topic) || strings.HasPrefix(strings.ToLower(group), "cid_rmq_sys_"))
}

func (c *Collector) collectGroups(out chan<- prometheus.Metric) {
	type kind struct {
		language messages.Language
		version  int32
	}
	for _, name := range c.Groups.Groups() {
		group := c.Groups.Consumers(name)
		if group == nil {
			continue // its last member has just left
		}
		connections := make(map[kind]int)
		for _, m := range group.Members {
			connections[kind{m.Language, m.Version}]++
		}
		for k, n := range connections {
			gauge(out, c.descs.connections, float64(n), name, strings.ToLower(k.language.String()),
				strconv.Itoa(int(k.version)), mode(group.Type), "remoting", system("", name))
		}
	}
	gauge(out, c.descs.permission, float64(c.Config.BrokerPermission))
	gauge(out, c.descs.topics, float64(c.Topics.Load().Len()))
	gauge(out, c.descs.groups, float64(c.Subs.Load().Len()))
}

// mode is the label consume_mode (RocketMQ: ConsumeType.getTypeCN).
func mode(consumeType string) string {
	switch consumeType {
	case "CONSUME_ACTIVELY":
		return "pull"
	case "CONSUME_POP":
		return "pop"
	}
	return "push"
}

func (c *Collector) collectStore(out chan<- prometheus.Metric) {
	d := c.descs
	if used, err := c.Store.UsedBytes(); err == nil {
		gauge(out, d.size, float64(used))
	}
	gauge(out, d.flushBehind, float64(c.Store.Log.MaxOffset()-c.Store.Log.FlushedOffset()))
	if starts := c.Store.Log.Starts(); len(starts) > 0 {
		if at, ok := c.Store.Log.FirstStoreTime(starts[0]); ok {
			gauge(out, d.reserve, float64(c.Env.Millis()-at))
		}
	}
}

func (c *Collector) collectReplication(out chan<- prometheus.Metric) {
	d := c.descs
	status := c.HAStatus()
	if !status.Master {
		gauge(out, d.replicationLag, float64(max(status.Client.MasterFlushOffset-status.Client.MaxOffset, 0)), c.Config.BrokerIP1)
		return
	}
	for _, slave := range status.Connections {
		gauge(out, d.replicationLag, float64(slave.Diff), slave.Addr)
	}
	gauge(out, d.slaves, float64(len(status.Connections)))
	gauge(out, d.inSync, float64(status.InSyncSlaveNums))
}
