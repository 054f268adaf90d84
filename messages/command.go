package messages

import (
	"bytes"
	"fmt"
	"strconv"
)

// Language is the code of the implementation language in a remoting header
// (RocketMQ: LanguageCode). It is shown in connection lists and drives nothing.
type Language uint8

// The languages whose clients are in use.
const (
	Java   Language = 0
	CPP    Language = 1
	DotNet Language = 2
	Python Language = 3
	Other  Language = 7
	HTTP   Language = 8
	Go     Language = 9
	PHP    Language = 10
	OMS    Language = 11
	Rust   Language = 12
	NodeJS Language = 13
)

// HeaderEncoding is the encoding of a command's header, chosen per frame. An
// answer mirrors the encoding of its request.
type HeaderEncoding uint8

// The two header encodings (RocketMQ: SerializeType).
const (
	JSONHeader   HeaderEncoding = 0
	BinaryHeader HeaderEncoding = 1
)

// Bits of Command.Flag. All others are zero.
const (
	FlagResponse int32 = 1 << 0
	FlagOneway   int32 = 1 << 1
)

// ProtocolVersion is the MQVersion ordinal that this implementation announces:
// that of RocketMQ 5.5.0. Java clients refuse to filter by SQL92 at a broker
// below 232, and the Go client holds it in 16 bits.
const ProtocolVersion int32 = 513

// Command is one remoting frame: a request or a response
// (RocketMQ: RemotingCommand).
//
// A decoded Command aliases the bytes that it was decoded from: Ext and Body
// are valid until the buffer is released. Clone what must live longer.
type Command struct {
	Code     int32
	Language Language
	Encoding HeaderEncoding
	Version  int32
	Opaque   int32 // chosen by the requester, repeated in the response
	Flag     int32
	Remark   string
	Ext      Ext
	Body     []byte // nil or empty: the frame has no body
}

// IsResponse reports whether the frame answers a request.
func (c *Command) IsResponse() bool { return c.Flag&FlagResponse != 0 }

// IsOneway reports whether the sender expects no response.
func (c *Command) IsOneway() bool { return c.Flag&FlagOneway != 0 }

// Reset clears c for reuse and keeps the capacity of its ext fields.
func (c *Command) Reset() {
	ext := c.Ext.fields[:0]
	*c = Command{}
	c.Ext.fields = ext
}

// Clone returns a deep copy that shares no memory with c.
func (c *Command) Clone() *Command {
	clone := *c
	clone.Body = bytes.Clone(c.Body)
	clone.Ext = c.Ext.clone()
	return &clone
}

// Respond returns a response to request c with the given code and remark, in
// c's header encoding. It copies what it takes from c.
func (c *Command) Respond(code ResponseCode, remark string) *Command {
	return &Command{
		Code:     int32(code),
		Language: Java,
		Encoding: c.Encoding,
		Version:  ProtocolVersion,
		Opaque:   c.Opaque,
		Flag:     FlagResponse,
		Remark:   remark,
	}
}

// Field is one ext field of a header. On the wire every value is a string.
type Field struct{ Key, Value []byte }

// Ext holds the ext fields of a header, in the order of the frame. Absent and
// empty differ. The zero Ext is empty and ready to use.
type Ext struct{ fields []Field }

// Fields returns the fields in frame order. The slice belongs to e.
func (e *Ext) Fields() []Field { return e.fields }

// Len returns the number of fields.
func (e *Ext) Len() int { return len(e.fields) }

// Append adds a field without copying key or value, which must stay unchanged
// for as long as e is used. It is meant for decoders.
func (e *Ext) Append(key, value []byte) { e.fields = append(e.fields, Field{key, value}) }

// Set adds key=value, or replaces the value of an existing key.
func (e *Ext) Set(key, value string) {
	text := make([]byte, 0, len(key)+len(value))
	e.set(append(append(text, key...), value...), len(key))
}

// maxDecimal is the length of the longest 64-bit number.
const maxDecimal = 20

// SetInt is Set with a decimal number.
func (e *Ext) SetInt(key string, value int64) {
	text := make([]byte, 0, len(key)+maxDecimal)
	e.set(strconv.AppendInt(append(text, key...), value, 10), len(key))
}

// fieldsAtFirst is how many fields the first Set makes room for: as many as the
// answer to a pull has, with some to spare.
const fieldsAtFirst = 8

