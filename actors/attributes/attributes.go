// Package attributes is the rules of what operators may set on topics and consumer
// groups beside their fields, and how they ask for it (RocketMQ: AttributeUtil,
// AttributeParser). It holds no state.
//
//	+key=value   sets an attribute
//	-key         removes one that is set
//
// In a request line the changes are separated by commas; in a body they are a table
// whose keys carry the sign.
package attributes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Rule is what the values of one attribute may be.
type Rule struct {
	Changeable bool     // after the creation of what it belongs to
	Any        bool     // any text
	Values     []string // of an enumeration; empty for a number
	Min, Max   int64    // of a number
}

// Boolean is the values of an attribute that is true or false.
var Boolean = []string{"false", "true"}

// Rules are the attributes that there are, by name.
type Rules map[string]Rule

// Parse reads the changes "+k=v,-k" of a request. The keys of the
// result keep their sign (RocketMQ: AttributeParser).
func Parse(text string) (map[string]string, error) {
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

// Alter applies changes, whose keys begin with + or -, to the current attributes and
// returns the new ones. create says that what they belong to is being created; then any
// attribute may be set (RocketMQ: AttributeUtil.alterCurrentAttributes).
func (r Rules) Alter(create bool, current, changes map[string]string) (map[string]string, error) {
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
		if err := r.check(create, sign, key, changes[signed], current); err != nil {
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
func (r Rules) check(create bool, sign byte, key, value string, current map[string]string) error {
	_, there := current[key]
	switch {
	case create && sign != '+':
		return fmt.Errorf("only add attribute is supported while creating topic. key: %s", key)
	case sign != '+' && sign != '-':
		return fmt.Errorf("wrong format key: %s", key)
	case sign == '-' && !there:
		return fmt.Errorf("attempt to delete a nonexistent key: %s", key)
	}
	a, known := r[key]
	switch {
	case !known:
		return fmt.Errorf("unsupported key: %s", key)
	case !create && !a.Changeable:
		return fmt.Errorf("attempt to update an unchangeable attribute. key: %s", key)
	case sign == '+':
		return a.Verify(value)
	}
	return nil
}

// Verify says what is wrong with a value, nil if nothing is.
func (a Rule) Verify(value string) error {
	switch {
	case a.Any:
		return nil
	case a.Values != nil && !slices.Contains(a.Values, value):
		return fmt.Errorf("value is not in set: [%s]", strings.Join(a.Values, ", "))
	case a.Values != nil:
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("value is not a number: %q", value)
	}
	if n < a.Min || n > a.Max {
		return fmt.Errorf("value is not in range(%d, %d)", a.Min, a.Max)
	}
	return nil
}
