package record

import (
	"fmt"

	"github.com/actormq/actormq/messages"
)

// innerBaseDigits is the width of the INNER_BASE that this broker writes.
const innerBaseDigits = 19

// AppendInner appends the properties of an inner batch, which takes n logical offsets,
// to a property string, which nothing may follow: the base is left for PlaceInner
// (RocketMQ: CommitLog.setBatchSizeIfNeeded reads them).
func AppendInner(properties []byte, n int) []byte {
	properties = messages.AppendPropertyInt(properties, messages.PropertyInnerNum, int64(n))
	return messages.AppendProperty(properties, messages.PropertyInnerBase, "0000000000000000000")
}

// PlaceInner writes the first logical offset into an encoded record whose properties
// end with what AppendInner appended.
func PlaceInner(rec []byte, base int64) {
	end := len(rec) - 1 // the separator
	for i := range innerBaseDigits {
		rec[end-1-i] = byte('0' + base%10)
		base /= 10
	}
}

// EachMessage calls f with a record of size bytes or, if it is an inner batch, with
// each of its messages as a record of its own, until f fails. The records are valid
// during the call only (RocketMQ: MessageDecoder.decodeMessage).
func (r *Record) EachMessage(size int, f func(r *Record, size int) error) error {
	const inner = messages.SysFlagInnerBatch | messages.SysFlagNeedUnwrap
	if r.SysFlag&inner != inner {
		return f(r, size)
	}
	one := *r
	one.SysFlag &^= inner | messages.SysFlagCompressed
	for rest := r.Body; len(rest) > 0; one.QueueOffset++ {
		m, next, err := messages.NextBatchRecord(rest)
		if err != nil {
			return fmt.Errorf("record: offset %d, in a batch: %w", one.QueueOffset, err)
		}
		one.Flag, one.Body, one.Properties = m.Flag, m.Body, m.Properties
		if err := f(&one, len(rest)-len(next)); err != nil {
			return err
		}
		rest = next
	}
	return nil
}
