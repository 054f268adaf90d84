package messages

import (
	"encoding/binary"
	"errors"
)

// BatchRecord is one message of a batch body. Its slices alias the body.
type BatchRecord struct {
	Flag       int32
	Body       []byte
	Properties []byte
}

// ErrBatch says that a batch body is cut off or inconsistent.
var ErrBatch = errors.New("messages: malformed batch body")

// batchFixed is the size of the fixed part of a batch record.
const batchFixed = 4 + 4 + 4 + 4 + 4 + 2

// NextBatchRecord takes the first message off a batch body, which must not be
// empty. It does not allocate. The layout of a message is, with numbers in
// big-endian order (RocketMQ: MessageDecoder.decodeMessage):
//
//	total size 4 | magic 4 (unused) | body CRC 4 (unused) | flag 4 |
//	body length 4 | body | properties length 2 | properties
//
// Topic, queue and times are those of the request.
func NextBatchRecord(b []byte) (r BatchRecord, rest []byte, err error) {
	if len(b) < batchFixed {
		return r, nil, ErrBatch
	}
	total := int64(binary.BigEndian.Uint32(b))
	body := int64(binary.BigEndian.Uint32(b[16:]))
	if total > int64(len(b)) || body > total-batchFixed {
		return r, nil, ErrBatch
	}
	properties := int64(binary.BigEndian.Uint16(b[20+body:]))
	if properties > MaxPropertiesSize || batchFixed+body+properties != total {
		return r, nil, ErrBatch
	}
	r.Flag = int32(binary.BigEndian.Uint32(b[12:]))
	r.Body = b[20 : 20+body]
	r.Properties = b[22+body : total]
	return r, b[total:], nil
}

// AppendBatchRecord appends one message to a batch body. The properties must not
// exceed MaxPropertiesSize.
func AppendBatchRecord(dst []byte, r *BatchRecord) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(batchFixed+len(r.Body)+len(r.Properties)))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Flag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Body)))
	dst = append(dst, r.Body...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Properties)))
	return append(dst, r.Properties...)
}
