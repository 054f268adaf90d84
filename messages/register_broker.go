package messages

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/actormq/actormq/messages/fastjson"
)

// RegisterBrokerBody is what a broker registers: its topics
// (RocketMQ: RegisterBrokerBody).
type RegisterBrokerBody struct {
	FilterServerList            []string    `json:"filterServerList"`
	TopicConfigSerializeWrapper *TopicTable `json:"topicConfigSerializeWrapper"`
}

// Encode returns the JSON text.
func (b *RegisterBrokerBody) Encode() ([]byte, error) { return json.Marshal(b) }

// firstRegisterBody is the first MQVersion (V3_0_11) whose registrations wrap the
// topics in a RegisterBrokerBody.
const firstRegisterBody = 37

// maxRegistration bounds a decompressed registration, in bytes: a few kilobytes
// of zlib can say gigabytes.
const maxRegistration = 64 << 20

// DecodeRegisterBroker decodes the body of a registration by a broker of that
// MQVersion. An empty body registers no topics.
func DecodeRegisterBroker(b []byte, compressed bool, version int32) (*TopicTable, error) {
	switch {
	case len(b) == 0:
		return NewTopicTable(DataVersion{}, nil), nil
	case version < firstRegisterBody:
		return decode[TopicTable](b, "registration")
	case compressed:
		t, err := decodeCompressed(b)
		if err != nil {
			return nil, fmt.Errorf("messages: compressed registration: %w", err)
		}
		return t, nil
	}
	body, err := decode[RegisterBrokerBody](b, "registration")
	if err != nil {
		return nil, err
	}
	if body.TopicConfigSerializeWrapper == nil {
		return NewTopicTable(DataVersion{}, nil), nil
	}
	return body.TopicConfigSerializeWrapper, nil
}

var errCut = errors.New("it is cut off")

// decodeCompressed decodes one zlib stream of
//
//	version length 4, version as JSON | count of topics 4 | { length 4, topic } | …
//
// where a topic is "name readQueues writeQueues perm filterType attributes",
// separated by blanks. What follows (filter servers, queue mappings) is of no use
// here.
func decodeCompressed(b []byte) (*TopicTable, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	text, err := io.ReadAll(io.LimitReader(z, maxRegistration+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRegistration {
		return nil, fmt.Errorf("it is larger than %d bytes", maxRegistration)
	}
	version, text, err := cutChunk(text)
	if err != nil {
		return nil, err
	}
	t := NewTopicTable(DataVersion{}, nil)
	if err := fastjson.Unmarshal(version, &t.DataVersion); err != nil {
		return nil, err
	}
	if len(text) < 4 {
		return nil, errCut
	}
	count := binary.BigEndian.Uint32(text)
	text = text[4:]
	for range count {
		var line []byte
		if line, text, err = cutChunk(text); err != nil {
			return nil, err
		}
		config, err := decodeTopicLine(string(line))
		if err != nil {
			return nil, err
		}
		t.TopicConfigTable[config.TopicName] = config
	}
	return t, nil
}

func cutChunk(b []byte) (chunk, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errCut
	}
	n := int64(int32(binary.BigEndian.Uint32(b)))
	if n < 0 || n > int64(len(b)-4) {
		return nil, nil, errCut
	}
	return b[4 : 4+n], b[4+n:], nil
}

// decodeTopicLine decodes a topic's text (RocketMQ: TopicConfig.decode).
func decodeTopicLine(line string) (*TopicConfig, error) {
	words := strings.SplitN(line, " ", 6)
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
	if len(words) == 6 && words[5] != "" {
		if err := fastjson.Unmarshal([]byte(words[5]), &c.Attributes); err != nil {
			return nil, fmt.Errorf("the topic %q: %w", words[0], err)
		}
	}
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	return c, nil
}

// EncodeCompressedRegistration is the compressed form of a registration, as
// brokers of version 4.9 and older may send it.
func EncodeCompressedRegistration(t *TopicTable) ([]byte, error) {
	version, err := t.DataVersion.Encode()
	if err != nil {
		return nil, err
	}
	text := appendChunk(nil, version)
	text = binary.BigEndian.AppendUint32(text, uint32(len(t.TopicConfigTable)))
	for _, name := range t.Names() {
		c := t.TopicConfigTable[name]
		attributes, err := json.Marshal(c.Attributes)
		if err != nil {
			return nil, err
		}
		text = appendChunk(text, fmt.Appendf(nil, "%s %d %d %d %s %s",
			name, c.ReadQueueNums, c.WriteQueueNums, c.Perm, c.TopicFilterType, attributes))
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

func appendChunk(dst, chunk []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(chunk))), chunk...)
}
