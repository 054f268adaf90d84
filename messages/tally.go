package messages

import "sync/atomic"

// Tally counts messages and their bytes. The zero Tally is ready; a nil one counts
// nothing. Any goroutine may use it.
type Tally struct{ messages, bytes atomic.Int64 }

// Add counts so many messages of so many bytes together.
func (t *Tally) Add(messages, bytes int) {
	if t != nil {
		t.messages.Add(int64(messages))
		t.bytes.Add(int64(bytes))
	}
}

// Messages returns the number of messages.
func (t *Tally) Messages() int64 { return t.messages.Load() }

// Bytes returns the sum of their bytes.
func (t *Tally) Bytes() int64 { return t.bytes.Load() }

// MessageType is the kind of a message by its properties
// (RocketMQ: TopicMessageType).
type MessageType string

// The types that a broker tells apart.
const (
	MessageNormal      MessageType = "NORMAL"
	MessageFIFO        MessageType = "FIFO"
	MessageDelay       MessageType = "DELAY"
	MessageTransaction MessageType = "TRANSACTION"
)
