package messages

// SendHeader is the header of a send request. Byte slices alias the command.
// (RocketMQ: SendMessageRequestHeader, SendMessageRequestHeaderV2)
type SendHeader struct {
	ProducerGroup         []byte
	Topic                 []byte
	DefaultTopic          []byte // template for a topic that does not exist
	DefaultTopicQueueNums int32
	QueueID               int32 // negative: any queue
	SysFlag               int32
	BornTimestamp         int64 // Unix milliseconds, the producer's clock
	Flag                  int32 // the user's, stored as it is
	Properties            []byte
	ReconsumeTimes        int32
	MaxReconsumeTimes     int32
	HasMaxReconsumeTimes  bool
	Batch                 bool // the body is a batch, whatever the request code
}

// ParseSend parses the header of the codes 10 and 324, which have long names, and
// 310, 320 and 325, which have names of one letter. It does not allocate. It fails
// with a *FieldError, for the first field that is malformed or a required one that
// is missing. What h was before does not matter.
func ParseSend(c *Command, h *SendHeader) error {
	*h = SendHeader{}
	p := sendParser{h: h}
	for i := range c.Ext.fields {
		f := &c.Ext.fields[i]
		name := byte(0)
		if c.Code == int32(CodeSendMessage) || len(f.Key) != 1 {
			name = shortSendName(f.Key)
		} else {
			name = f.Key[0]
		}
		if err := p.field(name, f); err != nil {
			return err
		}
	}
	return p.missing()
}

// shortSendName returns the one-letter name of a long one, 0 if there is none.
func shortSendName(key []byte) byte {
	switch string(key) {
	case "producerGroup":
		return 'a'
	case "topic":
		return 'b'
	case "defaultTopic":
		return 'c'
	case "defaultTopicQueueNums":
		return 'd'
	case "queueId":
		return 'e'
	case "sysFlag":
		return 'f'
	case "bornTimestamp":
		return 'g'
	case "flag":
		return 'h'
	case "properties":
		return 'i'
	case "reconsumeTimes":
		return 'j'
	case "maxReconsumeTimes":
		return 'l'
	case "batch":
		return 'm'
	}
	return 0
}

type sendParser struct {
	h    *SendHeader
	seen [256 / 64]uint64 // bit set of one-letter names
}

func (p *sendParser) field(name byte, f *Field) error {
	h := p.h
	p.seen[name/64] |= 1 << (name % 64)
	switch name {
	case 'a':
		h.ProducerGroup = f.Value
	case 'b':
		h.Topic = f.Value
	case 'c':
		h.DefaultTopic = f.Value
	case 'd':
		return f.int32(&h.DefaultTopicQueueNums)
	case 'e':
		return f.int32(&h.QueueID)
	case 'f':
		return f.int32(&h.SysFlag)
	case 'g':
		return f.int64(&h.BornTimestamp)
	case 'h':
		return f.int32(&h.Flag)
	case 'i':
		h.Properties = f.Value
	case 'j':
		return f.int32(&h.ReconsumeTimes)
	case 'l':
		h.HasMaxReconsumeTimes = true
		return f.int32(&h.MaxReconsumeTimes)
	case 'm':
		h.Batch = isTrue(f.Value)
	}
	return nil
}

// requiredSend are the fields that every client sends, by their short names.
var requiredSend = []struct {
	short byte
	name  string
}{
	{'a', "producerGroup"}, {'b', "topic"}, {'e', "queueId"}, {'f', "sysFlag"}, {'g', "bornTimestamp"}, {'h', "flag"},
}

func (p *sendParser) missing() error {
	for _, r := range requiredSend {
		if p.seen[r.short/64]&(1<<(r.short%64)) == 0 {
			return &FieldError{Field: r.name}
		}
	}
	return nil
}

// isTrue is Java's Boolean.parseBoolean.
func isTrue(value []byte) bool {
	return len(value) == 4 && value[0]|0x20 == 't' && value[1]|0x20 == 'r' && value[2]|0x20 == 'u' && value[3]|0x20 == 'e'
}

func (f *Field) int64(to *int64) error {
	n, ok := parseInt(f.Value)
	if !ok {
		return &FieldError{Field: string(f.Key), Value: string(f.Value), Present: true}
	}
	*to = n
	return nil
}

func (f *Field) int32(to *int32) error {
	n, ok := parseInt(f.Value)
	if !ok || int64(int32(n)) != n {
		return &FieldError{Field: string(f.Key), Value: string(f.Value), Present: true}
	}
	*to = int32(n)
	return nil
}
