package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/transport/remoting"
)

// The opaque of slot 0 in its first turn. Those of all slots in all turns have as
// many digits.
const (
	firstOpaque  = 1_000_000
	opaqueDigits = 7
	slotBits     = 13
	maxTurns     = 1000
)

// The time that a template is made with, in Unix milliseconds.
const (
	templateBorn = 1_700_000_000_000
	bornDigits   = 13
)

// keyDigits is the length of a message id, of which the last countDigits tell the
// messages of a run apart.
const (
	keyDigits   = 32
	countDigits = 12
)

// topicDigits end the names of many topics.
const (
	topicDigits = 5
	maxTopics   = 100_000
)

// A message's class is its property class, "class-" and a digit, for filters.
const (
	propertyClass = "class"
	classPrefix   = "class-"
	maxClasses    = 10
)

// stampSize is the size of the time stamp that a body begins with.
const stampSize = 8

// template is an encoded send request for one queue, and where to patch it.
type template struct {
	frame   []byte
	opaque  int
	binary  bool  // the opaque is a number of 4 bytes, not digits
	born    int   // of the request's time, in digits
	counts  []int // of the last digits of each message's id
	class   []int // of the digit of each message's class
	classes int
	stamps  []int // of each message's body
	topic   int   // of the digits of its topic; 0 if there is only one
}

// newTemplate encodes a request of n messages of size bytes to q. key are the
// first digits of their ids.
func newTemplate(q actormq.Queue, key string, o *Options, oneway bool) (*template, error) {
	c := &messages.Command{
		Code: int32(messages.CodeSendMessageV2), Language: messages.Go, Version: messages.ProtocolVersion, Opaque: firstOpaque,
	}
	if oneway {
		c.Flag = messages.FlagOneway
	}
	if o.Binary {
		c.Encoding = messages.BinaryHeader
	}
	key += strings.Repeat("F", countDigits)
	properties := messages.AppendProperty(nil, messages.PropertyUniqKey, key)
	properties = messages.AppendProperty(properties, messages.PropertyWait, "true")
	if !o.At.IsZero() {
		properties = messages.AppendPropertyInt(properties, messages.PropertyTimerDeliverMs, o.At.UnixMilli())
	} else if o.Delay > 0 {
		properties = messages.AppendProperty(properties, messages.PropertyTimerDelaySec, strconv.Itoa(int(o.Delay/time.Second)))
	}
	if o.Classes > 0 {
		properties = messages.AppendProperty(properties, propertyClass, classPrefix+"0")
	}
	sysFlag := "0"
	if o.Mode == Transaction {
		sysFlag = strconv.Itoa(int(messages.SysFlagPrepared))
		properties = messages.AppendProperty(properties, messages.PropertyTransactionPrepared, "true")
		properties = messages.AppendProperty(properties, messages.PropertyProducerGroup, benchGroup)
	}
	body := bytes.Repeat([]byte{'m'}, o.Size)
	copy(body, strings.Repeat("\xff", stampSize))
	if o.Mode == Batch {
		c.Code = int32(messages.CodeSendBatchMessage)
		for range o.Batch {
			c.Body = messages.AppendBatchRecord(c.Body, &messages.BatchRecord{Body: body, Properties: properties})
		}
	} else {
		c.Body = body
	}
	for _, field := range [][2]string{
		{"a", benchGroup}, {"b", q.Topic}, {"c", messages.TopicDefault}, {"d", "4"}, {"e", strconv.Itoa(q.ID)}, {"f", sysFlag},
		{"g", strconv.Itoa(templateBorn)}, {"h", "0"}, {"i", string(properties)}, {"j", "0"}, {"k", "false"},
		{"m", strconv.FormatBool(o.Mode == Batch)}, {"n", q.Broker},
	} {
		c.Ext.Set(field[0], field[1])
	}
	t := &template{frame: remoting.AppendFrame(nil, c), binary: o.Binary, classes: o.Classes}
	if o.Topics > 1 {
		t.topic = bytes.Index(t.frame, []byte(q.Topic)) + len(q.Topic) - topicDigits
	}
	return t, t.locate(key)
}

// locate finds the places to patch.
func (t *template) locate(key string) error {
	t.born = bytes.Index(t.frame, []byte(strconv.Itoa(templateBorn)))
	if t.binary {
		t.opaque = 8 + 2 + 1 + 2
	} else if at := bytes.Index(t.frame, []byte(`"opaque":`)); at >= 0 {
		t.opaque = at + len(`"opaque":`)
	}
	t.counts = places(t.frame, key, keyDigits-countDigits)
	t.stamps = places(t.frame, strings.Repeat("\xff", stampSize), 0)
	t.class = places(t.frame, classPrefix, len(classPrefix))
	if t.born < 0 || t.opaque == 0 || len(t.counts) == 0 || len(t.stamps) == 0 {
		return fmt.Errorf("bench: a template without a place for what varies")
	}
	return nil
}

// places returns where text begins in a frame, each shifted by so many bytes.
func places(frame []byte, text string, shift int) (all []int) {
	for at := 0; ; at += len(text) {
		i := bytes.Index(frame[at:], []byte(text))
		if i < 0 {
			return all
		}
		at += i
		all = append(all, at+shift)
	}
}

// request is what varies between two requests.
type request struct {
	opaque int32 // above firstOpaque
	born   int64 // Unix milliseconds
	count  uint64
	stamp  int64
	topic  int // its number among many
}

// append appends a request to dst.
func (t *template) append(dst []byte, r request) []byte {
	start := len(dst)
	dst = append(dst, t.frame...)
	frame := dst[start:]
	if t.binary {
		binary.BigEndian.PutUint32(frame[t.opaque:], uint32(firstOpaque+r.opaque))
	} else {
		putDecimal(frame[t.opaque:t.opaque+opaqueDigits], int64(firstOpaque+r.opaque))
	}
	putDecimal(frame[t.born:t.born+bornDigits], r.born)
	if t.topic > 0 {
		putDecimal(frame[t.topic:t.topic+topicDigits], int64(r.topic))
	}
	for i, at := range t.counts {
		putHex(frame[at:at+countDigits], r.count+uint64(i))
	}
	for i, at := range t.class {
		frame[at] = byte('0' + (r.count+uint64(i))%uint64(t.classes))
	}
	for _, at := range t.stamps {
		binary.BigEndian.PutUint64(frame[at:], uint64(r.stamp))
	}
	return dst
}

func putDecimal(dst []byte, n int64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

func putHex(dst []byte, n uint64) {
	const digits = "0123456789ABCDEF"
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[n&15]
		n >>= 4
	}
}
