package topics

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// attribute is what a topic attribute may be (RocketMQ: TopicAttributes).
type attribute struct {
	changeable bool     // after the topic's creation
	values     []string // of an enumeration; empty for a number
	min, max   int64    // of a number
}

// messageType is the attribute that says what a topic's messages are.
const (
	messageType = "message.type"
	mixedType   = "MIXED"
)

// attributes are those that may be set. Apache's brokers also take the queue type
// BatchCQ and the clean-up policy COMPACTION, which this one does not have: a
// refusal is better than a topic that is not what it was asked to be. Such topics
// of a store that was moved over stay, as plain ones.
var attributes = map[string]attribute{
	"queue.type":            {values: []string{"SimpleCQ"}},
	"cleanup.policy":        {values: []string{"DELETE"}},
	messageType:             {changeable: true, values: []string{"UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION", "PRIORITY", mixedType, "LITE"}},
	"reserve.time":          {changeable: true, min: -1, max: math.MaxInt64},
	"lite.topic.expiration": {changeable: true, min: -1, max: 30 * 24 * 60},
}

// parseAttributes reads the changes "+k=v,-k" of a request. The keys of the
// result keep their sign (RocketMQ: AttributeParser).
func parseAttributes(text string) (map[string]string, error) {
	changes := make(map[string]string)
	if text == "" {
		return changes, nil
	}
	for _, part := range strings.Split(text, ",") {
		key, value, sets := strings.Cut(part, "=")
		switch {
		case sets && !strings.Contains(key, "+"):
			return nil, fmt.Errorf("add/alter attribute format is wrong: %s", key)
		case !sets && !strings.Contains(key, "-"):
			return nil, fmt.Errorf("delete attribute format is wrong: %s", key)
		}
		if _, twice := changes[key]; twice {
			return nil, fmt.Errorf("key duplication: %s", key)
		}
		changes[key] = value
	}
	return changes, nil
}

// alter applies changes, whose keys begin with + or -, to the attributes of a
// topic and returns the new ones. create says that the topic is being created;
// then any attribute may be set (RocketMQ: AttributeUtil.alterCurrentAttributes).
func alter(create bool, current, changes map[string]string) (map[string]string, error) {
	result := maps.Clone(current)
	if result == nil {
		result = make(map[string]string)
	}
	changed := make(map[string]bool)
	for _, signed := range slices.Sorted(maps.Keys(changes)) {
		if len(signed) < 2 || strings.ContainsAny(signed[1:], "+-") {
			return nil, errors.New("kv string format wrong.") //lint:ignore ST1005 Apache's remark
		}
		sign, key := signed[0], signed[1:]
		if changed[key] {
			return nil, fmt.Errorf("alter duplication key. key: %s", key)
		}
		changed[key] = true
		if err := check(create, sign, key, changes[signed], current); err != nil {
			return nil, err
		}
		if sign == '+' {
			result[key] = changes[signed]
		} else {
			delete(result, key)
		}
	}
	return result, nil
}

// check says what is wrong with one change, nil if nothing is.
func check(create bool, sign byte, key, value string, current map[string]string) error {
	_, there := current[key]
	switch {
	case create && sign != '+':
		return fmt.Errorf("only add attribute is supported while creating topic. key: %s", key)
	case sign != '+' && sign != '-':
		return fmt.Errorf("wrong format key: %s", key)
	case sign == '-' && !there:
		return fmt.Errorf("attempt to delete a nonexistent key: %s", key)
	}
	a, known := attributes[key]
	switch {
	case !known:
		return fmt.Errorf("unsupported key: %s", key)
	case !create && !a.changeable:
		return fmt.Errorf("attempt to update an unchangeable attribute. key: %s", key)
	case sign == '+':
		return a.verify(value)
	}
	return nil
}

func (a attribute) verify(value string) error {
	if a.values != nil {
		if !slices.Contains(a.values, value) {
			return fmt.Errorf("value is not in set: [%s]", strings.Join(a.values, ", "))
		}
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("value is not a number: %q", value)
	}
	if n < a.min || n > a.max {
		return fmt.Errorf("value is not in range(%d, %d)", a.min, a.max)
	}
	return nil
}
