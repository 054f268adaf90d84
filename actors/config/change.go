package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// FixedError says that a key cannot be changed while the broker runs.
type FixedError struct {
	Key, Value string
	// Unsupported says that the broker would not know the key's other values at all.
	Unsupported bool
}

func (e *FixedError) Error() string {
	if e.Unsupported {
		return fmt.Sprintf("%s=%s is not supported", e.Key, e.Value)
	}
	return fmt.Sprintf("%s cannot be changed while the broker runs", e.Key)
}

// ForbiddenError says that operators may not set a key over the network.
type ForbiddenError struct{ Key string }

func (e *ForbiddenError) Error() string { return "Can not update config in black list." }

// forbidden are the keys that nobody may set over the network
// (RocketMQ: AdminBrokerProcessor.initConfigBlackList).
var forbidden = []string{"brokerConfigPath", "rocketmqHome", "configBlackList"}

// Change returns c after the changes in text, which is like a broker.conf, and those
// keys and values of it that do change something. It fails, with nothing changed, with a
// *ForbiddenError, a *FixedError, a *ValueError or as Validate does. Keys that mean
// nothing to Apache's broker either are passed over.
func (c Broker) Change(text []byte) (Broker, map[string]string, error) {
	entries, err := scan(bytes.NewReader(text))
	if err != nil {
		return c, nil, err
	}
	black := append(strings.Split(c.ConfigBlackList, ";"), forbidden...)
	for _, e := range entries {
		if slices.Contains(black, e.key) {
			return c, nil, &ForbiddenError{e.key}
		}
	}
	next, changed := c, make(map[string]string)
	fields, apache, live := fieldsOf(&next), knownBroker(), liveKeys()
	for _, e := range entries {
		field, ok := fields[e.key]
		if !ok {
			if standard, known := apache[e.key]; known && standard != e.value {
				return c, nil, &FixedError{Key: e.key, Value: e.value, Unsupported: true}
			}
			continue
		}
		old := field.Interface()
		if want := set(field, e.value); want != "" {
			return c, nil, &ValueError{Key: e.key, Value: e.value, Want: want}
		}
		if field.Interface() == old {
			continue
		}
		if !live[e.key] {
			return c, nil, &FixedError{Key: e.key, Value: e.value}
		}
		changed[e.key] = strings.TrimSpace(e.value)
	}
	if err := next.Validate(); err != nil {
		return c, nil, err
	}
	return next, changed, nil
}

// Edit returns a property file after changes: lines with these keys get the new values,
// and keys without a line one at the end. All others stay as they are.
func Edit(file []byte, changes map[string]string) []byte {
	var out bytes.Buffer
	done := make(map[string]bool)
	for rest := string(file); rest != ""; {
		var line string
		line, rest = logical(rest)
		key, _ := cut(strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t\f"))
		value, ok := changes[unescape(key)]
		if !ok || key == "" || key[0] == '#' || key[0] == '!' {
			out.WriteString(line)
			if rest == "" {
				finish(&out, line)
			}
			continue
		}
		done[unescape(key)] = true
		fmt.Fprintf(&out, "%s=%s\n", key, escape(value))
	}
	for _, key := range sortedKeys(changes) {
		if !done[key] {
			fmt.Fprintf(&out, "%s=%s\n", key, escape(changes[key]))
		}
	}
	return out.Bytes()
}

// finish ends the last line of a file so that another may follow. A backslash there,
// behind which nothing goes on, stands for itself.
func finish(out *bytes.Buffer, line string) {
	text := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	begin := strings.TrimLeft(text, " \t\f")
	if comment := begin == "" || begin[0] == '#' || begin[0] == '!'; !comment && goesOn(text) {
		out.Truncate(out.Len() - len(line))
		out.WriteString(text + `\`)
		line = ""
	}
	if !strings.HasSuffix(line, "\n") {
		out.WriteByte('\n')
	}
}

// logical cuts the first line off text, with those that it goes on in and their ends. A
// comment does not go on.
func logical(text string) (line, rest string) {
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '\n')
		if i < 0 {
			return text, ""
		}
		end := from + i
		begin := strings.TrimLeft(text[:end], " \t\f")
		comment := begin == "" || begin[0] == '#' || begin[0] == '!'
		if comment || !goesOn(strings.TrimSuffix(text[from:end], "\r")) {
			return text[:end+1], text[end+1:]
		}
		from = end + 1
	}
}

// escape writes a value so that reading it gives it back.
func escape(value string) string {
	value = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(value)
	if value != "" && strings.IndexByte(" \t\f=:", value[0]) >= 0 {
		value = `\` + value
	}
	return value
}
