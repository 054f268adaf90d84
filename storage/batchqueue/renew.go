package batchqueue

// renew cuts off the messages at offset and behind: they are of a topic that was deleted
// and has come back, and counts its offsets from 0 again, while the records of the old
// one are still in the log. Who reads the log anew, as recovery and a slave do, meets
// both, and with Queues.Renewed set the later ones win (see consumequeue).
func (q *Queue) renew(b *bounds, offset int64) error {
	end, err := q.search(b, func(u *Unit) bool { return u.Next() > offset })
	if err != nil {
		return err
	}
	if err := q.wipe(end, b.hi); err != nil {
		return err
	}
	b.hi, b.max, q.last = end, offset, -1
	if end > b.lo {
		u, err := q.unit(end - 1)
		if err != nil {
			return err
		}
		q.last = u.Phys
	} else {
		b.min = offset
	}
	q.publish(*b)
	return nil
}
