// Package history judges what clients saw of a broker. Test clients tell it each
// message that they send, each acknowledgement and each message that they read;
// it answers with the first thing that must not have happened:
//
//	an acknowledged message that is not where the acknowledgement put it
//	a message that nobody sent, or whose bytes are not those that were sent
//	a message that is there twice, though it was sent once
//	a hole in a queue, or a place that holds another message than before
//	messages of one client and queue out of their order
//
// A message that was sent but not acknowledged may be there or not. What was
// once read must stay, acknowledged or not.
//
// The body of a message follows from its ID, so that nothing but IDs is kept.
package history

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// ID names a message: the client that sends it and its number, from 1 on, among
// the messages of that client. A client sends with rising numbers.
type ID struct {
	Client uint32
	Number uint32
}

func (id ID) String() string { return fmt.Sprintf("message %d of client %d", id.Number, id.Client) }

// magic begins every body.
const magic = "actormq history "

const headSize = len(magic) + 8

// Body returns the body of message id: its name and up to 4000 bytes that follow
// from it.
func Body(id ID) []byte {
	random := rand.New(rand.NewPCG(uint64(id.Client), uint64(id.Number)))
	size := 1 << random.IntN(12)
	b := make([]byte, 0, headSize+size)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint32(b, id.Client)
	b = binary.BigEndian.AppendUint32(b, id.Number)
	for len(b) < headSize+size {
		b = binary.LittleEndian.AppendUint64(b, random.Uint64())
	}
	return b
}

// Identify returns the name of the message with that body, every byte of which
// must be right.
func Identify(body []byte) (ID, error) {
	if len(body) < headSize || !bytes.HasPrefix(body, []byte(magic)) {
		return ID{}, fmt.Errorf("history: a message of %d bytes that no client sent: %.40q", len(body), body)
	}
	id := ID{binary.BigEndian.Uint32(body[len(magic):]), binary.BigEndian.Uint32(body[len(magic)+4:])}
	if !bytes.Equal(body, Body(id)) {
		return ID{}, fmt.Errorf("history: the bytes of %v are not those that were sent", id)
	}
	return id, nil
}

// Queue names a queue.
type Queue struct {
	Topic string
	ID    int32
}

func (q Queue) String() string { return fmt.Sprintf("queue %s/%d", q.Topic, q.ID) }

type place struct {
	queue  Queue
	offset int64
}

func (p place) String() string { return fmt.Sprintf("%v offset %d", p.queue, p.offset) }

// History is what happened. Many goroutines may tell it.
type History struct {
	// Now tells the time; nil if nothing may ever be lost. See Doubt.
	Now func() time.Duration

	mu    sync.Mutex
	sent  map[ID]Queue
	where map[ID]place // of what was acknowledged or read
	held  map[Queue]map[int64]held
	acks  int
}

type held struct {
	id       ID
	acked    bool
	at       time.Duration // when it was first acknowledged or read
	doubtful bool          // a power loss may have taken it
}

// New returns a history in which nothing happened.
func New() *History {
	return &History{sent: make(map[ID]Queue), where: make(map[ID]place), held: make(map[Queue]map[int64]held)}
}

// Sent says that a client is about to send id to q, once.
func (h *History) Sent(id ID, q Queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[id] = q
}

// Acknowledged says that the broker promised to keep id at offset of q.
func (h *History) Acknowledged(id ID, q Queue, offset int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks++
	return h.hold(id, place{q, offset}, true)
}

// Read says that the broker showed body to a reader, at offset of q.
func (h *History) Read(q Queue, offset int64, body []byte) error {
	id, err := Identify(body)
	if err != nil {
		return fmt.Errorf("%w (%v)", err, place{q, offset})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hold(id, place{q, offset}, false)
}

func (h *History) hold(id ID, p place, acked bool) error {
	to, ok := h.sent[id]
	switch {
	case !ok:
		return fmt.Errorf("history: %v at %v was never sent", id, p)
	case to != p.queue:
		return fmt.Errorf("history: %v was sent to %v and is at %v", id, to, p)
	}
	before := h.held[p.queue][p.offset]
	if before.doubtful && before.id != id {
		h.cut(p.queue, p.offset)
		before = held{}
	}
	if before.id != (ID{}) && before.id != id {
		return fmt.Errorf("history: %v holds %v and held %v before", p, id, before.id)
	}
	if other, ok := h.where[id]; ok && other != p {
		return fmt.Errorf("history: %v is at %v and at %v", id, other, p)
	}
	if h.held[p.queue] == nil {
		h.held[p.queue] = make(map[int64]held)
	}
	if before.id == (ID{}) {
		before = held{id: id, at: h.now()}
	}
	before.acked, before.doubtful = before.acked || acked, before.doubtful && acked
	h.held[p.queue][p.offset] = before
	h.where[id] = p
	return nil
}

// Whole says that a reader has read all that q has, the offsets from begin to
// end, which is not included, and told Read of each.
func (h *History) Whole(q Queue, begin, end int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut(q, end)
	last := make(map[uint32]uint32)
	holds := h.held[q]
	for offset := begin; offset < end; offset++ {
		p, id := place{q, offset}, holds[offset].id
		if id == (ID{}) {
			return fmt.Errorf("history: %v is a hole; the queue has [%d, %d)", p, begin, end)
		}
		if before := last[id.Client]; before >= id.Number {
			return fmt.Errorf("history: %v at %v comes behind number %d", id, p, before)
		}
		last[id.Client] = id.Number
	}
	if int64(len(holds)) == max(end-begin, 0) {
		return nil
	}
	for _, offset := range slices.Sorted(maps.Keys(holds)) {
		if offset < end && offset >= begin {
			continue
		}
		lost, what := holds[offset], "was read"
		if lost.acked {
			what = "was acknowledged"
		}
		return fmt.Errorf("history: %v %s at %v and is lost; the queue has [%d, %d)", lost.id, what, place{q, offset}, begin, end)
	}
	return nil
}

// Acknowledgements returns the number of acknowledged messages.
func (h *History) Acknowledgements() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.acks
}

// Total returns the number of messages that were sent.
func (h *History) Total() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sent)
}
