package colddata

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Rules are the settings, which may change at any time.
type Rules struct {
	Enabled bool  // coldDataFlowControlEnable
	Group   int64 // bytes in five seconds for a group without a limit of its own (cgColdReadThreshold)
	All     int64 // bytes in five seconds for all groups together (globalColdReadThreshold)
}

// Control counts what is read. Any goroutine may use it; the zero Control is empty.
type Control struct {
	read   sync.Map // group to *reads
	all    atomic.Int64
	limits atomic.Pointer[map[string]int64] // replaced whole by ColdData
}

// reads is what one group has read.
type reads struct {
	bytes   atomic.Int64 // in this span
	last    atomic.Int64 // Unix milliseconds
	created int64        // Unix milliseconds
}

// Read counts the bytes of cold messages that a group was sent.
func (c *Control) Read(group string, bytes, now int64) {
	r, ok := c.read.Load(group)
	if !ok {
		r, _ = c.read.LoadOrStore(group, &reads{created: now})
	}
	of := r.(*reads)
	of.bytes.Add(bytes)
	of.last.Store(now)
	c.all.Add(bytes)
}

// Throttled reports whether a group gets no cold messages in this span.
func (c *Control) Throttled(group string, rules Rules) bool {
	if !rules.Enabled {
		return false
	}
	r, ok := c.read.Load(group)
	if !ok {
		return false
	}
	limit := rules.Group
	if own, set := c.limitsOf()[group]; set {
		limit = own
	}
	return r.(*reads).bytes.Load() >= limit || c.all.Load() >= rules.All
}

func (c *Control) limitsOf() map[string]int64 {
	if limits := c.limits.Load(); limits != nil {
		return *limits
	}
	return nil
}

// setLimit gives a group a limit of its own. ColdData alone calls it.
func (c *Control) setLimit(group string, limit int64) {
	limits := maps.Clone(c.limitsOf())
	if limits == nil {
		limits = make(map[string]int64)
	}
	limits[group] = limit
	c.limits.Store(&limits)
}

// removeLimit takes a group's own limit away. ColdData alone calls it.
func (c *Control) removeLimit(group string) {
	limits := maps.Clone(c.limitsOf())
	delete(limits, group)
	c.limits.Store(&limits)
}

// residence is how long, in milliseconds, a group that reads nothing cold is remembered.
const residence = 60_000

// next begins a span. Groups that have read nothing cold for long are forgotten.
func (c *Control) next(now int64) {
	c.read.Range(func(group, r any) bool {
		of := r.(*reads)
		of.bytes.Store(0)
		if now >= of.last.Load()+residence {
			c.read.Delete(group)
		}
		return true
	})
	c.all.Store(0)
}

// groupReads is what operators see of a group.
type groupReads struct {
	Bytes   int64 `json:"coldAcc"`
	Created int64 `json:"createTimeMills"`
	Last    int64 `json:"lastColdReadTimeMills"`
}

// state is the answer to GET_COLD_DATA_FLOW_CTR_INFO.
type state struct {
	Runtime map[string]groupReads `json:"runtimeTable"`
	Limits  map[string]int64      `json:"configTable"`
	Group   int64                 `json:"cgColdReadThreshold"`
	All     int64                 `json:"globalColdReadThreshold"`
	Read    int64                 `json:"globalAcc"`
}

func (c *Control) state(rules Rules) *state {
	s := &state{Runtime: make(map[string]groupReads), Limits: map[string]int64{}, Group: rules.Group, All: rules.All, Read: c.all.Load()}
	maps.Copy(s.Limits, c.limitsOf())
	c.read.Range(func(group, r any) bool {
		of := r.(*reads)
		s.Runtime[group.(string)] = groupReads{Bytes: of.bytes.Load(), Created: of.created, Last: of.last.Load()}
		return true
	})
	return s
}
