package config

import (
	"bufio"
	_ "embed" // the lists of known keys
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

//go:embed known_broker.txt
var knownBrokerText string

//go:embed known_namesrv.txt
var knownNameServerText string

// known maps the keys of Apache's config classes to their defaults, "?" where
// those depend on the host.
type known map[string]string

func parseKnown(text string) known {
	k := make(known)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		k[key] = value
	}
	return k
}

func knownBroker() known     { return parseKnown(knownBrokerText) }
func knownNameServer() known { return parseKnown(knownNameServerText) }

// Warning is about a line that has no effect.
type Warning struct {
	File string
	Line int
	Key  string
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("%s:%d: %s: %s", w.File, w.Line, w.Key, w.Text) }

// ValueError says that a line's value cannot be what its key stands for.
type ValueError struct {
	File  string
	Line  int
	Key   string
	Value string
	Want  string
}

func (e *ValueError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s=%s is not %s", e.Key, e.Value, e.Want)
	}
	return fmt.Sprintf("%s:%d: %s=%s is not %s", e.File, e.Line, e.Key, e.Value, e.Want)
}

// load sets the fields of target, a pointer to a struct, that lines of r name.
func load(r io.Reader, file string, target any, apache func() known) ([]Warning, error) {
	entries, err := scan(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	fields := fieldsOf(target)
	var warnings []Warning
	for _, e := range entries {
		if field, ok := fields[e.key]; ok {
			if want := set(field, e.value); want != "" {
				return warnings, &ValueError{File: file, Line: e.line, Key: e.key, Value: e.value, Want: want}
			}
			continue
		}
		standard, ok := apache()[e.key]
		switch {
		case !ok:
			warnings = append(warnings, Warning{file, e.line, e.key, "unknown key"})
		case standard == "?" || standard != e.value:
			warnings = append(warnings, Warning{file, e.line, e.key, "not supported, the line has no effect"})
		}
	}
	return warnings, nil
}

// fieldsOf returns the fields of a struct by their keys.
func fieldsOf(target any) map[string]reflect.Value {
	v := reflect.ValueOf(target).Elem()
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("conf"); key != "" {
			fields[key] = v.Field(i)
		}
	}
	return fields
}

// liveKeys are the keys of Broker that operators may change while it runs.
func liveKeys() map[string]bool {
	t := reflect.TypeFor[Broker]()
	keys := make(map[string]bool)
	for i := range t.NumField() {
		if tag := t.Field(i).Tag; tag.Get("live") == "true" {
			keys[tag.Get("conf")] = true
		}
	}
	return keys
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// set parses value into field; otherwise it returns what value should have been.
func set(field reflect.Value, value string) string {
	value = strings.TrimSpace(value)
	switch field.Kind() {
	case reflect.String:
		field.SetString(value)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(value))
		if err != nil {
			return "true or false"
		}
		field.SetBool(b)
	default:
		n, err := strconv.ParseInt(value, 10, field.Type().Bits())
		if err != nil {
			return "a whole number that fits"
		}
		field.SetInt(n)
	}
	return ""
}

// outOfRange checks the fields that have a range:"min,max" of whole numbers, where
// either may be missing, or a oneof:"A B" of words.
func outOfRange(target any) (errs []error) {
	v := reflect.ValueOf(target).Elem()
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		key := tag.Get("conf")
		if limits, ok := tag.Lookup("range"); ok {
			low, high, _ := strings.Cut(limits, ",")
			if n := field.Int(); low != "" && n < bound(low) || high != "" && n > bound(high) {
				errs = append(errs, fmt.Errorf("%s=%d is not %s", key, n, between(low, high)))
			}
		}
		if words := strings.Fields(tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, field.String()) {
			errs = append(errs, fmt.Errorf("%s=%s is not one of %s", key, field.String(), strings.Join(words, ", ")))
		}
	}
	return errs
}

// bound parses a limit of a tag.
func bound(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err) // a tag of this package
	}
	return n
}

func between(low, high string) string {
	switch {
	case high == "":
		return "at least " + low
	case low == "":
		return "at most " + high
	}
	return "between " + low + " and " + high
}

// properties writes the fields of a struct as a property file, sorted by key.
func properties(source any) string {
	var lines []string
	for key, field := range fieldsOf(source) {
		lines = append(lines, fmt.Sprintf("%s=%v\n", key, field.Interface()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Entries reads a property file; of a key's lines the last one counts.
func Entries(r io.Reader) (map[string]string, error) {
	lines, err := scan(r)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]string)
	for _, e := range lines {
		entries[e.key] = e.value
	}
	return entries, nil
}

// entry is one line of a property file, its first one if it goes on.
type entry struct {
	line       int
	key, value string
}

// maxLine bounds a line, in bytes.
const maxLine = 1 << 20

// scan reads Java's property syntax: comments with # or !, key and value
// separated by =, : or blanks, a backslash at the end to go on, and escapes.
func scan(r io.Reader) ([]entry, error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	var entries []entry
	for n := 1; s.Scan(); n++ {
		text, first := strings.TrimLeft(s.Text(), " \t\f"), n
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		for goesOn(text) && s.Scan() {
			n++
			text = text[:len(text)-1] + strings.TrimLeft(s.Text(), " \t\f")
		}
		key, value := cut(strings.TrimRight(text, "\r"))
		entries = append(entries, entry{line: first, key: unescape(key), value: unescape(value)})
	}
	return entries, s.Err()
}

// goesOn reports whether a line ends with an odd number of backslashes.
func goesOn(text string) bool {
	n := 0
	for n < len(text) && text[len(text)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// cut splits a line at the first separator that is not escaped.
func cut(text string) (key, value string) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			key, value = text[:i], strings.TrimLeft(text[i:], " \t\f")
			if value != "" && (value[0] == '=' || value[0] == ':') {
				value = strings.TrimLeft(value[1:], " \t\f")
			}
			return key, value
		}
	}
	return text, ""
}

// unescape undoes the escapes of a key or value. A malformed one stands for
// itself.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			b.WriteByte(c)
			continue
		}
		i++
		switch c = text[i]; c {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, err := strconv.ParseUint(text[i+1:min(i+5, len(text))], 16, 16)
			if err != nil || i+5 > len(text) {
				b.WriteByte(c)
				continue
			}
			b.Write(utf8.AppendRune(nil, rune(r)))
			i += 4
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
