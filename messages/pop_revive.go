package messages

import (
	"fmt"
	"slices"
)

// Names of POP consumption's revive log: the topic that says which messages were
// handed out and which of them were acknowledged
// (RocketMQ: PopAckConstants; KeyBuilder for the queue).
const (
	GroupRevive   = "CID_RMQ_SYS_REVIVE_GROUP" // its offsets say how far the log was worked off
	TagCheckpoint = "ck"
	TagPopAck     = "ack"
	TagPopAcks    = "bAck"
	// ReviveQueueOrderly stands for a queue of the revive log in the handles of
	// messages that were popped in order: they have no checkpoint.
	ReviveQueueOrderly = 999
)

// MaxPopped is how many messages one pop may hand out, hence a checkpoint's
// messages and the bits of PopCheckpoint.Acked.
const MaxPopped = 32

// ReviveTopic returns the name of a cluster's revive log.
func ReviveTopic(cluster string) string { return TopicReviveLogPrefix + cluster }

// PopCheckpoint records that the messages of one pop were handed out. It is the
// body of a message with TagCheckpoint (RocketMQ: PopCheckPoint):
//
//	bm  bits of the messages that were acknowledged, by their index
//	bn  broker's name
//	c   consumer group
//	d   offsets of the messages from so; without it they are so, so+1, …
//	it  invisible time, in milliseconds
//	n   number of messages
//	pt  time of the pop, in milliseconds since 1970
//	q   queue
//	reviveTime  pt+it; written, never read
//	ro  offset in the revive log
//	rp  how often the checkpoint was written again
//	so  offset in the queue that d counts from
//	sp  true if a redelivery does not count as a consumption
//	t   topic
type PopCheckpoint struct {
	Acked        int32
	Broker       string
	Group        string
	Diffs        []int32 // not negative, ascending
	Invisible    int64
	Count        int32 // 0 to 32
	PopTime      int64
	QueueID      int32
	ReviveOffset int64
	Rewrites     string // a number, or empty for none
	StartOffset  int64
	Suspended    bool
	Topic        string
}

// checkpointBody has the members in the order in which fastjson writes them.
type checkpointBody struct {
	Acked        int32   `json:"bm"`
	Broker       string  `json:"bn,omitempty"`
	Group        string  `json:"c,omitempty"`
	Diffs        []int32 `json:"d,omitempty"`
	Invisible    int64   `json:"it"`
	Count        int32   `json:"n"`
	PopTime      int64   `json:"pt"`
	QueueID      int32   `json:"q"`
	ReviveTime   int64   `json:"reviveTime"`
	ReviveOffset int64   `json:"ro"`
	Rewrites     string  `json:"rp,omitempty"`
	StartOffset  int64   `json:"so"`
	Suspended    bool    `json:"sp"`
	Topic        string  `json:"t,omitempty"`
}

// ReviveTime is when the messages become visible again, in milliseconds since 1970.
func (c *PopCheckpoint) ReviveTime() int64 { return c.PopTime + c.Invisible }

// Index returns the index of the message at a queue offset, or -1 if the checkpoint
// does not hold it.
func (c *PopCheckpoint) Index(offset int64) int {
	if offset < c.StartOffset {
		return -1
	}
	distance := offset - c.StartOffset
	if len(c.Diffs) > 0 {
		return slices.IndexFunc(c.Diffs, func(d int32) bool { return int64(d) == distance })
	}
	if distance < int64(c.Count) {
		return int(distance)
	}
	return -1
}

// Offset returns the queue offset of the message at index i, which is below Count.
func (c *PopCheckpoint) Offset(i int) int64 {
	if len(c.Diffs) > 0 {
		return c.StartOffset + int64(c.Diffs[i])
	}
	return c.StartOffset + int64(i)
}

// Body returns the checkpoint as Apache's broker writes it.
func (c *PopCheckpoint) Body() ([]byte, error) {
	return encode(checkpointBody{
		Acked: c.Acked, Broker: c.Broker, Group: c.Group, Diffs: c.Diffs, Invisible: c.Invisible, Count: c.Count,
		PopTime: c.PopTime, QueueID: c.QueueID, ReviveTime: c.ReviveTime(), ReviveOffset: c.ReviveOffset,
		Rewrites: c.Rewrites, StartOffset: c.StartOffset, Suspended: c.Suspended, Topic: c.Topic,
	})
}

// ParsePopCheckpoint decodes the body of a checkpoint. It fails for one that no pop
// can have written: Index and Offset hold for every other.
func ParsePopCheckpoint(b []byte) (*PopCheckpoint, error) {
	v, err := decode[checkpointBody](b, "checkpoint")
	if err != nil {
		return nil, err
	}
	descends := !slices.IsSorted(v.Diffs) || len(v.Diffs) > 0 && v.Diffs[0] < 0
	misses := len(v.Diffs) > 0 && len(v.Diffs) != int(v.Count)
	if v.Count < 0 || v.Count > MaxPopped || v.StartOffset < 0 || descends || misses {
		return nil, fmt.Errorf("messages: checkpoint: %d messages from %d at %v", v.Count, v.StartOffset, v.Diffs)
	}
	return &PopCheckpoint{
		Acked: v.Acked, Broker: v.Broker, Group: v.Group, Diffs: v.Diffs, Invisible: v.Invisible, Count: v.Count,
		PopTime: v.PopTime, QueueID: v.QueueID, ReviveOffset: v.ReviveOffset,
		Rewrites: v.Rewrites, StartOffset: v.StartOffset, Suspended: v.Suspended, Topic: v.Topic,
	}, nil
}

// PopAck says that one message of a checkpoint was acknowledged, or with Offsets
// several. It is the body of a message with TagPopAck or TagPopAcks
// (RocketMQ: AckMsg, BatchAckMsg). Its members are in the order in which fastjson
// writes them.
type PopAck struct {
	Offset      int64   `json:"ao"` // 0 if there are Offsets
	Offsets     []int64 `json:"aol,omitempty"`
	Broker      string  `json:"bn,omitempty"`
	Group       string  `json:"c,omitempty"`
	PopTime     int64   `json:"pt"` // of the checkpoint, as are the following
	QueueID     int32   `json:"q"`
	StartOffset int64   `json:"so"`
	Topic       string  `json:"t,omitempty"`
}

// Body returns the acknowledgement as Apache's broker writes it.
func (a *PopAck) Body() ([]byte, error) { return encode(a) }

// ParsePopAck decodes the body of an acknowledgement.
func ParsePopAck(b []byte) (*PopAck, error) { return decode[PopAck](b, "acknowledgement") }
