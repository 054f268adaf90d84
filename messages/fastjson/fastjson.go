// Package fastjson reads what Java's fastjson writes, which is not always JSON:
//
//	{0:"a"}             keys that are numbers or words stand without quotes
//	{{"topic":"T"}:7}   keys that are objects stand as objects
//	{'a':'b',}          strings may be in single quotes, a comma may be left over
//
// The first two occur on the wire and in the store's files; the last is what Java's
// readers tolerate. References to objects ("$ref") are not resolved: they stay
// objects with that one member.
//
// Standard rewrites such text as JSON, in time and space linear in its length.
// Text that is JSON already, which is most of it, is not copied.
package fastjson

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxDepth bounds the nesting of text that is not JSON. encoding/json has a bound
// of its own.
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

// Standard returns b as JSON: keys without quotes get them, and an object that is
// a key becomes a string that holds its JSON text. Text that is JSON already is
// returned as it is, otherwise the result shares no memory with b. It fails with
// a wrapped ErrSyntax.
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
	key := string(p.out[start:])
	p.out = append(p.out[:start], '"')
	for i := range len(key) {
		if key[i] == '"' || key[i] == '\\' {
			p.out = append(p.out, '\\')
		}
		p.out = append(p.out, key[i]) // never a control character, see text
	}
	p.out = append(p.out, '"')
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
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
		case c == '"':
			p.out = append(p.out, '\\', '"')
		case c < ' ':
			p.out = append(p.out, '\\', 'u', '0', '0', '0'+c>>4, "0123456789abcdef"[c&15])
		default:
			p.out = append(p.out, c)
		}
	}
	return p.fail()
}

// escape copies what follows a backslash.
func (p *parser) escape() error {
	c := p.peek()
	switch c {
	case '\'':
		p.out = append(p.out, '\'')
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.out = append(p.out, '\\', c)
	case 'u':
		if p.at+5 > len(p.in) || !isHex(p.in[p.at+1:p.at+5]) {
			return p.fail()
		}
		p.out = append(append(p.out, '\\'), p.in[p.at:p.at+5]...)
		p.at += 4
	default:
		return p.fail()
	}
	p.at++
	return nil
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
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
