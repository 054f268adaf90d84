// Package fastjson reads what Java's fastjson writes, which is not always JSON:
// map keys that are numbers stand without quotes, {0:1}, and keys that are
// objects stand as objects, {{"topic":"T"}:7}. Both occur on the wire and in the
// store's files. It also tolerates strings in single quotes and a comma before
// the end.
package fastjson

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxDepth bounds the nesting, as a defence against hostile bodies.
const maxDepth = 64

// ErrSyntax is wrapped by every error about malformed text.
var ErrSyntax = errors.New("fastjson: malformed")

// Unmarshal is json.Unmarshal for fastjson's dialect.
func Unmarshal(b []byte, v any) error {
	standard, err := Standard(b)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(standard, v); err != nil {
		return fmt.Errorf("fastjson: %w", err)
	}
	return nil
}

// Standard returns b as standard JSON: keys without quotes get them, and an
// object that is a key becomes a string that holds its JSON text. Text that is
// standard already is returned as it is.
func Standard(b []byte) ([]byte, error) {
	if json.Valid(b) {
		return b, nil
	}
	p := parser{in: b, out: make([]byte, 0, len(b)+len(b)/8)}
	if err := p.value(0); err != nil {
		return nil, err
	}
	if p.space(); p.at != len(p.in) {
		return nil, p.fail()
	}
	return p.out, nil
}

type parser struct {
	in   []byte
	at   int
	out  []byte
	keys int // object keys under way; each nesting doubles the escapes within
}

// maxKeys bounds the nesting of object keys. Java writes one level.
const maxKeys = 2

func (p *parser) fail() error { return fmt.Errorf("%w at byte %d of %d", ErrSyntax, p.at, len(p.in)) }

func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *parser) value(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: nested too deeply", ErrSyntax)
	}
	p.space()
	switch c := p.peek(); c {
	case '{':
		return p.sequence(depth, '{', '}', p.member)
	case '[':
		return p.sequence(depth, '[', ']', p.value)
	case '"', '\'':
		return p.text(c)
	}
	return p.bare(false)
}

// sequence copies what stands between brackets, element by element.
func (p *parser) sequence(depth int, open, close byte, element func(depth int) error) error {
	p.at++
	p.out = append(p.out, open)
	for first := true; ; first = false {
		p.space()
		if p.peek() == close {
			p.at++
			p.out = append(p.out, close)
			return nil
		}
		if !first {
			if p.peek() != ',' {
				return p.fail()
			}
			p.at++
			if p.space(); p.peek() == close {
				continue
			}
			p.out = append(p.out, ',')
		}
		if err := element(depth + 1); err != nil {
			return err
		}
	}
}

func (p *parser) member(depth int) error {
	p.space()
	switch c := p.peek(); c {
	case '"', '\'':
		if err := p.text(c); err != nil {
			return err
		}
	case '{':
		if err := p.objectKey(depth); err != nil {
			return err
		}
	default:
		if err := p.bare(true); err != nil {
			return err
		}
	}
	if p.space(); p.peek() != ':' {
		return p.fail()
	}
	p.at++
	p.out = append(p.out, ':')
	return p.value(depth)
}

// objectKey turns an object that is a key into a string of its text.
func (p *parser) objectKey(depth int) error {
	if p.keys++; p.keys > maxKeys {
		return fmt.Errorf("%w: nested too deeply", ErrSyntax)
	}
	defer func() { p.keys-- }()
	start := len(p.out)
	if err := p.value(depth); err != nil {
		return err
	}
	quoted, err := json.Marshal(string(p.out[start:]))
	if err != nil {
		return err
	}
	p.out = append(p.out[:start], quoted...)
	return nil
}

// text copies a string that begins with quote.
func (p *parser) text(quote byte) error {
	p.at++
	p.out = append(p.out, '"')
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch {
		case c == quote:
			p.out = append(p.out, '"')
			return nil
		case c == '\\' && p.at < len(p.in):
			if p.in[p.at] == '\'' {
				p.out = append(p.out, '\'')
			} else {
				p.out = append(p.out, c, p.in[p.at])
			}
			p.at++
		case c == '"':
			p.out = append(p.out, '\\', '"')
		case c < ' ':
			p.out = append(p.out, fmt.Sprintf(`\u%04x`, c)...)
		default:
			p.out = append(p.out, c)
		}
	}
	return p.fail()
}

// bare copies a number, true, false, null or a key without quotes; keys get them.
func (p *parser) bare(key bool) error {
	start := p.at
	for p.at < len(p.in) && isBare(p.in[p.at]) {
		p.at++
	}
	if p.at == start {
		return p.fail()
	}
	word := p.in[start:p.at]
	if key {
		p.out = append(p.out, '"')
		p.out = append(p.out, word...)
		p.out = append(p.out, '"')
		return nil
	}
	if !json.Valid(word) {
		p.at = start
		return p.fail()
	}
	p.out = append(p.out, word...)
	return nil
}

func isBare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '+' || c == '.' || c == '_' || c == '$' || c == '%'
}
