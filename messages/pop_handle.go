package messages

import (
	"fmt"
	"strconv"
	"strings"
)

// Marks of a topic in a PopHandle.
const (
	PopNormal  = "0"
	PopRetryV1 = "1" // %RETRY%group_topic
	PopRetryV2 = "2" // %RETRY%group+topic
)

// PopHandle names a message that was popped, for its acknowledgement. It is the
// property POP_CK and the header field extraInfo: eight fields with a space between
// them. The last two may be missing, because requests have them in fields of their
// own as well (RocketMQ: ExtraInfoUtil).
//
//	0  queue offset that the checkpoint begins at
//	1  time of the pop, in milliseconds since 1970
//	2  invisible time, in milliseconds
//	3  queue of the revive log, or ReviveQueueOrderly
//	4  mark of the topic
//	5  broker's name
//	6  queue
//	7  queue offset of the message
type PopHandle struct {
	StartOffset int64
	PopTime     int64
	Invisible   int64
	ReviveQueue int32
	Mark        string
	Broker      string
	QueueID     int32 // -1 if missing
	Offset      int64 // -1 if missing
}

// String returns the handle as it is on the wire.
func (h PopHandle) String() string {
	b := make([]byte, 0, 64+len(h.Broker))
	for _, n := range []int64{h.StartOffset, h.PopTime, h.Invisible, int64(h.ReviveQueue)} {
		b = append(strconv.AppendInt(b, n, 10), ' ')
	}
	b = append(append(b, h.Mark...), ' ')
	b = append(append(b, h.Broker...), ' ')
	b = append(strconv.AppendInt(b, int64(h.QueueID), 10), ' ')
	return string(strconv.AppendInt(b, h.Offset, 10))
}

// ParsePopHandle parses a handle of at least six fields; what follows the eighth is
// ignored, as Java's readers do.
func ParsePopHandle(s string) (h PopHandle, err error) {
	f := strings.SplitN(s, " ", 9)
	if len(f) < 6 {
		return h, fmt.Errorf("messages: a pop handle has at least 6 fields, this has %d", len(f))
	}
	h.QueueID, h.Offset = -1, -1
	for _, n := range []struct {
		at   int
		bits int
		set  func(int64)
	}{
		{0, 64, func(v int64) { h.StartOffset = v }},
		{1, 64, func(v int64) { h.PopTime = v }},
		{2, 64, func(v int64) { h.Invisible = v }},
		{3, 32, func(v int64) { h.ReviveQueue = int32(v) }},
		{6, 32, func(v int64) { h.QueueID = int32(v) }},
		{7, 64, func(v int64) { h.Offset = v }},
	} {
		if n.at >= len(f) {
			break
		}
		v, err := strconv.ParseInt(f[n.at], 10, n.bits)
		if err != nil {
			return PopHandle{}, fmt.Errorf("messages: field %d of a pop handle: %w", n.at, err)
		}
		n.set(v)
	}
	h.Mark, h.Broker = f[4], f[5]
	return h, nil
}

// PopRetryTopic returns the topic to which messages of topic that group did not
// acknowledge come back. Version 1 is ambiguous where names hold underscores, which
// is why there is version 2 (RocketMQ: KeyBuilder.buildPopRetryTopic).
func PopRetryTopic(topic, group string, v2 bool) string {
	if v2 {
		return retryPrefix + group + "+" + topic
	}
	return retryPrefix + group + "_" + topic
}

// PopMark returns the mark of a topic.
func PopMark(topic string) string {
	switch {
	case !strings.HasPrefix(topic, retryPrefix):
		return PopNormal
	case strings.Contains(topic, "+"):
		return PopRetryV2
	}
	return PopRetryV1
}

// Topic returns where the message of the handle is, when it was popped from topic by
// group. What is no mark of a retry topic stands for topic itself.
func (h PopHandle) Topic(topic, group string) string {
	switch h.Mark {
	case PopRetryV1, PopRetryV2:
		return PopRetryTopic(topic, group, h.Mark == PopRetryV2)
	}
	return topic
}
