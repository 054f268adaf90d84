package actormq

import (
	"github.com/prometheus/client_golang/prometheus"
)

// The metrics of a Collector.
var (
	metricSends = prometheus.NewDesc("actormq_client_messages_sent_total",
		"Messages that brokers have stored.", []string{"client"}, nil)
	metricFailures = prometheus.NewDesc("actormq_client_messages_failed_total",
		"Messages that were not stored, or of which that is not known, by cause.", []string{"client", "cause"}, nil)
	metricRetries = prometheus.NewDesc("actormq_client_send_retries_total",
		"Attempts to send after the first one.", []string{"client"}, nil)
	metricLatency = prometheus.NewDesc("actormq_client_send_duration_seconds",
		"Time of sends that succeeded, with all attempts.", []string{"client"}, nil)
	metricTracesDropped = prometheus.NewDesc("actormq_client_traces_dropped_total",
		"Records of message traces that were not sent.", []string{"client"}, nil)
	metricInFlight = prometheus.NewDesc("actormq_client_sends_in_flight",
		"Asynchronous sends under way.", []string{"client"}, nil)
	metricConnections = prometheus.NewDesc("actormq_client_connections",
		"Connections to brokers and name servers.", []string{"client"}, nil)
	metricBrokerLatency = prometheus.NewDesc("actormq_client_broker_latency_seconds",
		"Time of the last send to a broker (LatencyFault).", []string{"client", "group", "broker"}, nil)
	metricBrokerGood = prometheus.NewDesc("actormq_client_broker_available",
		"1 if a broker gets sends, 0 if it is isolated or not reachable (LatencyFault).", []string{"client", "group", "broker"}, nil)
)

// Collector returns a Prometheus collector of the client's Stats, labelled with
// its ID. Register it once, and unregister it after Close.
func (c *Client) Collector() prometheus.Collector { return collector{c} }

type collector struct{ client *Client }

// Describe implements prometheus.Collector.
func (collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{
		metricSends, metricFailures, metricRetries, metricLatency, metricInFlight, metricConnections, metricTracesDropped,
		metricBrokerLatency, metricBrokerGood,
		metricHandled, metricRefused, metricLag, metricBuffered, metricRebalances,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m collector) Collect(to chan<- prometheus.Metric) {
	s, id := m.client.Stats(), m.client.id
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{id}, labels...)...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{id}, labels...)...)
	}
	counter(metricSends, s.Sent)
	counter(metricRetries, s.Retries)
	counter(metricTracesDropped, s.TracesDropped)
	for cause, n := range s.Failed {
		counter(metricFailures, n, cause)
	}
	m.collectConsumers(counter, gauge)
	gauge(metricInFlight, float64(s.InFlight))
	gauge(metricConnections, float64(s.Connections))
	seen := make(map[[2]string]bool) // two producers of a group have an opinion each
	for _, b := range s.Brokers {
		if key := [2]string{b.Group, b.Broker}; !seen[key] {
			seen[key] = true
			gauge(metricBrokerLatency, b.Latency.Seconds(), b.Group, b.Broker)
			gauge(metricBrokerGood, b.available(), b.Group, b.Broker)
		}
	}
	var total uint64
	buckets := make(map[float64]uint64, len(s.Bounds))
	for i, n := range s.Latency {
		total += n
		if i < len(s.Bounds) {
			buckets[s.Bounds[i].Seconds()] = total
		}
	}
	to <- prometheus.MustNewConstHistogram(metricLatency, total, s.Elapsed.Seconds(), buckets, id)
}

func (b *BrokerStats) available() float64 {
	if b.Isolated > 0 || !b.Reachable {
		return 0
	}
	return 1
}
