package commitlog

import (
	"unsafe"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
)

// Add encodes r into a and registers it for dispatch under topic, which must be
// a string of its own (not an alias of a buffer). delayMillis is the delay of a
// record for the delay topic, else 0. r.Topic is set by Add; r.Properties end
// with a separator or are empty.
func Add(a *messages.Append, r *record.Record, topic string, delayMillis int64) {
	r.Topic = bytesOf(topic)
	at := len(a.Buf)
	a.Buf = r.Append(a.Buf)
	// The keys must outlive r's own buffers: they are taken from the encoded
	// record, whose properties are its last bytes.
	properties := a.Buf[len(a.Buf)-len(r.Properties):]
	tags := messages.FindProperty(properties, messages.PropertyTags)
	a.Records = append(a.Records, messages.AppendRecord{
		At:          at,
		DelayMillis: delayMillis,
		DispatchRequest: messages.DispatchRequest{
			Topic:          topic,
			QueueID:        r.QueueID,
			Size:           int32(len(a.Buf) - at),
			TagsCode:       record.TagsCode(tags),
			SysFlag:        r.SysFlag,
			UniqKey:        messages.FindProperty(properties, messages.PropertyUniqKey),
			Keys:           messages.FindProperty(properties, messages.PropertyKeys),
			Tags:           tags,
			PreparedOffset: r.PreparedOffset,
		},
	})
}

// bytesOf views a string as bytes, without a copy; they must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
