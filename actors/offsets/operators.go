package offsets

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
)

// Query asks for the offsets of a group, of all its topics or of Topic alone; or,
// without a Group, for those that any group has of Topic, or of every topic. ReplyTo
// gets a *Found with the Token.
type Query struct {
	Group, Topic string
	ReplyTo      *actor.PID
	Token        any
}

// Found answers Query: Offsets by topic and queue if it names a group, and else Groups,
// which are Offsets by group. All of it is the asker's.
type Found struct {
	Token   any
	Offsets map[string]map[int32]int64
	Groups  map[string]map[string]map[int32]int64
	Pulled  map[string]map[int32]int64 // how far each topic@group has pulled
}

// Lookup asks for the offsets that a group has of some topics. ReplyTo gets a
// *Positions with the Token.
type Lookup struct {
	Group   string
	Topics  []string
	ReplyTo *actor.PID
	Token   any
}

// Positions answers Lookup: Offsets by queue, of each of its Topics; nil for one that the
// group has none of. All of it is the asker's.
type Positions struct {
	Token   any
	Offsets []map[int32]int64
}

func (o *offsets) lookup(m *Lookup) *Positions {
	p := &Positions{Token: m.Token, Offsets: make([]map[int32]int64, len(m.Topics))}
	for i, topic := range m.Topics {
		p.Offsets[i] = maps.Clone(o.committed[key(topic, m.Group)])
	}
	return p
}

// Adopt gives a group the offsets of a topic that another one has
// (RocketMQ: ConsumerOffsetManager.cloneOffset). Offsets are Offsets' from then on.
type Adopt struct {
	Group, Topic string
	Offsets      map[int32]int64
}

func (o *offsets) find(m *Query) *Found {
	found := &Found{
		Token: m.Token, Offsets: make(map[string]map[int32]int64), Groups: make(map[string]map[string]map[int32]int64),
		Pulled: make(map[string]map[int32]int64),
	}
	for k, queues := range o.pulled {
		topic, group, _ := strings.Cut(k, "@")
		if (m.Topic == "" || m.Topic == topic) && (m.Group == "" || m.Group == group) {
			found.Pulled[k] = maps.Clone(queues)
		}
	}
	for k, queues := range o.committed {
		topic, group, _ := strings.Cut(k, "@")
		switch {
		case m.Topic != "" && m.Topic != topic:
		case m.Group == "":
			if found.Groups[group] == nil {
				found.Groups[group] = make(map[string]map[int32]int64)
			}
			found.Groups[group][topic] = maps.Clone(queues)
		case m.Group == group:
			found.Offsets[topic] = maps.Clone(queues)
		}
	}
	return found
}

// PulledBy returns how far a group has pulled a queue, as far as is known.
func (f *Found) PulledBy(group, topic string, queueID int32) int64 {
	return f.Pulled[key(topic, group)][queueID]
}

func (o *offsets) noticePull(m *Pulled) {
	k := key(m.Topic, m.Group)
	queues := o.pulled[k]
	if queues == nil {
		queues = make(map[int32]int64)
		o.pulled[k] = queues
	}
	queues[m.QueueID] = m.From
}

// correction answers with the lowest offset that any group has of each queue of a
// topic, those in filterGroups aside, and the largest number where that is above what
// compareGroup has. Offsets of messages that are gone do not count.
//
// Apache's broker forgets the offsets of filterGroups on that occasion
// (ConsumerOffsetManager.queryMinOffsetInAllGroup); a question changes nothing here.
func (o *offsets) correction(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	topic, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	compare, err := ext.RequiredText("compareGroup")
	if err != nil {
		return nil, err
	}
	left := strings.Split(ext.Text("filterGroups"), ",")
	lowest := make(map[int32]int64)
	for k, queues := range o.committed {
		if name, group, _ := strings.Cut(k, "@"); name != topic || slices.Contains(left, group) {
			continue
		}
		for id, offset := range queues {
			minOffset, _, err := o.Bounds(topic, id)
			if err != nil {
				return nil, err
			}
			if at, known := lowest[id]; offset >= minOffset && (!known || offset < at) {
				lowest[id] = offset
			}
		}
	}
	for id, offset := range o.committed[key(topic, compare)] {
		if at, known := lowest[id]; known && at > offset {
			lowest[id] = math.MaxInt64
		}
	}
	response := r.Response(messages.Success, "")
	response.Body, err = (&messages.QueryCorrectionOffsetBody{CorrectionOffsets: lowest}).Encode()
	return response, err
}
