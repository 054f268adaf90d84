package consumer

import "sort"

// slot is a pulled message in a window.
type slot struct {
	item *Item
	work *Work // that it was handed out with, nil if it was not yet
	done bool
}

// window is what was pulled of a queue and is not finished. Messages finish in
// any order; only what is below all unfinished ones may be committed
// (RocketMQ: ProcessQueue).
type window struct {
	// slots[head:] are by offset, ascending, all below next. slots[head] is not
	// done.
	slots []slot
	head  int
	next  int64 // of the next pull
	open  int   // slots that are not done
	bytes int64 // of those
}

// reset forgets everything and goes on at next.
func (w *window) reset(next int64) { *w = window{next: next} }

// add takes what a pull brought. Items below next, which a broker must not send,
// are left out; the rest is returned.
func (w *window) add(items []Item, next int64) []Item {
	for len(items) > 0 && items[0].Offset < w.next {
		items = items[1:]
	}
	for i := range items {
		w.slots = append(w.slots, slot{item: &items[i]})
		w.bytes += int64(items[i].Size)
		w.next = max(w.next, items[i].Offset+1)
	}
	w.open += len(items)
	w.next = max(w.next, next)
	return items
}

// find returns the slot of an offset, nil if it is finished.
func (w *window) find(offset int64) *slot {
	live := w.slots[w.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].item.Offset >= offset })
	if i == len(live) || live[i].item.Offset != offset || live[i].done {
		return nil
	}
	return &live[i]
}

// finish notes that a message needs no more handling, and reports whether it did.
func (w *window) finish(offset int64) bool {
	s := w.find(offset)
	if s == nil {
		return false
	}
	s.done = true
	w.open--
	w.bytes -= int64(s.item.Size)
	for w.head < len(w.slots) && w.slots[w.head].done {
		w.slots[w.head] = slot{}
		w.head++
	}
	if w.head == len(w.slots) || w.head > 1024 && w.head > len(w.slots)/2 {
		n := copy(w.slots, w.slots[w.head:])
		clear(w.slots[n:])
		w.slots, w.head = w.slots[:n], 0
	}
	return true
}

// low returns the offset below which everything is finished.
func (w *window) low() int64 {
	if w.head < len(w.slots) {
		return w.slots[w.head].item.Offset
	}
	return w.next
}

// span is the distance between the first and the last message that is not
// finished, at least 0.
func (w *window) span() int64 {
	if w.open == 0 {
		return 0
	}
	return w.next - 1 - w.low()
}
