package actormq

import (
	"maps"
	"slices"
	"strconv"

	"github.com/actormq/actormq/messages"
)

// sendBack sends a message, which was delivered attempts times before, to the group's
// retry topic, where brokers find out that it belongs to the dead letters
// (RocketMQ: AbstractSendMessageProcessor.handleRetryAndDLQ).
func (m *membership) sendBack(r *Received, attempts, level int) error {
	p := &Producer{client: m.client, o: ProducerOptions{Group: m.o.group}, counters: &counters{}}
	p.o.setDefaults()
	topic := messages.RetryTopic(m.group)
	s := &sending{
		code: messages.CodeSendMessageV2, group: m.group, topic: topic, shown: m.client.unwrap(topic), count: 1,
		ids: r.ID, flag: r.Flag, body: r.Body, unit: m.client.unit,
		reconsumed: attempts + 1, maxReconsumed: max(m.o.retries, 0),
	}
	switch {
	case level < 0:
		s.reconsumed = s.maxReconsumed + 1
	case level == 0:
		level = firstRetryLevel + attempts
	}
	s.properties = m.backProperties(r, level)
	p.compress(s)
	_, err := p.deliver(m.ctx, s)
	return err
}

// firstRetryLevel is the delay level of a message that comes again for the first time.
const firstRetryLevel = 3

// backProperties are those of a message that is sent back: its own, with what a broker
// sets when it puts one into the retry topic.
func (m *membership) backProperties(r *Received, level int) []byte {
	all := maps.Clone(r.Properties)
	if all == nil {
		all = make(map[string]string)
	}
	for _, name := range []string{messages.PropertyTransactionPrepared, messages.PropertyDelay, messages.PropertyReconsumeTime, messages.PropertyMaxReconsumeTimes} {
		delete(all, name)
	}
	all[messages.PropertyRetryTopic] = m.client.wrap(r.Topic)
	if all[messages.PropertyOriginMessageID] == "" {
		all[messages.PropertyOriginMessageID] = r.ID
	}
	if level > 0 {
		all[messages.PropertyDelay] = strconv.Itoa(level)
	}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text = messages.AppendProperty(text, name, all[name])
	}
	return text
}
