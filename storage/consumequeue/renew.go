package consumequeue

// A topic that is deleted and comes back counts its offsets from 0 again, while the
// records of the old one stay in the log. Who reads the log anew, as recovery and a
// slave do, meets both, and with Queues.Renewed set the record that is further behind
// in the log wins.

// outdated reports whether u belongs to a topic that was deleted, because the queue's
// last unit is of a later record.
func (q *Queue) outdated(u Unit) bool {
	var last [1]Unit
	n, err := q.Read(q.max.Load()-1, last[:])
	return err == nil && n == 1 && last[0].Phys > u.Phys
}

// renew decides between the unit that the queue has at offset and another one, u. It
// reports false if the former is of no such record, and is to be overwritten. A later
// record has the queue go on behind it, and loses what is there.
func (q *Queue) renew(offset int64, have, u Unit) (bool, error) {
	if q.set.verify == nil {
		return false, nil
	}
	valid, err := q.set.verify(have, q.topic, q.id, offset)
	if err != nil || !valid {
		return false, err
	}
	if have.Phys > u.Phys {
		return true, nil
	}
	if err := q.write(); err != nil {
		return true, err
	}
	if err := q.cut(offset); err != nil {
		return true, err
	}
	return true, q.append(offset, u)
}
