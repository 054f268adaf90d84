package messages

import "unicode/utf8"

// TagsCode returns the hash of a tags string that ConsumeQueues hold: HashCode,
// sign-extended. No tags hash to 0.
func TagsCode(tags []byte) int64 { return int64(HashCode(tags)) }

// HashCode is Java's String.hashCode of UTF-8 text: h = 31·h + unit over UTF-16
// code units, in 32 bits. What is not UTF-8 counts as Java's decoder replaces it.
// It does not allocate.
func HashCode(text []byte) int32 {
	var h int32
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf {
			h = 31*h + int32(c)
			text = text[1:]
			continue
		}
		c, n := utf8.DecodeRune(text)
		if c == utf8.RuneError && n == 1 {
			n = malformed(text)
		}
		text = text[n:]
		if c >= 0x10000 {
			c -= 0x10000
			h = 31*h + (0xD800 + c>>10)
			c = 0xDC00 + c&0x3FF
		}
		h = 31*h + c
	}
	return h
}

// malformed returns how many bytes, at least one, Java's decoder replaces by one
// U+FFFD at the start of text, where no character is: the longest beginning of
// one, or a whole encoded surrogate.
func malformed(text []byte) int {
	lead, low, high, size := text[0], byte(0x80), byte(0xBF), 0
	switch {
	case 0xC2 <= lead && lead <= 0xDF:
		size = 2
	case lead == 0xE0:
		size, low = 3, 0xA0
	case 0xE1 <= lead && lead <= 0xEF:
		size = 3
	case lead == 0xF0:
		size, low = 4, 0x90
	case 0xF1 <= lead && lead <= 0xF3:
		size = 4
	case lead == 0xF4:
		size, high = 4, 0x8F
	}
	n := 1
	for n < size && n < len(text) && low <= text[n] && text[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}
