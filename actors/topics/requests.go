package topics

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/actormq/actormq/actors/attributes"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/fastjson"
)

func (t *topics) routes() front.Handlers {
	return front.Handlers{
		messages.CodeUpdateAndCreateTopic:         t.update,
		messages.CodeUpdateAndCreateTopicList:     t.updateList,
		messages.CodeDeleteTopicInBroker:          t.delete,
		messages.CodeGetAllTopicConfig:            t.all,
		messages.CodeGetTopicConfig:               t.one,
		messages.CodeGetSystemTopicListFromBroker: t.systemTopics,
	}
}

// Codes lists the request codes that Topics answers.
func Codes() []messages.RequestCode { return (*topics)(nil).routes().Codes() }

// acknowledge answers r once the batch is settled.
func (t *topics) acknowledge(r *front.Request) (*messages.Command, error) {
	t.owed = append(t.owed, owed{ticket: r.Ticket})
	return nil, nil
}

func (t *topics) update(r *front.Request) (*messages.Command, error) {
	if err := t.onMaster(); err != nil {
		return nil, err
	}
	config, err := parseTopic(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	changes, err := attributes.Parse(r.Command.Ext.Text("attributes"))
	if err != nil {
		return nil, err
	}
	if config, err = t.admit(config, changes); err != nil {
		return nil, err
	}
	t.apply(config)
	return t.acknowledge(r)
}

// onMaster refuses what an operator must do at the master
// (RocketMQ: AdminBrokerProcessor.validateSlave).
func (t *topics) onMaster() error {
	if t.Slave {
		return messages.ErrSlave
	}
	return nil
}

// parseTopic reads the ext fields of UPDATE_AND_CREATE_TOPIC
// (RocketMQ: CreateTopicRequestHeader).
func parseTopic(ext *messages.Ext) (*messages.TopicConfig, error) {
	config := messages.NewTopicConfig(ext.Text("topic"), 0, 0, 0)
	for _, field := range []struct {
		name string
		to   *int32
	}{
		{"readQueueNums", &config.ReadQueueNums},
		{"writeQueueNums", &config.WriteQueueNums},
		{"perm", &config.Perm},
	} {
		n, err := ext.Int32(field.name)
		if err != nil {
			return nil, err
		}
		*field.to = n
	}
	var err error
	if config.TopicSysFlag, err = ext.Int32Or("topicSysFlag", 0); err != nil {
		return nil, err
	}
	config.Order = ext.Bool("order")
	if config.TopicFilterType, err = ext.RequiredText("topicFilterType"); err != nil {
		return nil, err
	}
	switch config.TopicFilterType {
	case messages.SingleTag, messages.MultiTag:
		return config, nil
	}
	return nil, &messages.FieldError{Field: "topicFilterType", Value: config.TopicFilterType, Present: true}
}

// admit decides on an operator's topic and returns it with its attributes after
// the changes.
func (t *topics) admit(config *messages.TopicConfig, changes map[string]string) (*messages.TopicConfig, error) {
	name := config.TopicName
	if err := messages.CheckTopic(name); err != nil {
		return nil, messages.Refuse(messages.InvalidParameter, "%s", err)
	}
	if err := t.notOwn(name); err != nil {
		return nil, err
	}
	if config.ReadQueueNums < 0 || config.WriteQueueNums < 0 {
		return nil, messages.Refuse(messages.InvalidParameter, "The topic[%s] has a negative number of queues.", name)
	}
	if changes["+"+messageType] == mixedType && !t.MixedTypes() {
		return nil, messages.Refuse(messages.InvalidParameter, "MIXED message type is not supported.")
	}
	var current map[string]string
	old := t.table[name]
	if old != nil {
		current = old.Attributes
	}
	altered, err := rules.Alter(old == nil, current, changes)
	if err != nil {
		return nil, err
	}
	config.Attributes = altered
	return config, nil
}

// notOwn refuses what operators may not do to the broker's own topics.
func (t *topics) notOwn(topic string) error {
	if t.system[topic] || messages.IsSystemTopic(topic) {
		return messages.Refuse(messages.InvalidParameter, "The topic[%s] is conflict with system topic.", topic)
	}
	return nil
}

// apply puts an admitted topic unless it is the same as before.
func (t *topics) apply(config *messages.TopicConfig) {
	if old := t.table[config.TopicName]; old != nil && old.Equal(config) {
		return
	}
	t.put(config)
	t.Env.Log.Info().Str("topic", config.TopicName).Int32("readQueues", config.ReadQueueNums).
		Int32("writeQueues", config.WriteQueueNums).Int32("perm", config.Perm).Msg("an operator set a topic")
}

// updateList is update for several topics, all or none of which are set. Their
// attributes are changes, with signed keys.
func (t *topics) updateList(r *front.Request) (*messages.Command, error) {
	if err := t.onMaster(); err != nil {
		return nil, err
	}
	var body struct {
		TopicConfigList []*messages.TopicConfig `json:"topicConfigList"`
	}
	if err := fastjson.Unmarshal(r.Command.Body, &body); err != nil {
		return nil, err
	}
	for i, config := range body.TopicConfigList {
		if config == nil {
			return nil, messages.Refuse(messages.InvalidParameter, "The specified topic is blank.")
		}
		var err error
		if body.TopicConfigList[i], err = t.admit(config, config.Attributes); err != nil {
			return nil, err
		}
	}
	for _, config := range body.TopicConfigList {
		t.apply(config)
	}
	return t.acknowledge(r)
}

// delete deletes a topic and its pop retry topics, whose names end with +topic.
// Those of older brokers, which end with _topic, stay: their names do not tell
// where the group ends.
func (t *topics) delete(r *front.Request) (*messages.Command, error) {
	if err := t.onMaster(); err != nil {
		return nil, err
	}
	name := r.Command.Ext.Text("topic")
	if strings.TrimSpace(name) == "" {
		return nil, messages.Refuse(messages.InvalidParameter, "The specified topic is blank.")
	}
	if err := t.notOwn(name); err != nil {
		return nil, err
	}
	names := []string{name}
	for other := range t.table {
		if messages.IsRetryTopic([]byte(other)) && strings.HasSuffix(other, "+"+name) {
			names = append(names, other)
		}
	}
	slices.Sort(names[1:])
	for _, name := range names {
		if t.table[name] != nil {
			t.change()
			delete(t.table, name)
		}
	}
	t.deleted = append(t.deleted, names...)
	t.Env.Log.Info().Strs("topics", names).Stringer("client", r.Peer.Remote).Msg("an operator deleted topics")
	return t.acknowledge(r)
}

// pageSize bounds a page of GET_ALL_TOPIC_CONFIG (splitMetadataSize).
const pageSize = 2000

// all answers with every topic, or with a page of them in the order of their
// names. A reader whose version is not the current one starts again at the first.
func (t *topics) all(r *front.Request) (*messages.Command, error) {
	table, ext := t.View.Load(), &r.Command.Ext
	topics := table.topics
	_, pages := ext.Get("topicSeq")
	if pages {
		first, err := ext.Int32("topicSeq")
		if err != nil {
			return nil, err
		}
		count, err := ext.Int32Or("maxTopicNum", pageSize)
		if err != nil {
			return nil, err
		}
		if first != 0 && !sameVersion(ext.Text("dataVersion"), table.version) {
			first = 0
		}
		topics = table.page(int(max(first, 0)), int(min(max(count, 0), pageSize)))
	}
	body, err := json.Marshal(messages.NewTopicTable(table.version, topics))
	if err != nil {
		return nil, err
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetInt("totalTopicNum", int64(table.Len()))
	front.ReplyBody(t.Env, r.Ticket, response, body, nil)
	return nil, nil
}

func sameVersion(text string, version messages.DataVersion) bool {
	var theirs messages.DataVersion
	return fastjson.Unmarshal([]byte(text), &theirs) == nil && theirs == version
}

// page returns the topics of one page.
func (t *Table) page(first, count int) map[string]*messages.TopicConfig {
	names := slices.Sorted(maps.Keys(t.topics))
	first = min(first, len(names))
	page := make(map[string]*messages.TopicConfig)
	for _, name := range names[first:min(first+count, len(names))] {
		page[name] = t.topics[name]
	}
	return page
}

func (t *topics) one(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	config := t.table[name]
	if config == nil {
		return nil, messages.Refuse(messages.TopicNotExist, "No topic in this broker. topic: %s", name)
	}
	response := r.Response(messages.Success, "")
	response.Body, err = json.Marshal(config)
	return response, err
}

func (t *topics) systemTopics(r *front.Request) (*messages.Command, error) {
	list := &messages.TopicList{TopicList: slices.Sorted(maps.Keys(t.system))}
	response := r.Response(messages.Success, "")
	var err error
	response.Body, err = list.Encode()
	return response, err
}
