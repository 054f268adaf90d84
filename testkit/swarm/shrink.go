package swarm

import (
	"slices"
	"time"
)

// Shrink looks for a plan that fails, too, with fewer faults and clients, and in
// less time. It runs at most so many plans. A smaller plan has another schedule
// and may fail for another reason, which is as good.
func Shrink(p Plan, runs int) *Result {
	return ShrinkWith(p, runs, func(p Plan) *Result { return Run(p, nil) })
}

// ShrinkWith is Shrink with another way to run plans.
func ShrinkWith(p Plan, runs int, run func(Plan) *Result) *Result {
	s := &shrinker{run: run, best: run(p), left: runs - 1}
	if s.best.Err == nil {
		return s.best
	}
	for s.round() {
	}
	return s.best
}

type shrinker struct {
	run  func(Plan) *Result
	best *Result
	left int
}

// try takes a plan if it fails.
func (s *shrinker) try(change func(p *Plan)) bool {
	if s.left--; s.left < 0 {
		return false
	}
	p := s.best.Plan
	p.Faults, p.Clients = slices.Clone(p.Faults), slices.Clone(p.Clients)
	change(&p)
	result := s.run(p)
	if result.Err == nil {
		return false
	}
	s.best = result
	return true
}

// round tries each way to make the plan smaller once, and reports whether one did.
func (s *shrinker) round() bool {
	smaller := s.remove(func(p *Plan) int { return len(p.Faults) }, func(p *Plan, from, to int) {
		p.Faults = slices.Delete(p.Faults, from, to)
	})
	smaller = s.remove(func(p *Plan) int { return len(p.Clients) }, dropClients) || smaller
	if s.best.Plan.Load > 500*time.Millisecond {
		smaller = s.try(func(p *Plan) {
			p.Load /= 2
			p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.At > p.Load })
		}) || smaller
	}
	if s.best.Plan.Brokers > 1 {
		smaller = s.try(func(p *Plan) { p.Brokers = 1 }) || smaller
	}
	if s.best.Plan.Queues > 1 {
		smaller = s.try(func(p *Plan) { p.Queues = 1 }) || smaller
	}
	if s.best.Plan.Link.ResetRate > 0 {
		smaller = s.try(func(p *Plan) { p.Link.ResetRate = 0 }) || smaller
	}
	return smaller && s.left > 0
}

// remove removes runs of elements of a list, long ones first.
func (s *shrinker) remove(length func(*Plan) int, remove func(p *Plan, from, to int)) (smaller bool) {
	for size := length(&s.best.Plan); size > 0; size /= 2 {
		for from := 0; from+size <= length(&s.best.Plan); {
			if s.try(func(p *Plan) { remove(p, from, from+size) }) {
				smaller = true
			} else {
				from += size
			}
		}
	}
	return smaller
}

// dropClients removes clients; faults go on to strike those that they struck.
func dropClients(p *Plan, from, to int) {
	p.Clients = slices.Delete(p.Clients, from, to)
	for i := range p.Faults {
		if f := &p.Faults[i]; f.Client >= to {
			f.Client -= to - from
		}
	}
}
