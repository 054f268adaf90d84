package messages

import "fmt"

// Refusal is an error that knows the response code of the protocol. Handlers
// return it where Apache's broker answers with that code; every other error is
// answered with SystemError.
type Refusal struct {
	Code   ResponseCode
	Remark string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused with code %d: %s", int32(r.Code), r.Remark)
}

// Refuse returns a *Refusal with a formatted remark.
func Refuse(code ResponseCode, format string, args ...any) error {
	return &Refusal{Code: code, Remark: fmt.Sprintf(format, args...)}
}

// ErrSlave refuses what can be changed at a master only
// (RocketMQ: AdminBrokerProcessor.validateSlave).
var ErrSlave = Refuse(SystemError, "Can't modify topic or subscription group from slave broker, please execute it from master broker.")

// faq is where Apache's brokers send whoever they refuse (RocketMQ: FAQUrl).
const faq = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."

// UnknownTopic refuses a request for a topic that does not exist.
func UnknownTopic(topic string) error {
	return Refuse(TopicNotExist, "topic[%s] not exist, apply first please! %s", topic, faq)
}

// UnknownGroup refuses a request of a consumer group that does not exist, and must not
// come to be by its use.
func UnknownGroup(group string) error {
	return Refuse(SubscriptionGroupUnknown, "subscription group [%s] does not exist, %s", group, faq)
}
