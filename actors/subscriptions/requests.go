package subscriptions

import (
	"encoding/json"
	"maps"
	"math"

	"github.com/actormq/actormq/actors/attributes"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/fastjson"
)

// rules are the attributes that a group may have (RocketMQ: SubscriptionGroupAttributes).
var rules = attributes.Rules{
	"priority.factor":                   {Changeable: true, Min: 0, Max: 100},
	"lite.bind.topic":                   {Changeable: true, Any: true},
	"lite.sub.model":                    {Changeable: true, Values: []string{"Exclusive", "Shared"}},
	"lite.sub.reset.offset.exclusive":   {Changeable: true, Values: attributes.Boolean},
	"lite.sub.reset.offset.unsubscribe": {Changeable: true, Values: attributes.Boolean},
	"lite.sub.client.quota":             {Changeable: true, Min: -1, Max: math.MaxInt64},
	"lite.sub.client.max.event.cnt":     {Changeable: true, Min: 10, Max: math.MaxInt64},
}

func (s *subscriptions) routes() front.Handlers {
	return front.Handlers{
		messages.CodeUpdateAndCreateSubscriptionGroup:     s.update,
		messages.CodeUpdateAndCreateSubscriptionGroupList: s.updateList,
		messages.CodeGetAllSubscriptionGroupConfig:        s.all,
		messages.CodeGetSubscriptionGroupConfig:           s.one,
		messages.CodeDeleteSubscriptionGroup:              s.delete,
		messages.CodeUpdateAndGetGroupForbidden:           s.forbid,
	}
}

// Codes lists the request codes that Subscriptions answers.
func Codes() []messages.RequestCode { return (*subscriptions)(nil).routes().Codes() }

func (s *subscriptions) update(r *front.Request) (*messages.Command, error) {
	if s.Slave {
		return nil, messages.ErrSlave
	}
	config, err := messages.DecodeSubscriptionGroupConfig(r.Command.Body)
	if err != nil {
		return nil, err
	}
	if err := s.admit(config); err != nil {
		return nil, err
	}
	s.put(config)
	return r.Response(messages.Success, ""), nil
}

// updateList is update for several groups, all or none of which are set.
func (s *subscriptions) updateList(r *front.Request) (*messages.Command, error) {
	if s.Slave {
		return nil, messages.ErrSlave
	}
	list, err := messages.DecodeSubscriptionGroupList(r.Command.Body)
	if err != nil {
		return nil, err
	}
	for _, config := range list.GroupConfigList {
		if config == nil {
			return nil, messages.Refuse(messages.InvalidParameter, "The specified group is blank.")
		}
		if err := s.admit(config); err != nil {
			return nil, err
		}
	}
	if len(list.GroupConfigList) > 0 {
		s.put(list.GroupConfigList...)
	}
	return r.Response(messages.Success, ""), nil
}

// admit decides on an operator's group, whose attributes are changes with signed keys,
// and gives it the attributes after them.
func (s *subscriptions) admit(config *messages.SubscriptionGroupConfig) error {
	if err := messages.CheckGroup(config.GroupName); err != nil {
		return messages.Refuse(messages.InvalidParameter, "%s", err)
	}
	old := s.table.groups[config.GroupName]
	var current map[string]string
	if old != nil {
		current = old.Attributes
	}
	altered, err := rules.Alter(old == nil, current, config.Attributes)
	if err != nil {
		return err
	}
	config.Attributes = altered
	return nil
}

// pageSize bounds a page of GET_ALL_SUBSCRIPTIONGROUP_CONFIG (splitMetadataSize).
const pageSize = 2000

