package messages

import (
	"fmt"
	"strings"
)

// System topics (RocketMQ: TopicValidator, MixAll).
const (
	TopicDefault          = "TBW102" // the template of topics that are created by use
	TopicSchedule         = "SCHEDULE_TOPIC_XXXX"
	TopicBenchmark        = "BenchmarkTest"
	TopicTransHalf        = "RMQ_SYS_TRANS_HALF_TOPIC"
	TopicTransOpHalf      = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	TopicTransCheckMax    = "TRANS_CHECK_MAX_TIME_TOPIC"
	TopicSelfTest         = "SELF_TEST_TOPIC"
	TopicOffsetMoved      = "OFFSET_MOVED_EVENT"
	TopicTrace            = "RMQ_SYS_TRACE_TOPIC"
	TopicReviveLogPrefix  = "rmq_sys_REVIVE_LOG_"
	TopicSyncMemberPrefix = "rmq_sys_SYNC_BROKER_MEMBER_"
	TopicTimer            = "rmq_sys_wheel_timer"
	SystemTopicPrefix     = "rmq_sys_"
	ReplyTopicPostfix     = "REPLY_TOPIC"

	retryPrefix = "%RETRY%"
	dlqPrefix   = "%DLQ%"
)

// Limits of names, in characters (RocketMQ: TopicValidator).
const (
	MaxTopicLength      = 127
	MaxRetryTopicLength = 255
	MaxGroupLength      = 120
)

// forbiddenTopics must not be sent to by clients.
var forbiddenTopics = map[string]bool{
	TopicSchedule: true, TopicTransHalf: true, TopicTransOpHalf: true,
	TopicTransCheckMax: true, TopicSelfTest: true, TopicOffsetMoved: true,
}

var systemTopics = map[string]bool{
	TopicDefault: true, TopicSchedule: true, TopicBenchmark: true, TopicTransHalf: true, TopicTrace: true,
	TopicTransOpHalf: true, TopicTransCheckMax: true, TopicSelfTest: true, TopicOffsetMoved: true,
}

// IsSystemTopic reports whether a topic belongs to the broker: it cannot be
// created or deleted by an operator.
func IsSystemTopic(topic string) bool {
	return systemTopics[topic] || strings.HasPrefix(topic, SystemTopicPrefix)
}

// IsForbiddenTopic reports whether clients may not send to topic.
func IsForbiddenTopic(topic []byte) bool { return forbiddenTopics[string(topic)] }

// RetryTopic returns the name of a group's retry topic.
func RetryTopic(group string) string { return retryPrefix + group }

// DLQTopic returns the name of a group's dead-letter topic.
func DLQTopic(group string) string { return dlqPrefix + group }

// IsRetryTopic reports whether topic is a group's retry topic.
func IsRetryTopic(topic []byte) bool {
	return len(topic) >= len(retryPrefix) && string(topic[:len(retryPrefix)]) == retryPrefix
}

// IsDLQTopic reports whether topic is a group's dead-letter topic.
func IsDLQTopic(topic []byte) bool {
	return len(topic) >= len(dlqPrefix) && string(topic[:len(dlqPrefix)]) == dlqPrefix
}

// GroupOf returns the group of a retry or dead-letter topic, else topic itself.
func GroupOf(topic string) string {
	if group, ok := strings.CutPrefix(topic, retryPrefix); ok {
		return group
	}
	return strings.TrimPrefix(topic, dlqPrefix)
}

// CheckTopic says what is wrong with a topic's name, nil if nothing is. The
// texts are those that Apache's broker answers (TopicValidator.validateTopic).
func CheckTopic(topic string) error { return CheckTopicBytes([]byte(topic)) }

// CheckTopicBytes is CheckTopic on bytes, without a copy.
func CheckTopicBytes(topic []byte) error {
	if len(topic) == 0 {
		return fmt.Errorf("The specified topic is blank.") //lint:ignore ST1005 Apache's remark
	}
	if !legal(topic) {
		return fmt.Errorf("The specified topic contains illegal characters, allowing only ^[%%|a-zA-Z0-9_-]+$") //lint:ignore ST1005 Apache's remark
	}
	limit := MaxTopicLength
	if IsRetryTopic(topic) || IsDLQTopic(topic) {
		limit = MaxRetryTopicLength
	}
	if len(topic) > limit {
		return fmt.Errorf("The specified topic is longer than topic max length.") //lint:ignore ST1005 Apache's remark
	}
	return nil
}

// CheckGroup says what is wrong with a consumer group's name, nil if nothing is.
func CheckGroup(group string) error {
	switch {
	case group == "":
		return fmt.Errorf("The specified group is blank.") //lint:ignore ST1005 Apache's remark
	case len(group) > MaxGroupLength:
		return fmt.Errorf("The specified group is longer than group max length.") //lint:ignore ST1005 Apache's remark
	case !legal([]byte(group)):
		return fmt.Errorf("The specified group contains illegal characters, allowing only ^[%%|a-zA-Z0-9_-]+$") //lint:ignore ST1005 Apache's remark
	}
	return nil
}

func legal(name []byte) bool {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '%', c == '|':
		default:
			return false
		}
	}
	return true
}

// IsSystemGroup reports whether a consumer group is one of the system's own,
// which exist without being created (RocketMQ: MixAll.isSysConsumerGroup).
func IsSystemGroup(group string) bool {
	return strings.HasPrefix(group, "CID_RMQ_SYS_") || group == "TOOLS_CONSUMER"
}
