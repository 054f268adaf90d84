package send

import (
	"bytes"

	"github.com/actormq/actormq/messages"
)

// properties is what a send's property string says to the broker. Slices alias
// the string.
type properties struct {
	uniqKey  []byte
	delay    int  // level; 0 none
	wait     bool // false only if the client said so
	prepared bool // a half message of a transaction
	timer    messages.Timer
	recalls  bool // it recalls a message that waits for its time
	ordered  bool // it has a sharding key
	rewrite  bool // holds a property that the broker sets itself
}

// scan reads a property string once, without allocating.
func scan(text []byte) properties {
	p := properties{wait: true}
	messages.EachProperty(text, func(name, value []byte) bool {
		switch string(name) {
		case messages.PropertyUniqKey:
			p.uniqKey = value
		case messages.PropertyDelay:
			p.delay = level(value)
		case messages.PropertyWait:
			p.wait = string(value) != "false"
		case messages.PropertyTransactionPrepared:
			p.prepared = bytes.EqualFold(value, []byte("true"))
		case messages.PropertyTimerDeliverMs, messages.PropertyTimerDelayMs, messages.PropertyTimerDelaySec, messages.PropertyTimerOutMs:
			p.timer.See(name, value)
		case messages.PropertyTimerDelUniqKey:
			p.recalls = true
		case messages.PropertyShardingKey:
			p.ordered = true
		case messages.PropertyMsgRegion, messages.PropertyTraceSwitch, messages.PropertyCluster, messages.PropertyPopCK,
			messages.PropertyInnerNum, messages.PropertyInnerBase:
			p.rewrite = true
		}
		return true
	})
	return p
}

// level parses a delay level; garbage is no delay.
func level(value []byte) int {
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// copy appends the client's property string to dst, ended by its separator and
// without the properties that the broker sets itself.
func (p *properties) copy(dst, text []byte) []byte {
	if !p.rewrite {
		dst = append(dst, text...)
		if n := len(dst); n > 0 && dst[n-1] != messages.PropertySeparator {
			dst = append(dst, messages.PropertySeparator)
		}
		return dst
	}
	messages.EachProperty(text, func(name, value []byte) bool {
		switch string(name) {
		case messages.PropertyMsgRegion, messages.PropertyTraceSwitch, messages.PropertyCluster, messages.PropertyPopCK,
			messages.PropertyInnerNum, messages.PropertyInnerBase:
		default:
			dst = append(dst, name...)
			dst = append(dst, messages.NameValueSeparator)
			dst = append(dst, value...)
			dst = append(dst, messages.PropertySeparator)
		}
		return true
	})
	return dst
}

// kind returns the type that the message counts as
// (RocketMQ: BrokerMetricsManager.getMessageType).
func (p *properties) kind() messages.MessageType {
	switch {
	case p.prepared:
		return messages.MessageTransaction
	case p.ordered:
		return messages.MessageFIFO
	case p.delay > 0 || p.timer.Asked():
		return messages.MessageDelay
	}
	return messages.MessageNormal
}
