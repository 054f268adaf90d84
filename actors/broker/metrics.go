package broker

import "github.com/actormq/actormq/actors/metrics"

// Metrics returns what Prometheus is shown of the broker, to be registered with a
// registry, and collected from while the broker runs. What is counted by topic and by
// group is there if metricsExporterType says so.
func (s *Server) Metrics() *metrics.Collector {
	w := &s.shared.wiring
	return metrics.New(metrics.Options{
		Env: w.env, Config: w.config, Store: w.store, Topics: w.topics, Subs: &w.subs, Groups: &w.groups,
		Traffic: w.traffic, Offsets: w.pid(nameOffsets), HAStatus: w.haStatus,
	})
}
