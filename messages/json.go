package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/actormq/actormq/messages/fastjson"
)

// encode returns v as compact JSON with its map keys sorted and quoted. Unlike
// json.Marshal it leaves <, > and & as they are, as Java does.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("messages: %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// decode decodes a body in fastjson's dialect; what names it in errors.
func decode[T any](b []byte, what string) (*T, error) {
	v := new(T)
	if err := fastjson.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("messages: %s: %w", what, err)
	}
	return v, nil
}

// Number is a JSON number that may stand in quotes, as the Go client writes it.
type Number int64

// UnmarshalJSON accepts 7, "7", "" and null; the last two change nothing.
func (n *Number) UnmarshalJSON(b []byte) error {
	text := bytes.Trim(b, `"`)
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	v, ok := parseInt(text)
	if !ok {
		return fmt.Errorf("messages: %s is not a whole number of 64 bits", b)
	}
	*n = Number(v)
	return nil
}

// enumName returns the name of an enumeration's value. Clients write the name or,
// the C++ client, the ordinal in Java, which names is in the order of. What is
// unknown is "" and fails nothing: Java decodes it to null.
func enumName(raw json.RawMessage, names []string) string {
	var name string
	if json.Unmarshal(raw, &name) == nil && slices.Contains(names, name) {
		return name
	}
	if n, ok := parseInt(bytes.Trim(raw, `"`)); ok && n >= 0 && n < int64(len(names)) {
		return names[n]
	}
	return ""
}

// list returns s, or a list that is written as [] where s is nil: Java readers
// take null for no list at all.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// table is list for maps.
func table[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

// Double is a number that is written with a fraction, as Java writes its doubles.
// What is not finite is written as 0.
type Double float64

// MarshalJSON implements json.Marshaler.
func (d Double) MarshalJSON() ([]byte, error) { return appendDouble(nil, float64(d)), nil }

func appendDouble(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if !bytes.Contains(dst[start:], []byte{'.'}) {
		dst = append(dst, '.', '0')
	}
	return dst
}

// SortedKeys returns the keys of a table in order: what is sent must not depend
// on the order of a map.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
