package remoting

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/actormq/actormq/messages"
)

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 32

// scanner reads a JSON header in place. Strings are unescaped where they stand:
// an escape is never shorter than what it stands for.
type scanner struct {
	b  []byte
	at int
}

// decodeJSON decodes a JSON header as leniently as Java's readers do: members in
// any order, unknown ones ignored, missing ones zero, null for absent, ext
// values of any scalar type.
func decodeJSON(b []byte, cmd *messages.Command) error {
	s := scanner{b: b}
	if err := s.object(func(key []byte) error { return s.member(key, cmd) }); err != nil {
		return err
	}
	if s.space(); s.at != len(s.b) {
		return malformed("%d bytes after the JSON header", len(s.b)-s.at)
	}
	return nil
}

func (s *scanner) member(key []byte, cmd *messages.Command) error {
	switch string(key) {
	case "code":
		return s.number(&cmd.Code)
	case "opaque":
		return s.number(&cmd.Opaque)
	case "flag":
		return s.number(&cmd.Flag)
	case "version":
		return s.number(&cmd.Version)
	case "language":
		return s.language(&cmd.Language)
	case "remark":
		text, null, err := s.scalar()
		if err == nil && !null {
			cmd.Remark = string(text)
		}
		return err
	case "extFields":
		if s.space(); s.peek() != '{' {
			return s.skip(0) // null
		}
		return s.object(func(key []byte) error {
			value, null, err := s.scalar()
			if err == nil && !null {
				cmd.Ext.Append(key, value)
			}
			return err
		})
	default:
		return s.skip(0)
	}
}

func (s *scanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

func (s *scanner) take(c byte) error {
	s.space()
	if s.peek() != c {
		return s.unexpected()
	}
	s.at++
	return nil
}

func (s *scanner) unexpected() error {
	if s.at >= len(s.b) {
		return malformed("a JSON header that is cut off")
	}
	return malformed("the byte %q at %d of a JSON header", s.b[s.at], s.at)
}

// object reads an object and calls member at each value.
func (s *scanner) object(member func(key []byte) error) error {
	if err := s.take('{'); err != nil {
		return err
	}
	if s.space(); s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		s.space()
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		s.space()
		if s.peek() == '}' {
			s.at++
			return nil
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

// text reads a string and returns it unescaped, in place.
func (s *scanner) text() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.unexpected()
	}
	s.at++
	start := s.at
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case '"':
			s.at++
			return s.b[start : s.at-1 : s.at-1], nil
		case '\\':
			return s.escaped(start, s.at)
		}
		s.at++
	}
	return nil, s.unexpected()
}

// escaped goes on with a string that has an escape; what is read moves down to
// to, which never passes s.at.
func (s *scanner) escaped(start, to int) ([]byte, error) {
	for s.at < len(s.b) {
		c := s.b[s.at]
		s.at++
		switch c {
		case '"':
			return s.b[start:to:to], nil
		case '\\':
			r, err := s.escape()
			if err != nil {
				return nil, err
			}
			to += utf8.EncodeRune(s.b[to:s.at], r)
		default:
			s.b[to] = c
			to++
		}
	}
	return nil, s.unexpected()
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	c := s.peek()
	s.at++
	switch c {
	case '"', '\\', '/', '\'':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'v':
		return '\v', nil
	case 'u':
		return s.unicode()
	}
	s.at--
	return 0, s.unexpected()
}

// unicode reads the four digits of a \u escape, and a second escape if the first
// is half of a surrogate pair.
func (s *scanner) unicode() (rune, error) {
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.at+1 < len(s.b) && s.b[s.at] == '\\' && s.b[s.at+1] == 'u' {
		back := s.at
		s.at += 2
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
		s.at = back
	}
	return utf8.RuneError, nil
}

func (s *scanner) hex4() (rune, error) {
	if s.at+4 > len(s.b) {
		s.at = len(s.b)
		return 0, s.unexpected()
	}
	var r rune
	for range 4 {
		c := s.b[s.at]
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.unexpected()
		}
		s.at++
	}
	return r, nil
}

// scalar reads a string, or a number, true or false as the text that it is.
// Objects and arrays are skipped and count as null.
func (s *scanner) scalar() (text []byte, null bool, err error) {
	s.space()
	switch s.peek() {
	case '"':
		text, err = s.text()
		return text, false, err
	case '{', '[':
		return nil, true, s.skip(0)
	}
	start := s.at
	for s.at < len(s.b) && bare(s.b[s.at]) {
		s.at++
	}
	text = s.b[start:s.at:s.at]
	if len(text) == 0 {
		return nil, false, s.unexpected()
	}
	return text, string(text) == "null", nil
}

// bare reports whether c may stand in a number, true, false or null.
func bare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.'
}

// number reads a 32-bit number, which may stand in quotes.
func (s *scanner) number(to *int32) error {
	text, null, err := s.scalar()
	if err != nil || null {
		return err
	}
	n, digits := int64(0), text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 10 {
		return malformed("the number %q", text)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return malformed("the number %q", text)
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	if int64(int32(n)) != n {
		return malformed("the number %q", text)
	}
	*to = int32(n)
	return nil
}

// language reads a language by name or by number. An unknown one is OTHER: the
// language drives nothing and must not fail a request.
func (s *scanner) language(to *messages.Language) error {
	text, null, err := s.scalar()
	if err != nil || null {
		return err
	}
	*to = messages.ParseLanguage(text)
	return nil
}

// skip passes over one value.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return malformed("a JSON header that is nested too deeply")
	}
	s.space()
	switch s.peek() {
	case '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case '[':
		return s.skipArray(depth)
	case '"':
		_, err := s.text()
		return err
	}
	_, _, err := s.scalar()
	return err
}

func (s *scanner) skipArray(depth int) error {
	s.at++
	if s.space(); s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		if err := s.skip(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.peek() == ']' {
			s.at++
			return nil
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}
