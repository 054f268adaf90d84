package messages

import (
	"bytes"
	"fmt"
	"strings"
)

// System topics (RocketMQ: TopicValidator, MixAll).
const (
	TopicDefault            = "TBW102" // the template of topics that are created by use
	TopicSchedule           = "SCHEDULE_TOPIC_XXXX"
	TopicBenchmark          = "BenchmarkTest"
	TopicTransHalf          = "RMQ_SYS_TRANS_HALF_TOPIC"
	TopicTransOpHalf        = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	TopicTransCheckMax      = "TRANS_CHECK_MAX_TIME_TOPIC"
	TopicRocksDBTransHalf   = "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC"
	TopicRocksDBTransOpHalf = "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC"
	TopicRocksDBOffset      = "CHECKPOINT_TOPIC"
	TopicSelfTest           = "SELF_TEST_TOPIC"
	TopicOffsetMoved        = "OFFSET_MOVED_EVENT"
	TopicTrace              = "RMQ_SYS_TRACE_TOPIC"
	TopicReviveLogPrefix    = "rmq_sys_REVIVE_LOG_"         // followed by the cluster
	TopicSyncMemberPrefix   = "rmq_sys_SYNC_BROKER_MEMBER_" // followed by the broker
	TopicTimer              = "rmq_sys_wheel_timer"
	SystemTopicPrefix       = "rmq_sys_"
	ReplyTopicPostfix       = "REPLY_TOPIC"

	retryPrefix = "%RETRY%"
	dlqPrefix   = "%DLQ%"
)

// Limits of names, in characters (RocketMQ: TopicValidator).
const (
	MaxTopicLength      = 127
	MaxRetryTopicLength = 255 // of retry and dead-letter topics
	MaxGroupLength      = 120
)

// forbiddenTopics must not be sent to by clients
// (RocketMQ: TopicValidator.isNotAllowedSendTopic).
var forbiddenTopics = map[string]bool{
	TopicSchedule: true, TopicTransHalf: true, TopicTransOpHalf: true,
	TopicRocksDBTransHalf: true, TopicRocksDBTransOpHalf: true,
	TopicTransCheckMax: true, TopicSelfTest: true, TopicOffsetMoved: true,
}

var systemTopics = map[string]bool{
	TopicDefault: true, TopicSchedule: true, TopicBenchmark: true, TopicTransHalf: true, TopicTrace: true,
	TopicTransOpHalf: true, TopicTransCheckMax: true, TopicSelfTest: true, TopicOffsetMoved: true,
	TopicRocksDBTransHalf: true, TopicRocksDBTransOpHalf: true, TopicRocksDBOffset: true,
}

// IsSystemTopic reports whether a topic belongs to the broker: it cannot be
// created or deleted by an operator. The topics that are named after the cluster
// and the broker are not known here.
func IsSystemTopic(topic string) bool {
	return systemTopics[topic] || strings.HasPrefix(topic, SystemTopicPrefix)
}

// IsForbiddenTopic reports whether clients may not send to topic.
func IsForbiddenTopic(topic []byte) bool { return forbiddenTopics[string(topic)] }

// ReplyTopic returns the name of a cluster's topic for replies to requests.
func ReplyTopic(cluster string) string { return cluster + "_" + ReplyTopicPostfix }

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

// NameError says what is wrong with a topic's or group's name. Its text is the
// remark of Apache's broker (RocketMQ: TopicValidator).
type NameError struct{ Remark string }

func (e *NameError) Error() string { return e.Remark }

// CheckTopic fails with a *NameError unless topic is a legal name.
func CheckTopic(topic string) error { return CheckTopicBytes([]byte(topic)) }

// CheckTopicBytes is CheckTopic on bytes; it does not allocate for a legal name.
func CheckTopicBytes(topic []byte) error {
	switch {
	case isBlank(topic):
		return &NameError{"The specified topic is blank."}
	case !isLegal(topic):
		return &NameError{fmt.Sprintf("The specified topic: %s, contains illegal characters, allowing only %s", topic, legalNames)}
	case IsRetryTopic(topic) || IsDLQTopic(topic):
		if len(topic) > MaxRetryTopicLength {
			return &NameError{fmt.Sprintf("The specified topic is DLQ or Retry topic: %s, and it's longer than topic max length: %d",
				topic, MaxRetryTopicLength)}
		}
	case len(topic) > MaxTopicLength:
		return &NameError{fmt.Sprintf("The specified topic: %s, is longer than topic max length: %d", topic, MaxTopicLength)}
	}
	return nil
}

// CheckGroup fails with a *NameError unless group is a legal name.
func CheckGroup(group string) error {
	switch {
	case isBlank([]byte(group)):
		return &NameError{"The specified group is blank."}
	case !isLegal([]byte(group)):
		return &NameError{fmt.Sprintf("The specified group: %s, contains illegal characters, allowing only %s", group, legalNames)}
	case len(group) > MaxGroupLength:
		return &NameError{fmt.Sprintf("The specified group: %s, is longer than group max length: %d", group, MaxGroupLength)}
	}
	return nil
}

// legalNames is how remarks describe what isLegal accepts.
const legalNames = "^[%|a-zA-Z0-9_-]+$"

// isBlank reports whether a name is empty or white space.
func isBlank(name []byte) bool { return len(bytes.TrimSpace(name)) == 0 }

func isLegal(name []byte) bool {
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
