package consumer

// commit has a commit happen when those before have ended: start is called on the
// actor, and calls ended once, anywhere.
func (m *member) commit(start func(ended func())) {
	m.commits = append(m.commits, start)
	if len(m.commits) == 1 {
		m.commits[0](func() { m.post(commitEnd{}) })
	}
}

// commitNext begins the next commit.
func (m *member) commitNext() {
	m.commits = m.commits[1:]
	if len(m.commits) > 0 {
		m.commits[0](func() { m.post(commitEnd{}) })
	}
}

// commitByTime keeps the offsets that changed, unless that is being done.
func (m *member) commitByTime() {
	if !m.KeepOffsets && len(m.commits) == 0 {
		m.commitAll(nil)
	}
}

// drained has the offset of a queue committed soon if nothing of it is left to be
// handled: a group that is up to date shows it, and a crash repeats nothing.
func (m *member) drained(q *queue) {
	if q.window.open > 0 || q.phase != active || m.KeepOffsets || m.Broadcast || m.soon != nil || m.stopping {
		return
	}
	if _, due := q.due(); due {
		m.soon = m.after(DrainedInterval, drainedTick{})
	}
}

// commitAll keeps the offsets that changed. done, if not nil, is told what went
// wrong, or nil, when all are kept.
func (m *member) commitAll(done func(error)) {
	m.commit(func(ended func()) {
		var offsets []Offset
		var claims []*Claim
		for _, q := range m.queues {
			if offset, due := q.due(); due && q.phase == active {
				offsets, claims = append(offsets, Offset{q.name, offset}), append(claims, q.claim)
			}
		}
		after := func(err error) {
			for i, claim := range claims {
				m.post(&committed{claim, offsets[i].Offset, err})
			}
			if done != nil {
				done(err)
			} else if err != nil {
				m.Trouble(err)
			}
			ended()
		}
		if len(offsets) == 0 {
			after(nil)
			return
		}
		m.Cluster.Commit(offsets, after)
	})
}

// committed notes what the group has. After an error some may be kept; they are
// all told again.
func (m *member) committed(c *committed) {
	if q := c.claim.queue; q.claim == c.claim && c.err == nil {
		q.committed = c.offset
	}
}
