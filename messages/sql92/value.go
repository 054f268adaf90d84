package sql92

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// value is what a part of an expression yields for a message. The zero value is
// NULL.
type value struct {
	kind valueKind
	bits uint64 // of a boolean (0 or 1), an integer (two's complement) or a double (IEEE 754)
	text []byte // of a string; aliases the properties or the expression
}

type valueKind uint8

// The kinds are Java's types: an integer literal within 32 bits is an Integer, a
// longer one a Long, and a string is converted to the one or the other.
const (
	kindNull valueKind = iota
	kindBool
	kindInt
	kindLong
	kindDouble
	kindText
	kindFailed // Java throws an exception
)

var failed = value{kind: kindFailed}

func boolean(b bool) value {
	if b {
		return value{kind: kindBool, bits: 1}
	}
	return value{kind: kindBool}
}

func double(f float64) value { return value{kind: kindDouble, bits: math.Float64bits(f)} }

// integer makes an Integer or a Long, whichever is the smaller that fits.
func integer(n int64) value {
	if n == int64(int32(n)) {
		return value{kind: kindInt, bits: uint64(n)}
	}
	return value{kind: kindLong, bits: uint64(n)}
}

func (v value) isTrue() bool  { return v.kind == kindBool && v.bits != 0 }
func (v value) isFalse() bool { return v.kind == kindBool && v.bits == 0 }
func (v value) isNumber() bool {
	return v.kind == kindInt || v.kind == kindLong || v.kind == kindDouble
}

func (v value) float() float64 {
	if v.kind == kindDouble {
		return math.Float64frombits(v.bits)
	}
	return float64(int64(v.bits))
}

// negated is -v for numbers and NULL for anything else.
func (v value) negated() value {
	switch v.kind {
	case kindInt, kindLong:
		v.bits = -v.bits
		return v
	case kindDouble:
		return double(-v.float())
	case kindFailed:
		return v
	}
	return value{}
}

// convert turns a string into a value of kind to, as Java's valueOf does.
func convert(s []byte, to valueKind) value {
	switch to {
	case kindBool:
		return boolean(bytes.EqualFold(s, trueText))
	case kindInt, kindLong:
		bits := 32
		if to == kindLong {
			bits = 64
		}
		if n, ok := parseInteger(s, bits); ok {
			return value{kind: to, bits: uint64(n)}
		}
	case kindDouble:
		if f, ok := parseDouble(s); ok {
			return double(f)
		}
	}
	return failed
}

var trueText = []byte("true")

// parseInteger reads what Java's Integer.parseInt and Long.parseLong read: a sign,
// also +, and decimal digits of any script in Unicode's first plane.
func parseInteger(s []byte, bits int) (int64, bool) {
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, false
	}
	limit := uint64(1)<<(bits-1) - 1
	if negative {
		limit++
	}
	n := uint64(0)
	for len(s) > 0 {
		digit, size := decimalDigit(s)
		if digit < 0 || n > (limit-uint64(digit))/10 {
			return 0, false
		}
		n = n*10 + uint64(digit)
		s = s[size:]
	}
	if negative {
		n = -n
	}
	return int64(n), true
}

// decimalDigit returns the digit that s begins with and its size in bytes, -1 if
// it is none.
func decimalDigit(s []byte) (digit, size int) {
	if c := s[0]; c < utf8.RuneSelf {
		if isDigit(c) {
			return int(c - '0'), 1
		}
		return -1, 1
	}
	r, size := utf8.DecodeRune(s)
	for _, scripts := range unicode.Nd.R16 {
		if rune(scripts.Lo) <= r && r <= rune(scripts.Hi) {
			return int(r-rune(scripts.Lo)) % 10, size
		}
	}
	return -1, size
}

// parseDouble reads what Java's Double.valueOf reads, which is not quite what
// ParseFloat does: blanks and control characters around it, the suffixes f and d,
// NaN and Infinity in this spelling only. What is out of range becomes infinite or
// zero.
func parseDouble(s []byte) (float64, bool) {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	unsigned := s
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		unsigned = s[1:]
	}
	switch string(unsigned) {
	case "NaN":
		return math.NaN(), true // ParseFloat wants no sign
	case "Infinity":
	default:
		n := doubleLength(unsigned)
		suffix := unsigned[n:]
		if n == 0 || len(suffix) > 1 || len(suffix) == 1 && strings.IndexByte("fFdD", suffix[0]) < 0 {
			return 0, false
		}
		s = s[:len(s)-len(suffix)]
	}
	f, _ := strconv.ParseFloat(string(s), 64) // out of range at worst
	return f, true
}

// doubleLength measures an unsigned decimal or hexadecimal number, 0 if there is
// none.
func doubleLength(s []byte) int {
	isDigitOf, marks, at := isDigit, "eE", 0
	hexadecimal := len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')
	if hexadecimal {
		isDigitOf, marks, at = isHexDigit, "pP", 2
	}
	run := func() int {
		begin := at
		for at < len(s) && isDigitOf(s[at]) {
			at++
		}
		return at - begin
	}
	mantissa := run()
	if at < len(s) && s[at] == '.' {
		at++
		mantissa += run()
	}
	if mantissa == 0 {
		return 0
	}
	end := at
	if at < len(s) && (s[at] == marks[0] || s[at] == marks[1]) {
		at++
		if at < len(s) && (s[at] == '+' || s[at] == '-') {
			at++
		}
		isDigitOf = isDigit
		if run() > 0 {
			return at
		}
		return 0
	}
	if hexadecimal {
		return 0 // needs an exponent
	}
	return end
}

func isHexDigit(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// compareNumbers orders two numbers after promotion, doubles as Double.compareTo
// does: NaN is greater than all others and equals itself, -0.0 is less than 0.0.
func compareNumbers(l, r value) int {
	if l.kind != kindDouble && r.kind != kindDouble {
		return order(int64(l.bits), int64(r.bits))
	}
	x, y := l.float(), r.float()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return order(rank(x), rank(y))
}

// rank orders doubles of which none is less than the other.
func rank(f float64) int64 {
	switch {
	case math.IsNaN(f):
		return 2
	case f == 0 && math.Signbit(f):
		return -1
	case f == 0:
		return 0
	}
	return 1
}

func order(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
