package history

import "time"

// Doubt says that the host of some queues lost power, and that what it kept there
// since a time was not promised to survive that: of each queue the end may be
// missing, from one of these messages on, and other messages may take its places.
// What is read again is no longer in doubt. Acknowledgements and reads that come
// from the time before must not be told any more.
func (h *History) Doubt(of func(Queue) bool, since time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for q, holds := range h.held {
		if !of(q) {
			continue
		}
		for offset, m := range holds {
			if m.at >= since {
				m.doubtful = true
				holds[offset] = m
			}
		}
	}
}

// cut forgets what was in doubt at offset or behind it: it is lost.
func (h *History) cut(q Queue, offset int64) {
	for at, m := range h.held[q] {
		if at >= offset && m.doubtful {
			delete(h.held[q], at)
			delete(h.where, m.id)
		}
	}
}

// Lost reports whether a power loss has taken an acknowledged message, or may have.
func (h *History) Lost(id ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.where[id]
	return !ok || h.held[p.queue][p.offset].doubtful
}

// EachAcknowledged visits the acknowledged messages that no power loss may have
// taken, and their places, in no order. visit must not call h.
func (h *History) EachAcknowledged(visit func(id ID, q Queue, offset int64)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, p := range h.where {
		if m := h.held[p.queue][p.offset]; m.acked && !m.doubtful {
			visit(id, p.queue, p.offset)
		}
	}
}

func (h *History) now() time.Duration {
	if h.Now == nil {
		return 0
	}
	return h.Now()
}
