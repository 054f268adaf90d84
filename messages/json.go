package messages

import (
	"bytes"
	"encoding/json"
	"fmt"

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
