package messages

import "unicode/utf8"

// TagsCode returns the hash of a tags string that ConsumeQueues hold: HashCode,
// sign-extended. No tags hash to 0.
func TagsCode(tags []byte) int64 { return int64(HashCode(tags)) }

// HashCode is Java's String.hashCode of UTF-8 text, h = 31·h + unit over UTF-16
// code units in 32 bits. Invalid bytes count as U+FFFD each, as Java decodes them.
func HashCode(text []byte) int32 {
	var h int32
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf {
			h = 31*h + int32(c)
			text = text[1:]
			continue
		}
		c, n := utf8.DecodeRune(text)
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
