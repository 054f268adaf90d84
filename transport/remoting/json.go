package remoting

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/actormq/actormq/messages"
)

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 32

// scanner reads a JSON header in place. Strings are unescaped where they stand:
// an escape is never shorter than what it stands for. Bytes that are no UTF-8
// pass as they are.
type scanner struct {
	b  []byte
	at int
}

// decodeJSON decodes a JSON header as leniently as Java's readers do: members in
// any order, unknown ones ignored, missing ones zero, null for absent, ext
// values of any scalar type.
func decodeJSON(b []byte, cmd *messages.Command) error {
	s := scanner{b: b}
	if s.peek() != '{' {
		return s.unexpected()
	}
	s.at++
	for first := true; ; first = false {
		key, ok, err := s.key(first)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := s.member(key, cmd); err != nil {
			return err
		}
	}
	if s.peek(); s.at != len(s.b) {
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
		return s.ext(&cmd.Ext)
	default:
		return s.skip(0)
	}
}

// ext reads the ext fields. Those that are null, and those whose values are no
// scalars, count as absent.
func (s *scanner) ext(to *messages.Ext) error {
	if s.peek() != '{' {
		return s.skip(0) // null
	}
	s.at++
	for first := true; ; first = false {
		key, ok, err := s.key(first)
		if err != nil || !ok {
			return err
		}
		value, null, err := s.scalar()
		if err != nil {
			return err
		}
		if null {
			continue
		}
		if to.Len() == maxFields {
			return errFields
		}
		to.Append(key, value)
	}
}

// key goes on in an object to the value of its next member and returns that
// member's key, or false behind the object's end.
func (s *scanner) key(first bool) (key []byte, ok bool, err error) {
	c := s.peek()
	if c == '}' {
		s.at++
		return nil, false, nil
	}
	if !first {
		if c != ',' {
			return nil, false, s.unexpected()
		}
		s.at++
		c = s.peek()
	}
	if c != '"' {
		return nil, false, s.unexpected()
	}
	if key, err = s.text(); err != nil {
		return nil, false, err
	}
	if s.peek() != ':' {
		return nil, false, s.unexpected()
	}
	s.at++
	return key, true, nil
}

// peek passes over white space and returns the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.b); s.at++ {
		if c := s.b[s.at]; c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

func (s *scanner) unexpected() error {
	if s.at >= len(s.b) {
		return malformed("a JSON header that is cut off")
	}
	return malformed("the byte %q at %d of a JSON header", s.b[s.at], s.at)
}

// text reads the string that begins at s.at and returns it unescaped, in place.
func (s *scanner) text() ([]byte, error) {
	start := s.at + 1
	to := special(s.b, start)
	s.at = to
	// What is behind an escape moves down to to, which never passes s.at.
	for s.at < len(s.b) {
		if s.b[s.at] == '"' {
			s.at++
			return s.b[start:to:to], nil
		}
		s.at++
		r, err := s.escape()
		if err != nil {
			return nil, err
		}
		if r < utf8.RuneSelf {
			s.b[to] = byte(r)
			to++
		} else {
			to += utf8.EncodeRune(s.b[to:s.at], r)
		}
		end := special(s.b, s.at)
		to += copy(s.b[to:], s.b[s.at:end])
		s.at = end
	}
	return nil, s.unexpected()
}

// Every byte of a word is one, or has its highest bit set only.
const (
	ones  = 0x0101010101010101
	highs = ones << 7
)

// special returns the index of the first quote or backslash at or behind i,
// len(b) if there is none. It looks at eight bytes at a time: subtracting one
// from each sets the high bit of those that were zero, and the lowest such bit
// is not a borrow's.
func special(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := word^ones*'"', word^ones*'\\'
		if found := ((quote-ones)&^quote | (backslash-ones)&^backslash) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '"' || b[i] == '\\' {
			return i
		}
	}
	return len(b)
}

// escape reads what follows a backslash. \x and the octal digits are fastjson's.
func (s *scanner) escape() (rune, error) {
	if s.at >= len(s.b) {
		return 0, s.unexpected()
	}
	c := s.b[s.at]
	s.at++
	switch c {
	case 'u':
		return s.unicode()
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
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return rune(c - '0'), nil
	case 'x':
		return s.hex(2)
	}
	s.at--
	return 0, s.unexpected()
}

// unicode reads the four digits of a \u escape, and a second escape if the first
// is half of a surrogate pair. Half a pair alone is U+FFFD.
func (s *scanner) unicode() (rune, error) {
	r, err := s.hex(4)
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.at+1 < len(s.b) && s.b[s.at] == '\\' && s.b[s.at+1] == 'u' {
		back := s.at
		s.at += 2
		low, err := s.hex(4)
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

// hex reads n hexadecimal digits.
func (s *scanner) hex(n int) (rune, error) {
	if n > len(s.b)-s.at {
		s.at = len(s.b)
		return 0, s.unexpected()
	}
	var r rune
	for _, c := range s.b[s.at : s.at+n] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
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
		return malformed("a number of %d bytes", len(text))
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
	switch s.peek() {
	case '{':
		return s.skipObject(depth)
	case '[':
		return s.skipArray(depth)
	}
	_, _, err := s.scalar()
	return err
}

func (s *scanner) skipObject(depth int) error {
	s.at++
	for first := true; ; first = false {
		if _, ok, err := s.key(first); err != nil || !ok {
			return err
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}

func (s *scanner) skipArray(depth int) error {
	s.at++
	for first := true; ; first = false {
		c := s.peek()
		if c == ']' {
			s.at++
			return nil
		}
		if !first {
			if c != ',' {
				return s.unexpected()
			}
			s.at++
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}
