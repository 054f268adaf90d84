package transaction

// maxCopies bounds what copies remembers.
const maxCopies = 1 << 16

// copies remembers where halves were appended again: a producer that was slow to
// end a transaction names the half that it knows, and with that the copy has ended,
// too. What is forgotten, or lost by a restart, costs a needless question.
type copies struct {
	next  map[place]int64 // of a half, the offset of its copy
	order []place         // the oldest first, from at on
	at    int
}

// place is a half: its queue and its offset there.
type place struct {
	queueID int32
	offset  int64
}

func (c *copies) add(half place, offset int64) {
	if c.next == nil {
		c.next = make(map[place]int64)
	}
	c.next[half] = offset
	if len(c.order) < maxCopies {
		c.order = append(c.order, half)
		return
	}
	delete(c.next, c.order[c.at])
	c.order[c.at] = half
	c.at = (c.at + 1) % maxCopies
}

// take returns the last copy of a half, and forgets all of them.
func (c *copies) take(half place) (last int64, ok bool) {
	for {
		next, found := c.next[half]
		if !found {
			return last, ok
		}
		delete(c.next, half)
		last, ok, half.offset = next, true, next
	}
}
