package messages

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// TimerRules say which messages wait in TopicTimer for a time that they name, and
// until when (RocketMQ: HookUtils.transformTimerMessage).
type TimerRules struct {
	Enabled   bool  // timerWheelEnable
	Precision int64 // milliseconds of a step (timerPrecisionMs)
	MaxDelay  int64 // milliseconds (timerMaxDelaySec)
}

// Timer is what a message's properties say of its time of delivery. The zero Timer is
// none.
type Timer struct {
	kind  timerKind
	value []byte
}

// timerKind is the property that a Timer is from; a higher one wins.
type timerKind int

const (
	noTimer timerKind = iota
	timerAt
	timerAfterMillis
	timerAfterSeconds
	timerOver // it has waited already
)

// See takes a property of the message into account. The value is kept.
func (t *Timer) See(name, value []byte) {
	kind := noTimer
	switch string(name) {
	case PropertyTimerDeliverMs:
		kind = timerAt
	case PropertyTimerDelayMs:
		kind = timerAfterMillis
	case PropertyTimerDelaySec:
		kind = timerAfterSeconds
	case PropertyTimerOutMs:
		kind = timerOver
	}
	if kind > t.kind {
		t.kind, t.value = kind, value
	}
}

// TimerOf returns the Timer of a property string.
func TimerOf(properties []byte) (t Timer) {
	EachProperty(properties, func(name, value []byte) bool {
		t.See(name, value)
		return true
	})
	return t
}

// Asked reports whether the message asks for a time of delivery.
func (t *Timer) Asked() bool { return t.kind != noTimer && t.kind != timerOver }

// Out returns the value of TIMER_OUT_MS for a message that is sent at now, both in
// Unix milliseconds: the step before the time of delivery, which is over when that
// has come. It reports false for one that need not wait. It fails with a
// *Refusal.
func (r *TimerRules) Out(t *Timer, now int64, recalls bool) (out int64, waits bool, err error) {
	if !t.Asked() {
		return 0, false, nil
	}
	if !r.Enabled {
		return 0, false, Refuse(SystemError, "accurate timer message is not enabled, timerWheelEnable is false")
	}
	deliver, failed := strconv.ParseInt(string(t.value), 10, 64)
	switch t.kind {
	case timerAfterSeconds:
		deliver = now + clampMillis(deliver)*1000
	case timerAfterMillis:
		deliver = now + clampMillis(deliver)
	}
	switch {
	case failed != nil, deliver > now && deliver-now > r.MaxDelay, deliver <= now && recalls:
		return 0, false, Refuse(MessageIllegal, "timer message illegal, the delay time should not be bigger than the max delay %dms; or if set del msg, the delay time should be bigger than the current time", r.MaxDelay)
	case deliver <= now:
		return 0, false, nil
	}
	return (deliver - 1) / r.Precision * r.Precision, true, nil
}

// clampMillis keeps sums from overflowing.
func clampMillis(n int64) int64 { return max(min(n, 1<<50), -1<<50) }

// AppendTimer appends what a message remembers in TopicTimer.
func AppendTimer(properties []byte, topic string, queueID int32, out int64) []byte {
	properties = AppendPropertyInt(properties, PropertyTimerOutMs, out)
	properties = AppendProperty(properties, PropertyRealTopic, topic)
	return AppendPropertyInt(properties, PropertyRealQueueID, int64(queueID))
}

// RecallHandle names a message that waits for its time (RocketMQ:
// RecallMessageHandle). As text it is the URL-safe base64 of
// "v1 topic broker time id".
type RecallHandle struct {
	Topic, Broker string
	Deliver       int64  // Unix milliseconds
	ID            string // the unique key
}

// ErrRecallHandle is the error of a text that is no handle, in the words of Apache's
// broker.
var ErrRecallHandle = errors.New("recall handle is invalid")

// String returns the handle's text.
func (h *RecallHandle) String() string {
	return base64.URLEncoding.EncodeToString([]byte(strings.Join([]string{"v1", h.Topic, h.Broker, strconv.FormatInt(h.Deliver, 10), h.ID}, " ")))
}

// ParseRecallHandle decodes a handle. It fails with ErrRecallHandle; a time that is
// none is -1.
func ParseRecallHandle(text string) (RecallHandle, error) {
	raw, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		return RecallHandle{}, ErrRecallHandle
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) < 5 || parts[0] != "v1" {
		return RecallHandle{}, ErrRecallHandle
	}
	deliver, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		deliver = -1
	}
	return RecallHandle{Topic: parts[1], Broker: parts[2], Deliver: deliver, ID: parts[4]}, nil
}

// RecallOf returns the handle of a message in TopicTimer by its properties, or false
// if there is none: Apache's broker gives none for what is tried again.
func RecallOf(properties []byte, broker string) (RecallHandle, bool) {
	out, err := strconv.ParseInt(string(FindProperty(properties, PropertyTimerOutMs)), 10, 64)
	topic := FindProperty(properties, PropertyRealTopic)
	if err != nil || len(topic) == 0 || IsRetryTopic(topic) {
		return RecallHandle{}, false
	}
	// A time in the step that begins with out, so that the recall gets into the same slot.
	return RecallHandle{Topic: string(topic), Broker: broker, Deliver: out + 1, ID: string(FindProperty(properties, PropertyUniqKey))}, true
}

// TimerDeleteKey is what recalls a message: its unique key, or, with
// appendTopicForTimerDeleteKey, that behind its topic.
func TimerDeleteKey(topic, id string, withTopic bool) string {
	if withTopic {
		return topic + "+" + id
	}
	return id
}
