package messages

import (
	"bytes"
	"strconv"
	"strings"
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
	PropertyKeys                  = "KEYS" // blank-separated index keys
	PropertyTags                  = "TAGS"
	PropertyWait                  = "WAIT"     // "false": the send waits for no flush and no replica
	PropertyUniqKey               = "UNIQ_KEY" // the producer's message id
	PropertyProducerGroup         = "PGROUP"
	PropertyShardingKey           = "__SHARDINGKEY"
	PropertyPriority              = "_SYS_MSG_PRIORITY_"
	PropertyInstanceID            = "INSTANCE_ID"
	PropertyExtendUniqInfo        = "EXTEND_UNIQ_INFO"
	PropertyBornHost              = "__BORNHOST"
	PropertyBornTimestamp         = "BORN_TIMESTAMP"
	PropertyTraceContext          = "TRACE_CONTEXT"
	PropertyRedirect              = "REDIRECT"
	PropertyCRC32                 = "__CRC32#" // ten decimal digits over the record, lowest first
	PropertyTransientPrefix       = "__RMQ.TRANSIENT."
	PropertyLiteTopic             = "__LITE_TOPIC"
	PropertyBuyerID               = "BUYER_ID"
	PropertyTransferFlag          = "TRANSFER_FLAG"
	PropertyCorrectionFlag        = "CORRECTION_FLAG"
	PropertyMQ2Flag               = "MQ2_FLAG"
	PropertyDupInfo               = "DUP_INFO"
	PropertyInnerNum              = "INNER_NUM" // messages in an inner batch
	PropertyInnerBase             = "INNER_BASE"
	PropertyInnerMultiDispatch    = "INNER_MULTI_DISPATCH"
	PropertyInnerMultiQueueOffset = "INNER_MULTI_QUEUE_OFFSET"

	// Added by the broker.
	PropertyMsgRegion   = "MSG_REGION"
	PropertyTraceSwitch = "TRACE_ON"
	PropertyCluster     = "CLUSTER"

	// Added by the consumer.
	PropertyMinOffset        = "MIN_OFFSET"
	PropertyMaxOffset        = "MAX_OFFSET"
	PropertyConsumeStartTime = "CONSUME_START_TIME"

	// Of messages that are parked in a topic of the broker, for a time or until a
	// decision.
	PropertyDelay           = "DELAY" // level, from 1
	PropertyRealTopic       = "REAL_TOPIC"
	PropertyRealQueueID     = "REAL_QID"
	PropertyTimerDeliverMs  = "TIMER_DELIVER_MS" // Unix milliseconds
	PropertyTimerDelayMs    = "TIMER_DELAY_MS"
	PropertyTimerDelaySec   = "TIMER_DELAY_SEC"
	PropertyTimerOutMs      = "TIMER_OUT_MS"
	PropertyTimerEnqueueMs  = "TIMER_ENQUEUE_MS"
	PropertyTimerDequeueMs  = "TIMER_DEQUEUE_MS"
	PropertyTimerRollTimes  = "TIMER_ROLL_TIMES"
	PropertyTimerRollLabel  = "TIMER_ROLL_LABEL"
	PropertyTimerDelUniqKey = "TIMER_DEL_UNIQKEY"
	PropertyTimerDelayLevel = "TIMER_DELAY_LEVEL"

	// Of transactions.
	PropertyTransactionPrepared            = "TRAN_MSG"
	PropertyTransactionID                  = "__transactionId__"
	PropertyTransactionOffset              = "TRANS_OFFSET"
	PropertyTransactionCheckTimes          = "TRANSACTION_CHECK_TIMES"
	PropertyTransactionPreparedQueueOffset = "TRAN_PREPARED_QUEUE_OFFSET"
	PropertyCheckImmunityTime              = "CHECK_IMMUNITY_TIME_IN_SECONDS"

	// Of retries and dead letters.
	PropertyRetryTopic         = "RETRY_TOPIC" // where a retried message first came from
	PropertyOriginGroup        = "ORIGIN_GROUP"
	PropertyOriginMessageID    = "ORIGIN_MESSAGE_ID"
	PropertyReconsumeTime      = "RECONSUME_TIME"      // of the client; becomes a field of the send
	PropertyMaxReconsumeTimes  = "MAX_RECONSUME_TIMES" // likewise
	PropertyDLQOriginTopic     = "DLQ_ORIGIN_TOPIC"
	PropertyDLQOriginMessageID = "DLQ_ORIGIN_MESSAGE_ID"

	// Of requests and their replies.
	PropertyCorrelationID = "CORRELATION_ID"
	PropertyReplyToClient = "REPLY_TO_CLIENT"
	PropertyTTL           = "TTL" // milliseconds
	PropertyMessageType   = "MSG_TYPE"
	PropertyArriveTime    = "ARRIVE_TIME"
	PropertyPushReplyTime = "PUSH_REPLY_TIME"

	// Of popped messages.
	PropertyPopCK        = "POP_CK"
	PropertyPopCKOffset  = "POP_CK_OFFSET"
	PropertyFirstPopTime = "1ST_POP_TIME"
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
	rest := string(text) // whose parts the map has
	m := make(map[string]string)
	for rest != "" {
		var pair string
		pair, rest, _ = strings.Cut(rest, string(rune(PropertySeparator)))
		if name, value, ok := strings.Cut(pair, string(rune(NameValueSeparator))); ok && name != "" && value != "" {
			m[name] = value
		}
	}
	return m
}