// all answers with every group, or with a page of them in the order of their names. A
// reader whose version is not the current one starts again at the first.
func (s *subscriptions) all(r *front.Request) (*messages.Command, error) {
	ext, body := &r.Command.Ext, s.body()
	if _, pages := ext.Get("groupSeq"); pages {
		first, err := ext.Int32("groupSeq")
		if err != nil {
			return nil, err
		}
		count, err := ext.Int32Or("maxGroupNum", pageSize)
		if err != nil {
			return nil, err
		}
		var theirs messages.DataVersion
		if first != 0 && (fastjson.Unmarshal([]byte(ext.Text("dataVersion")), &theirs) != nil || theirs != s.table.version) {
			first = 0
		}
		s.page(body, int(max(first, 0)), int(min(max(count, 0), pageSize)))
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetInt("totalGroupNum", int64(len(s.table.groups)))
	var err error
	response.Body, err = body.Encode()
	return response, err
}

// page leaves one page of the groups in body.
func (s *subscriptions) page(body *messages.SubscriptionGroups, first, count int) {
	names := s.table.Names()
	first = min(first, len(names))
	groups, forbidden := make(map[string]*messages.SubscriptionGroupConfig), make(map[string]map[string]int32)
	for _, name := range names[first:min(first+count, len(names))] {
		groups[name] = s.table.groups[name]
		if topics := s.table.forbidden[name]; topics != nil {
			forbidden[name] = topics
		}
	}
	body.SubscriptionGroupTable, body.ForbiddenTable = groups, forbidden
}

// one answers with a group, which comes to be by the question where groups do so by
// their use, as with Apache's broker.
func (s *subscriptions) one(r *front.Request) (*messages.Command, error) {
	name, err := r.Command.Ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	config := s.table.groups[name]
	if config == nil && s.table.mayCreate(name) {
		config = messages.NewSubscriptionGroupConfig(name)
		if !s.Slave { // there it comes with the master's
			s.put(config)
		}
	}
	if config == nil {
		return nil, messages.Refuse(messages.SubscriptionGroupUnknown, "No group in this broker")
	}
	response := r.Response(messages.Success, "")
	response.Body, err = config.Encode()
	return response, err
}

func (s *subscriptions) delete(r *front.Request) (*messages.Command, error) {
	if s.Slave {
		return nil, messages.ErrSlave
	}
	name, err := r.Command.Ext.RequiredText("groupName")
	if err != nil {
		return nil, err
	}
	if s.table.groups[name] != nil {
		groups := maps.Clone(s.table.groups)
		delete(groups, name)
		s.change(groups)
	}
	s.deleted(&Deleted{Group: name, CleanOffsets: r.Command.Ext.Bool("cleanOffset")})
	return r.Response(messages.Success, ""), nil
}

func (s *subscriptions) deleted(m *Deleted) {
	for _, pid := range s.Watchers {
		s.Env.Send(pid, m)
	}
}

// groupForbidden is the answer to UPDATE_AND_GET_GROUP_FORBIDDEN
// (RocketMQ: GroupForbidden).
type groupForbidden struct {
	Group    string `json:"group"`
	Readable bool   `json:"readable"`
	Topic    string `json:"topic"`
}

// forbid bars a group from reading a topic, or lets it again, if the request says
// which; and tells which it is now.
func (s *subscriptions) forbid(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	group, err := ext.RequiredText("group")
	if err != nil {
		return nil, err
	}
	topic, err := ext.RequiredText("topic")
	if err != nil {
		return nil, err
	}
	if _, given := ext.Get("readable"); given {
		if s.Slave {
			return nil, messages.ErrSlave
		}
		s.setForbidden(group, topic, ext.Bool("readable"))
	}
	response := r.Response(messages.Success, "")
	response.Body, err = json.Marshal(groupForbidden{Group: group, Readable: !s.table.Forbidden(group, topic), Topic: topic})
	return response, err
}

// setForbidden changes the entry of one topic. An entry without a bit goes.
func (s *subscriptions) setForbidden(group, topic string, readable bool) {
	bits := s.table.forbidden[group][topic] | readForbidden
	if readable {
		bits &^= readForbidden
	}
	if bits == s.table.forbidden[group][topic] {
		return
	}
	topics := maps.Clone(s.table.forbidden[group])
	if topics == nil {
		topics = make(map[string]int32)
	}
	if topics[topic] = bits; bits == 0 {
		delete(topics, topic)
	}
	forbidden := maps.Clone(s.table.forbidden)
	if forbidden == nil {
		forbidden = make(map[string]map[string]int32)
	}
	if forbidden[group] = topics; len(topics) == 0 {
		delete(forbidden, group)
	}
	s.table.forbidden = forbidden
	s.change(s.table.groups)
	s.Env.Log.Info().Str("group", group).Str("topic", topic).Bool("readable", readable).Msg("an operator set what a group may read")
}
