// Package subscriptions owns the configuration of consumer groups
// (RocketMQ: SubscriptionGroupManager), saved to config/subscriptionGroup.json
// at each change and published as an immutable Table.
package subscriptions

import (
	"maps"
	"path"
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// Options configures Subscriptions.
type Options struct {
	Env  *env.Env
	View *View
	// Dir is the folder of the JSON files.
	Dir string
	// AutoCreate lets a group come to be by its first use
	// (autoCreateSubscriptionGroup).
	AutoCreate func() bool
	// Slave has the table follow the master's by Replace, and changed by nobody else.
	Slave bool
	// Watchers get a *Deleted for each group that an operator deleted.
	Watchers []*actor.PID
}

// Deleted tells that a group was deleted. CleanOffsets asks to drop its offsets.
type Deleted struct {
	Group        string
	CleanOffsets bool
}

// Create asks for a group with default settings unless it exists.
type Create struct{ Group string }

// Replace gives a slave the groups of its master (RocketMQ: SlaveSynchronize).
type Replace struct{ Groups *messages.SubscriptionGroups }

// View publishes the current Table. The zero View is empty.
type View struct {
	table atomic.Pointer[Table]
}

// Table is the configuration of all groups at one moment. It is immutable.
type Table struct {
	groups     map[string]*messages.SubscriptionGroupConfig
	forbidden  map[string]map[string]int32
	version    messages.DataVersion
	autoCreate func() bool
}

var empty = &Table{}

// Load returns the current table. Any goroutine may call it.
func (v *View) Load() *Table {
	if t := v.table.Load(); t != nil {
		return t
	}
	return empty
}

// Len returns the number of groups.
func (t *Table) Len() int { return len(t.groups) }

// Find returns the configuration of a group, nil when it has none.
func (t *Table) Find(group string) *messages.SubscriptionGroupConfig { return t.groups[group] }

// Names returns the names of all groups, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.groups)) }

// readForbidden is the bit of a forbidden entry that bars a group from reading a
// topic (RocketMQ: PermName.INDEX_PERM_READ).
const readForbidden = 1 << 2

// Forbidden reports whether an operator barred group from reading topic.
func (t *Table) Forbidden(group, topic string) bool {
	return t.forbidden[group][topic]&readForbidden != 0
}

// Find returns the configuration of a group. An unknown group with a legal name
// gets the default configuration at once where groups may be created by use, and
// owner is told to make that so; otherwise the result is nil.
func (v *View) Find(e *env.Env, owner *actor.PID, group string) *messages.SubscriptionGroupConfig {
	t := v.Load()
	if c := t.Find(group); c != nil {
		return c
	}
	if !t.mayCreate(group) {
		return nil
	}
	e.Send(owner, &Create{Group: group})
	return messages.NewSubscriptionGroupConfig(group)
}

// mayCreate reports whether a group may come to be by its use.
func (t *Table) mayCreate(group string) bool {
	return (messages.IsSystemGroup(group) || t.autoCreate != nil && t.autoCreate()) && messages.CheckGroup(group) == nil
}

// systemGroups exist on every broker (RocketMQ: SubscriptionGroupManager.init).
var systemGroups = []string{
	"TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP",
	"CID_ONS-HTTP-PROXY", "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER", "CID_RMQ_SYS_TRANS",
}

// Props returns the props of Subscriptions. A restart reads the file again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &subscriptions{Options: o} })
}

type subscriptions struct {
	Options
	handlers front.Handlers
	table    Table // the next to be published; its maps are replaced, not changed
}

func (s *subscriptions) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start()
	case *messages.Requests:
		s.handlers.Serve(s.Env, m)
	case *Create:
		if s.table.groups[m.Group] == nil && !s.Slave {
			s.put(messages.NewSubscriptionGroupConfig(m.Group))
		}
	case *Replace:
		s.replace(m.Groups)
	}
}

func (s *subscriptions) start() {
	s.handlers = s.routes()
	var saved messages.SubscriptionGroups
	if err := jsonfile.Load(s.Env.FS, s.file(), &saved); err != nil {
		panic(err) // unreadable settings must not be overwritten by defaults
	}
	s.table = Table{
		groups: maps.Clone(saved.SubscriptionGroupTable), forbidden: saved.ForbiddenTable,
		version: saved.DataVersion, autoCreate: s.AutoCreate,
	}
	if s.table.groups == nil {
		s.table.groups = make(map[string]*messages.SubscriptionGroupConfig)
	}
	for _, name := range systemGroups {
		if s.table.groups[name] == nil {
			config := messages.NewSubscriptionGroupConfig(name)
			config.ConsumeBroadcastEnable = true
			s.table.groups[name] = config
		}
	}
	s.publish()
}

func (s *subscriptions) publish() {
	table := s.table
	s.View.table.Store(&table)
}

func (s *subscriptions) put(configs ...*messages.SubscriptionGroupConfig) {
	groups := maps.Clone(s.table.groups)
	for _, config := range configs {
		groups[config.GroupName] = config
	}
	s.change(groups)
}

// change publishes the new table and saves it.
func (s *subscriptions) change(groups map[string]*messages.SubscriptionGroupConfig) {
	s.table.groups = groups
	s.table.version.Next(s.Env.Millis())
	s.save()
}

// replace makes the table that of the master.
func (s *subscriptions) replace(master *messages.SubscriptionGroups) {
	if !s.Slave || s.table.version == master.DataVersion {
		return
	}
	old := s.table.groups
	s.table.groups, s.table.forbidden, s.table.version = master.SubscriptionGroupTable, master.ForbiddenTable, master.DataVersion
	s.save()
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if s.table.groups[name] == nil {
			s.deleted(&Deleted{Group: name})
		}
	}
}

// save publishes the table and writes it.
func (s *subscriptions) save() {
	s.publish()
	if err := jsonfile.Save(s.Env.FS, s.file(), s.body()); err != nil {
		s.Env.Log.Error().Err(err).Msg("the subscription groups could not be saved")
	}
}

func (s *subscriptions) body() *messages.SubscriptionGroups {
	forbidden := s.table.forbidden
	if forbidden == nil {
		forbidden = map[string]map[string]int32{} // a null here breaks Java's slave
	}
	return &messages.SubscriptionGroups{
		DataVersion: s.table.version, SubscriptionGroupTable: s.table.groups, ForbiddenTable: forbidden,
	}
}

func (s *subscriptions) file() string { return path.Join(s.Dir, "subscriptionGroup.json") }
