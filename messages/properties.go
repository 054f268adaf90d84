package messages

import (
	"bytes"
	"strconv"
)

// The separators of a property string: name 0x01 value 0x02, repeated. The last
// 0x02 may be missing. There is no escaping (RocketMQ: MessageDecoder).
const (
	NameValueSeparator = 1
	PropertySeparator  = 2
)

// MaxPropertiesSize is the largest property string of a stored message, in
// bytes: its length field is a signed 16-bit number.
const MaxPropertiesSize = 32767

// Reserved properties (RocketMQ: MessageConst).
const (
	PropertyKeys                = "KEYS" // blank-separated index keys
	PropertyTags                = "TAGS"
	PropertyWait                = "WAIT" // "false": the send waits for no flush and no replica
	PropertyDelay               = "DELAY"
	PropertyRetryTopic          = "RETRY_TOPIC" // where a retried message first came from
	PropertyRealTopic           = "REAL_TOPIC"  // where a parked message goes
	PropertyRealQueueID         = "REAL_QID"
	PropertyTransactionPrepared = "TRAN_MSG"
	PropertyProducerGroup       = "PGROUP"
	PropertyOriginMessageID     = "ORIGIN_MESSAGE_ID"
	PropertyReconsumeTime       = "RECONSUME_TIME"
	PropertyMaxReconsumeTimes   = "MAX_RECONSUME_TIMES"
	PropertyMsgRegion           = "MSG_REGION"
	PropertyTraceSwitch         = "TRACE_ON"
	PropertyCluster             = "CLUSTER"
	PropertyUniqKey             = "UNIQ_KEY" // the producer's message id
	PropertyMinOffset           = "MIN_OFFSET"
	PropertyMaxOffset           = "MAX_OFFSET"
	PropertyPopCK               = "POP_CK"
	PropertyTimerDeliverMs      = "TIMER_DELIVER_MS"
	PropertyTimerDelayMs        = "TIMER_DELAY_MS"
	PropertyTimerDelaySec       = "TIMER_DELAY_SEC"
	PropertyShardingKey         = "__SHARDINGKEY"
	PropertyCorrelationID       = "CORRELATION_ID"
	PropertyReplyToClient       = "REPLY_TO_CLIENT"
	PropertyTTL                 = "TTL"
	PropertyMessageType         = "MSG_TYPE"
	PropertyInnerNum            = "INNER_NUM"
	PropertyInnerMultiDispatch  = "INNER_MULTI_DISPATCH"
)

// EachProperty calls visit for each property of text until it returns false.
// name and value alias text. Pairs without a separator, with an empty name or
// with an empty value are skipped, as Java's decoder skips them.
func EachProperty(text []byte, visit func(name, value []byte) bool) {
	for len(text) > 0 {
		pair := text
		if end := bytes.IndexByte(text, PropertySeparator); end >= 0 {
			pair, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		if at := bytes.IndexByte(pair, NameValueSeparator); at > 0 && at+1 < len(pair) {
			if !visit(pair[:at], pair[at+1:]) {
				return
			}
		}
	}
}

// FindProperty returns the value of a property, an alias of text, or nil. When a
// name occurs twice the last one wins, as in Java's map.
func FindProperty(text []byte, name string) []byte {
	var found []byte
	for len(text) > 0 {
		pair := text
		if end := bytes.IndexByte(text, PropertySeparator); end >= 0 {
			pair, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		if len(pair) > len(name)+1 && pair[len(name)] == NameValueSeparator && string(pair[:len(name)]) == name {
			found = pair[len(name)+1:]
		}
	}
	return found
}

// AppendProperty appends one property to a property string that is empty or ends
// with its separator.
func AppendProperty(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, NameValueSeparator)
	dst = append(dst, value...)
	return append(dst, PropertySeparator)
}

// AppendPropertyInt is AppendProperty with a decimal number.
func AppendPropertyInt(dst []byte, name string, value int64) []byte {
	dst = append(dst, name...)
	dst = append(dst, NameValueSeparator)
	dst = strconv.AppendInt(dst, value, 10)
	return append(dst, PropertySeparator)
}

// RemoveProperties appends text to dst without the named properties.
func RemoveProperties(dst, text []byte, names ...string) []byte {
	EachProperty(text, func(name, value []byte) bool {
		for _, n := range names {
			if string(name) == n {
				return true
			}
		}
		dst = append(dst, name...)
		dst = append(dst, NameValueSeparator)
		dst = append(dst, value...)
		dst = append(dst, PropertySeparator)
		return true
	})
	return dst
}

// Properties returns text as a map. The strings are copies.
func Properties(text []byte) map[string]string {
	m := make(map[string]string)
	EachProperty(text, func(name, value []byte) bool {
		m[string(name)] = string(value)
		return true
	})
	return m
}
