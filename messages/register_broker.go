package messages

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages/fastjson"
)

// RegisterBrokerBody is what a broker tells a name server of its topics
// (RocketMQ: RegisterBrokerBody). It has two forms: JSON, and a zlib stream that
// brokers up to 4.9 may send. Inflated, the stream is, with numbers in big-endian
// order:
//
//	length 4 | DataVersion, JSON
//	topics 4 | for each: length 4 | "name readQueues writeQueues perm filterType attributes"
//	length 4 | addresses of filter servers, JSON
//	mappings 4 | for each: length 4 | JSON about a static topic   (since V5_0_0)
type RegisterBrokerBody struct {
	FilterServerList            []string    `json:"filterServerList"`
	TopicConfigSerializeWrapper *TopicTable `json:"topicConfigSerializeWrapper"`
}

// Encode returns the JSON text.
func (r *RegisterBrokerBody) Encode() ([]byte, error) {
	topics := r.TopicConfigSerializeWrapper
	if topics == nil {
		topics = NewTopicTable(DataVersion{}, nil)
	}
	return encode(RegisterBrokerBody{list(r.FilterServerList), topics})
}

// firstRegisterBody is the first MQVersion (V3_0_11) whose registrations wrap the
// topics in a RegisterBrokerBody.
const firstRegisterBody = 37

// maxRegistration bounds an inflated registration, in bytes: a few kilobytes of
// zlib can say gigabytes. A topic takes about 100 bytes.
const maxRegistration = 64 << 20

// ErrRegistration is wrapped by the errors about a compressed registration that
// is cut off, inconsistent or too large.
var ErrRegistration = errors.New("messages: malformed registration")

// DecodeRegisterBroker decodes the body of a registration by a broker of that
// MQVersion. An empty body registers no topics. The configurations in the table
// are not nil. It fails with a wrapped ErrRegistration or fastjson.ErrSyntax.
func DecodeRegisterBroker(b []byte, compressed bool, version int32) (*TopicTable, error) {
	topics := &TopicTable{}
	var err error
	switch {
	case len(b) == 0:
	case version < firstRegisterBody:
		topics, err = decode[TopicTable](b, "registration")
	case compressed:
		topics, err = inflateRegistration(b)
	default:
		var body *RegisterBrokerBody
		if body, err = decode[RegisterBrokerBody](b, "registration"); err == nil {
			topics = cmp.Or(body.TopicConfigSerializeWrapper, topics)
		}
	}
	if err != nil {
		return nil, err
	}
	topics.dropNil()
	return topics.whole(), nil
}

func inflateRegistration(b []byte) (*TopicTable, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxRegistration+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	if len(text) > maxRegistration {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrRegistration, maxRegistration)
	}
	topics, err := decodeInflated(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegistration, err)
	}
	return topics, nil
}

// decodeInflated reads up to the end of the topics: filter servers and mappings
// are of no use here.
func decodeInflated(text []byte) (*TopicTable, error) {
	chunk, text, err := cutChunk(text)
	if err != nil {
		return nil, err
	}
	topics := NewTopicTable(DataVersion{}, nil)
	if err := fastjson.Unmarshal(chunk, &topics.DataVersion); err != nil {
		return nil, err
	}
	count, text, err := cutCount(text)
	if err != nil {
		return nil, err
	}
	for range count {
		if chunk, text, err = cutChunk(text); err != nil {
			return nil, err
		}
		config, err := parseTopicLine(string(chunk))
		if err != nil {
			return nil, err
		}
		topics.TopicConfigTable[config.TopicName] = config
	}
	return topics, nil
}

var errCut = errors.New("it is cut off")

// cutCount takes a number off b that counts what follows: it is not negative and
// not greater than the number of bytes left.
func cutCount(b []byte) (n int, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, errCut
	}
	count := binary.BigEndian.Uint32(b)
	if int64(count) > int64(len(b)-4) {
		return 0, nil, errCut
	}
	return int(count), b[4:], nil
}

func cutChunk(b []byte) (chunk, rest []byte, err error) {
	n, rest, err := cutCount(b)
	if err != nil {
		return nil, nil, err
	}
	return rest[:n], rest[n:], nil
}

func appendChunk(dst, chunk []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(chunk))), chunk...)
}

// parseTopicLine reads a topic's text (RocketMQ: TopicConfig.decode). Attributes
// that cannot be read, since a blank in them splits them, are left out.
func parseTopicLine(line string) (*TopicConfig, error) {
	words := strings.Split(line, " ")
	if len(words) < 5 {
		return nil, fmt.Errorf("the topic %q has %d fields", line, len(words))
	}
	c := NewTopicConfig(words[0], 0, 0, 0)
	for i, to := range []*int32{&c.ReadQueueNums, &c.WriteQueueNums, &c.Perm} {
		n, err := strconv.ParseInt(words[i+1], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("the topic %q: %w", line, err)
		}
		*to = int32(n)
	}
	c.TopicFilterType = words[4]
	if len(words) > 5 {
		var attributes map[string]string
		if fastjson.Unmarshal([]byte(words[5]), &attributes) == nil {
			c.Attributes = table(attributes)
		}
	}
	return c, nil
}

// EncodeCompressedRegistration returns a registration of the topics in the
// compressed form, which keeps neither their sysFlag nor their order.
func EncodeCompressedRegistration(t *TopicTable) ([]byte, error) {
	version, err := t.DataVersion.Encode()
	if err != nil {
		return nil, err
	}
	text := appendChunk(nil, version)
	text = binary.BigEndian.AppendUint32(text, uint32(len(t.TopicConfigTable)))
	for _, name := range t.Names() {
		c := t.TopicConfigTable[name]
		attributes, err := encode(table(c.Attributes))
		if err != nil {
			return nil, err
		}
		text = appendChunk(text, fmt.Appendf(nil, "%s %d %d %d %s %s",
			name, c.ReadQueueNums, c.WriteQueueNums, c.Perm, cmp.Or(c.TopicFilterType, SingleTag), attributes))
	}
	text = appendChunk(text, []byte("[]"))
	text = binary.BigEndian.AppendUint32(text, 0)
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
