package transaction

// maxWindow bounds the halves that one round looks at; those behind are the next
// round's. It bounds a window's memory to 8 MiB.
const maxWindow = 1 << 26

// maxMarks bounds the marks of a window, to 1 MiB.
const maxMarks = 1 << 16

// window is what a round knows of the halves from base on: which of them have
// ended, and how far the op queue may be forgotten.
type window struct {
	base, end int64    // halves [base, end)
	bits      []uint64 // bit i says that base+i has ended

	// marks are the op messages that name a later half than all before them. They
	// ascend in both fields.
	marks []mark
	full  bool  // there was no room for a mark
	next  int64 // op message to read next
}

// mark says that the op messages up to op name halves up to half.
type mark struct{ op, half int64 }

// newWindow returns the window of a queue with halves up to end whose op messages
// from op on are to be read.
func newWindow(base, end, op int64) *window {
	end = min(end, base+maxWindow)
	return &window{base: base, end: end, bits: make([]uint64, (end-base+63)/64), next: op}
}

// names takes note that op message op names a half. Op messages come in order.
func (w *window) names(op, half int64) {
	if half >= w.base && half < w.end {
		w.bits[(half-w.base)/64] |= 1 << ((half - w.base) % 64)
	}
	switch n := len(w.marks); {
	case half < w.base || w.full || n > 0 && half <= w.marks[n-1].half:
	case n > 0 && w.marks[n-1].op == op:
		w.marks[n-1].half = half
	case n == maxMarks:
		w.full = true
		w.marks = append(w.marks, mark{op, half})
	default:
		w.marks = append(w.marks, mark{op, half})
	}
}

// ended reports whether an op message names a half.
func (w *window) ended(half int64) bool {
	return half >= w.base && half < w.end && w.bits[(half-w.base)/64]&(1<<((half-w.base)%64)) != 0
}

// opOffset returns the first op message that still counts once the halves before
// next are done with (RocketMQ: calculateOpOffset).
func (w *window) opOffset(next int64) int64 {
	for _, m := range w.marks {
		if m.half >= next {
			return m.op
		}
	}
	if w.full {
		return w.marks[maxMarks].op
	}
	return w.next
}
