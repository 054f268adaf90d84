package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/actormq/actormq/actors/offsets"
)

// patience bounds the wait for the offsets. A scrape goes on without them.
const patience = 5 * time.Second

// collectLag shows how far groups are behind, topic by topic. Offsets of topics that
// are gone, or of queues that cannot be read, do not count.
func (c *Collector) collectLag(out chan<- prometheus.Metric) {
	answer, err := c.Env.Actors.Root.RequestFuture(c.Offsets, &offsets.List{}, patience).Result()
	listed, ok := answer.(*offsets.Listed)
	if err != nil || !ok {
		c.Env.Log.Warn().Err(err).Msg("the lag of consumers is not known: no answer about their offsets")
		return
	}
	now := c.Env.Millis()
	for key, queues := range listed.Offsets {
		topic, group, _ := strings.Cut(key, "@")
		if c.Topics.Load().Find(topic) == nil {
			continue
		}
		var lag, latency int64
		for queueID, offset := range queues {
			behind, oldest := c.behind(topic, queueID, offset)
			lag += behind
			if oldest > 0 {
				latency = max(latency, now-oldest)
			}
		}
		labels := ofGroup(topic, group)
		gauge(out, c.descs.lag, float64(lag), labels...)
		gauge(out, c.descs.latency, float64(latency), labels...)
	}
}

// behind returns how many messages there are from offset on, and when the first of
// them was stored, in Unix milliseconds; 0 if there is none.
func (c *Collector) behind(topic string, queueID int32, offset int64) (messages, oldest int64) {
	first, last, err := c.Store.Bounds(topic, queueID)
	offset = max(offset, first)
	if err != nil || offset >= last {
		return 0, 0
	}
	return last - offset, c.Store.StoreTimeAt(topic, queueID, offset)
}
