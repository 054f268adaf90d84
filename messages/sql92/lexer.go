package sql92

import (
	"fmt"
	"strings"
)

// Error says why a text is not an expression.
type Error struct {
	Offset int // in bytes, of the first one that does not fit
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("sql92: at byte %d: %s", e.Offset, e.Reason) }

// kind is that of a token. Keywords and symbols are kinds of their own.
type kind uint8

const (
	endOfText kind = iota
	name
	text
	decimal
	float
	equal
	notEqual
	greater
	greaterEqual
	less
	lessEqual
	open
	comma
	closing
	plus
	minus
	keyNot
	keyAnd
	keyOr
	keyBetween
	keyIn
	keyTrue
	keyFalse
	keyNull
	keyIs
	keyContains
	keyStartsWith
	keyEndsWith
)

var kindNames = [...]string{
	"the end", "a name", "a string", "a number", "a number", "=", "<>", ">", ">=", "<", "<=", "(", ",", ")", "+", "-",
	"NOT", "AND", "OR", "BETWEEN", "IN", "TRUE", "FALSE", "NULL", "IS", "CONTAINS", "STARTSWITH", "ENDSWITH",
}

func (k kind) String() string { return kindNames[k] }

// keyword returns the kind of a word.
func keyword(word string) kind {
	for k := keyNot; k <= keyEndsWith; k++ {
		if strings.EqualFold(word, kindNames[k]) {
			return k
		}
	}
	return name
}

// token is a word of the expression; image aliases its text.
type token struct {
	kind  kind
	at    int // offset in bytes
	image string
}

// short returns the image for an error, at most its beginning.
func (t token) short() string { return t.image[:min(len(t.image), 40)] }

// scan returns the token at or behind offset at: the longest that fits, as JavaCC
// has it. At the end of the text that is endOfText.
func scan(source string, at int) (token, error) {
	at = skipBlanks(source, at)
	rest := source[at:]
	if rest == "" {
		return token{kind: endOfText, at: at}, nil
	}
	k, n := endOfText, 0
	switch c := rest[0]; {
	case isLetter(c):
		n = nameLength(rest)
		k = keyword(rest[:n])
	case isDigit(c) || c == '.':
		k, n = number(rest)
	case c == '\'':
		k, n = text, textLength(rest)
	default:
		k, n = symbol(rest)
	}
	if n == 0 {
		return token{}, &Error{Offset: at, Reason: lexicalReason(rest)}
	}
	return token{kind: k, at: at, image: rest[:n]}, nil
}

func lexicalReason(rest string) string {
	switch {
	case rest[0] == '\'':
		return "a string without its end"
	case strings.HasPrefix(rest, "/*"):
		return "a comment without its end"
	}
	for _, c := range rest {
		return fmt.Sprintf("unexpected %q", c)
	}
	return ""
}

// skipBlanks returns the offset of what is no blank and no comment. A -- that no
// line's end follows is no comment.
func skipBlanks(source string, at int) int {
	for at < len(source) {
		rest := source[at:]
		switch {
		case strings.IndexByte(" \t\n\r\f", rest[0]) >= 0:
			at++
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexAny(rest, "\n\r")
			if end < 0 {
				return at
			}
			at += end + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return at
			}
			at += 2 + end + 2
		default:
			return at
		}
	}
	return at
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func nameLength(s string) int {
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// number measures a number; 0 means that there is none. A decimal has no leading
// zeros: 007 is three tokens.
func number(s string) (kind, int) {
	whole := digits(s)
	n := whole
	if n < len(s) && s[n] == '.' {
		fraction := digits(s[n+1:])
		if whole+fraction == 0 {
			return endOfText, 0
		}
		n += 1 + fraction
		return float, n + exponent(s[n:])
	}
	if e := exponent(s[n:]); e > 0 {
		return float, n + e
	}
	if s[0] == '0' {
		return decimal, 1
	}
	if n < len(s) && (s[n] == 'l' || s[n] == 'L') {
		n++
	}
	return decimal, n
}

// exponent measures E and its digits, 0 if some are missing.
func exponent(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	d := digits(s[n:])
	if d == 0 {
		return 0
	}
	return n + d
}

// textLength measures a string with its quotes. Two quotes in a row stand for one,
// unless no end follows them: then the first of the last two is the end, and it is
// 0 without any.
func textLength(s string) int {
	end := 0
	for n := 1; n < len(s); n++ {
		if s[n] != '\'' {
			continue
		}
		end = n + 1
		if end == len(s) || s[end] != '\'' {
			return end
		}
		n++
	}
	return end
}

// symbol measures a symbol; 0 means that there is none.
func symbol(s string) (kind, int) {
	if len(s) >= 2 {
		switch s[:2] {
		case "<>":
			return notEqual, 2
		case ">=":
			return greaterEqual, 2
		case "<=":
			return lessEqual, 2
		}
	}
	switch s[0] {
	case '=':
		return equal, 1
	case '>':
		return greater, 1
	case '<':
		return less, 1
	case '(':
		return open, 1
	case ',':
		return comma, 1
	case ')':
		return closing, 1
	case '+':
		return plus, 1
	case '-':
		return minus, 1
	}
	return endOfText, 0
}
