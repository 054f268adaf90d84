package timer

import (
	"maps"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// counts says how many messages of a topic wait (RocketMQ: TimerMetrics). It is a
// hint: what a crash repeats is counted twice.
type counts struct {
	Timing  map[string]*waiting  `json:"timingCount"`
	Version messages.DataVersion `json:"dataVersion"`
	dirty   bool
}

type waiting struct {
	Count int64 `json:"count"`
	Time  int64 `json:"timeStamp"` // of the last change, Unix milliseconds
}

func (c *counts) load(e *env.Env, name string) {
	c.Timing = make(map[string]*waiting)
	if err := jsonfile.Load(e.FS, name, c); err != nil {
		e.Log.Warn().Err(err).Msg("how many messages wait for their time is not known")
	}
	maps.DeleteFunc(c.Timing, func(_ string, w *waiting) bool { return w == nil })
	if c.Timing == nil {
		c.Timing = make(map[string]*waiting)
	}
}

// add counts a message of a topic, or, if less is set, counts it no more.
func (c *counts) add(topic string, less bool, now int64) {
	w := c.Timing[topic]
	if w == nil {
		w = new(waiting)
		c.Timing[topic] = w
	}
	if w.Time = now; less {
		w.Count--
	} else {
		w.Count++
	}
	c.dirty = true
}

func (c *counts) save(e *env.Env, name string) error {
	if !c.dirty {
		return nil
	}
	c.dirty = false
	c.Version.Next(e.Millis())
	return jsonfile.Save(e.FS, name, c)
}
