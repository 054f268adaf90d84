package actormq

import (
	"context"
	"errors"
	"unicode/utf16"
)

// SendSelect is Send to the queue that choose returns, as an index of the topic's
// queues that may be written, which are sorted by broker and number and must not
// be changed. It makes no attempts at other queues. choose may be called once and
// from the goroutine of the caller.
func (p *Producer) SendSelect(ctx context.Context, m *Message, choose func(queues []Queue) int) (Sent, error) {
	if choose == nil {
		return Sent{}, errors.New("actormq: SendSelect without a selector")
	}
	s, err := p.encode(ctx, m)
	if err != nil {
		return Sent{}, err
	}
	s.place = choose
	return p.deliver(ctx, s)
}

// byKey returns a selector that has a key's messages go to one queue for as long
// as the topic's queues stay the same. Java clients that select by the hash of a
// string choose the same one (RocketMQ: SelectMessageQueueByHash).
func byKey(key string) func([]Queue) int {
	hash := javaHash(key)
	return func(queues []Queue) int {
		at := int(hash) % len(queues)
		if at < 0 {
			at = -at
		}
		return at
	}
}

// javaHash is Java's String.hashCode, over UTF-16.
func javaHash(s string) int32 {
	var hash int32
	for _, r := range s {
		if high, low := utf16.EncodeRune(r); high != '\uFFFD' {
			hash = 31*(31*hash+int32(high)) + int32(low)
			continue
		}
		hash = 31*hash + int32(r)
	}
	return hash
}