// set is Set with key and value back to back, in memory of their own.
func (e *Ext) set(text []byte, n int) {
	key, value := text[:n:n], text[n:]
	for i := range e.fields {
		if bytes.Equal(e.fields[i].Key, key) {
			e.fields[i].Value = value
			return
		}
	}
	if e.fields == nil {
		e.fields = make([]Field, 0, fieldsAtFirst)
	}
	e.fields = append(e.fields, Field{key, value})
}

// SetBool is Set with "true" or "false".
func (e *Ext) SetBool(key string, value bool) { e.Set(key, strconv.FormatBool(value)) }

// Get returns the value of key and whether the field is present. The value
// aliases the frame. When a key occurs twice the last one wins, as in Java's map.
func (e *Ext) Get(key string) ([]byte, bool) {
	for i := len(e.fields) - 1; i >= 0; i-- {
		if string(e.fields[i].Key) == key {
			return e.fields[i].Value, true
		}
	}
	return nil, false
}

// Text returns a copy of the value of key, "" when it is absent.
func (e *Ext) Text(key string) string {
	v, _ := e.Get(key)
	return string(v)
}

// RequiredText is Text that fails with a *FieldError when key is absent.
func (e *Ext) RequiredText(key string) (string, error) {
	v, ok := e.Get(key)
	if !ok {
		return "", &FieldError{Field: key}
	}
	return string(v), nil
}

// Int64 returns the number in field key. It fails with a *FieldError when the
// field is absent or not a decimal number.
func (e *Ext) Int64(key string) (int64, error) {
	v, ok := e.Get(key)
	if !ok {
		return 0, &FieldError{Field: key}
	}
	n, ok := parseInt(v)
	if !ok {
		return 0, &FieldError{Field: key, Value: string(v), Present: true}
	}
	return n, nil
}

// Int64Or is Int64 with a default for an absent field; a malformed one is
// still an error.
func (e *Ext) Int64Or(key string, absent int64) (int64, error) {
	if _, ok := e.Get(key); !ok {
		return absent, nil
	}
	return e.Int64(key)
}

// Int32 is Int64 limited to the range of Java's int.
func (e *Ext) Int32(key string) (int32, error) {
	n, err := e.Int64(key)
	if err != nil {
		return 0, err
	}
	if int64(int32(n)) != n {
		return 0, &FieldError{Field: key, Value: strconv.FormatInt(n, 10), Present: true}
	}
	return int32(n), nil
}

// Int32Or is Int32 with a default for an absent field.
func (e *Ext) Int32Or(key string, absent int32) (int32, error) {
	if _, ok := e.Get(key); !ok {
		return absent, nil
	}
	return e.Int32(key)
}

// Bool reports whether field key is present and "true" in any case; everything
// else is false, as Java's Boolean.parseBoolean has it.
func (e *Ext) Bool(key string) bool {
	v, _ := e.Get(key)
	return len(v) == 4 && bytes.EqualFold(v, []byte("true"))
}

func (e *Ext) clone() Ext {
	if len(e.fields) == 0 {
		return Ext{}
	}
	size := 0
	for _, f := range e.fields {
		size += len(f.Key) + len(f.Value)
	}
	text := make([]byte, 0, size) // of all of them; empty values in it are not nil
	part := func(b []byte) []byte {
		at := len(text)
		text = append(text, b...)
		return text[at:len(text):len(text)]
	}
	out := make([]Field, len(e.fields))
	for i, f := range e.fields {
		out[i] = Field{part(f.Key), part(f.Value)}
	}
	return Ext{out}
}

// parseInt parses a decimal int64 without allocating.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	neg := b[0] == '-'
	if neg || b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (1<<63-d)/10 && n*10+d > 1<<63 {
			return 0, false
		}
		n = n*10 + d
	}
	if neg {
		if n > 1<<63 {
			return 0, false
		}
		return -int64(n), true
	}
	if n > 1<<63-1 {
		return 0, false
	}
	return int64(n), true
}

// FieldError says that a header lacks a required ext field or that the field's
// value cannot be parsed. It is answered with SystemError and names the field.
type FieldError struct {
	Field   string
	Value   string
	Present bool
}

func (e *FieldError) Error() string {
	if !e.Present {
		return fmt.Sprintf("the request lacks the header field %q", e.Field)
	}
	return fmt.Sprintf("the request's header field %q has the illegal value %q", e.Field, e.Value)
}
