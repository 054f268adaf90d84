package topics

import (
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// Options configures Topics.
type Options struct {
	Env  *env.Env
	View *View
	// Dir is the folder of the JSON files, <storePathRootDir>/config.
	Dir string
	// Cluster and Broker are the names of the broker and its cluster, which are
	// topics, too.
	Cluster, Broker string
	// AutoCreate lets a topic come to be by its first message
	// (autoCreateTopicEnable), with at most DefaultQueues queues
	// (defaultTopicQueueNums; 0 means 8).
	AutoCreate    func() bool
	DefaultQueues int32
	// ClusterTopic and BrokerTopic make the topics named after the cluster and
	// the broker readable and writable (clusterTopicEnable, brokerTopicEnable).
	ClusterTopic, BrokerTopic bool
	// Trace is the name of the message trace topic, which is made (traceTopicEnable,
	// msgTraceTopicName); empty for none.
	Trace string
	// Timer makes the topic of the timer wheel (timerWheelEnable).
	Timer bool
	// ReviveQueues is the number of queues of the revive topic (reviveQueueNum;
	// 0 means 8).
	ReviveQueues int32
	// DelayLevels is the number of delay levels, each of which is a queue of the
	// delay topic; Apache has 18 queues at least.
	DelayLevels int32
	// MixedTypes allows topics for messages of every type (enableMixedMessageType).
	MixedTypes func() bool
	// Slave has the table follow the master's by Replace, and changed by nobody else.
	Slave bool
	// Watchers get a *Changed after each change, and a *Deleted for each topic
	// that an operator deleted.
	Watchers []*actor.PID
}

// Create asks for a topic after the template topic that a producer names. The
// response is Created.
type Create struct {
	Topic   string
	Default string // the template
	Queues  int32  // as many as the producer wants; the template's number bounds it
	SysFlag int32
	Client  netip.AddrPort
	Token   any
}

// Created answers Create: Config is the topic, which may have been there before.
// Err is a *messages.Refusal.
type Created struct {
	Token  any
	Config *messages.TopicConfig
	Err    error
}

// Ensure has a topic of the broker's own made unless it is there. An existing
// topic becomes ordered if Order is set, and is otherwise left as it is. The
// sender, if there is one, gets a Created.
type Ensure struct {
	Topic   string
	Queues  int32
	Perm    int32
	SysFlag int32
	Order   bool
	Token   any
}

// OrderTopics marks topics as ordered that the name server says are
// (RocketMQ: TopicConfigManager.updateOrderTopicConfig).
type OrderTopics struct{ Topics []string }

// Replace gives a slave the topics of its master (RocketMQ: SlaveSynchronize).
type Replace struct{ Table *messages.TopicTable }

// Renew moves the version of the table on, because what name servers are told of it is
// another, as after a change of the brokerPermission.
type Renew struct{}

// Changed tells that the View has a new Table; All, that every topic counts as another.
type Changed struct{ All bool }

// Deleted tells that a topic was deleted, or is to be forgotten though it was not
// in the table.
type Deleted struct{ Topic string }

// saveAgain is the pause before a save that failed is tried again.
const saveAgain = 5 * time.Second

// Props returns the props of Topics. A restart reads the file again; a change
// that could not be saved is lost then.
func Props(o Options) *actor.Props {
	return o.Env.BatchProps(func() actor.Actor { return &topics{Options: o} })
}

// topics collects the changes of one batch in table and settles them when the
// batch is done.
type topics struct {
	Options
	handlers front.Handlers
	system   map[string]bool // this broker's own, beyond messages.IsSystemTopic

	table   map[string]*messages.TopicConfig // its configurations are immutable
	shared  bool                             // table is in the View, and must be cloned before a change
	version messages.DataVersion
	adopted *messages.DataVersion // the master's, of a table that was replaced
	changed bool                  // since the last settle
	renewed bool                  // all topics count as changed
	unsaved bool                  // table is not in the file
	retry   env.Timer

	owed    []owed // answers that wait for the batch to be settled
	deleted []string
}

// owed is an answer to an operator (ticket), or to an actor (created).
type owed struct {
	ticket  messages.Ticket
	to      *actor.PID
	created *Created
}

type saveNow struct{}

func (t *topics) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		t.start()
	case *messages.Requests:
		t.handlers.Serve(t.Env, m)
	case *Create:
		config, err := t.create(m)
		t.owed = append(t.owed, owed{to: ctx.Sender(), created: &Created{Token: m.Token, Config: config, Err: err}})
	case *Ensure:
		t.owed = append(t.owed, owed{to: ctx.Sender(), created: &Created{Token: m.Token, Config: t.ensure(m)}})
	case *OrderTopics:
		if !t.Slave {
			t.order(m.Topics)
		}
	case *Renew:
		t.change()
		t.renewed = true
	case *Replace:
		t.replace(m.Table)
	case mailbox.Drained:
		t.settle(ctx)
	case *saveNow:
		t.retry = nil
	case *actor.Stopping:
		t.stop()
	}
}

// file is the content of topics.json (RocketMQ: TopicConfigSerializeWrapper).
type file struct {
	DataVersion      messages.DataVersion             `json:"dataVersion"`
	TopicConfigTable map[string]*messages.TopicConfig `json:"topicConfigTable"`
}

func (t *topics) path() string { return path.Join(t.Dir, "topics.json") }

func (t *topics) start() {
	t.handlers = t.routes()
	t.table, t.system = make(map[string]*messages.TopicConfig), make(map[string]bool)
	t.version = messages.DataVersion{Timestamp: t.Env.Millis()}
	for _, config := range t.own() {
		t.table[config.TopicName] = config
		t.system[config.TopicName] = true
	}
	saved := file{DataVersion: t.version}
	if err := jsonfile.Load(t.Env.FS, t.path(), &saved); err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err) // unreadable topics must not be overwritten by defaults
	}
	t.version = saved.DataVersion
	for name, config := range saved.TopicConfigTable {
		if config == nil {
			continue
		}
		config.TopicName = name
		t.table[name] = config
	}
	if c := t.table[messages.TopicDefault]; c != nil && !t.AutoCreate() && c.Perm&messages.PermInherit != 0 {
		config := c.Clone()
		config.Perm &^= messages.PermInherit // of a time when topics could be created by use
		t.table[messages.TopicDefault] = config
	}
	t.publish()
}

// settle ends a batch: what it changed becomes visible and durable, then
// everyone hears of it.
func (t *topics) settle(ctx actor.Context) {
	if t.changed {
		t.changed, t.unsaved = false, true
		if t.adopted != nil {
			t.version, t.adopted = *t.adopted, nil
		} else {
			t.version.Next(t.Env.Millis())
		}
		t.publish()
		t.tell(ctx, &Changed{All: t.renewed})
		t.renewed = false
	} else if len(t.owed) == 0 && !t.unsaved {
		return
	}
	err := t.save(ctx)
	for i := range t.owed {
		t.answer(ctx, &t.owed[i], err)
	}
	clear(t.owed)
	t.owed = t.owed[:0]
	for _, name := range t.deleted {
		t.tell(ctx, &Deleted{Topic: name})
	}
	t.deleted = nil
}

func (t *topics) publish() {
	t.View.table.Store(&Table{topics: t.table, version: t.version})
	t.shared = true
}

// save writes the table if it is not in the file. A failure is tried again later:
// messages to a new topic are worth more than its place in the file.
func (t *topics) save(ctx actor.Context) error {
	if !t.unsaved {
		return nil
	}
	err := jsonfile.Save(t.Env.FS, t.path(), &file{DataVersion: t.version, TopicConfigTable: t.table})
	if err != nil {
		t.Env.Log.Error().Err(err).Msg("the topics could not be saved")
		if t.retry == nil {
			t.retry = t.Env.Tell(ctx.Self(), saveAgain, &saveNow{})
		}
	}
	t.unsaved = err != nil
	return err
}

// answer answers what is owed. An operator is told when the change could not be
// saved.
func (t *topics) answer(ctx actor.Context, o *owed, err error) {
	switch {
	case o.created == nil && err != nil:
		front.Reply(t.Env, o.ticket, front.Refusal(o.ticket, err))
	case o.created == nil:
		front.Reply(t.Env, o.ticket, o.ticket.Response(messages.Success, ""))
	case o.to != nil:
		ctx.Send(o.to, o.created)
	}
}

func (t *topics) tell(ctx actor.Context, m any) {
	for _, pid := range t.Watchers {
		ctx.Send(pid, m)
	}
}

func (t *topics) stop() {
	if t.retry != nil {
		t.retry.Stop()
	}
	if t.unsaved {
		if err := jsonfile.Save(t.Env.FS, t.path(), &file{DataVersion: t.version, TopicConfigTable: t.table}); err != nil {
			t.Env.Log.Error().Err(err).Msg("the topics could not be saved")
		}
	}
	for i := range t.owed {
		if o := &t.owed[i]; o.created == nil {
			front.Reply(t.Env, o.ticket, o.ticket.Response(messages.SystemError, "the broker stops"))
		}
	}
}

// change makes the table ready to be changed.
func (t *topics) change() {
	if t.shared {
		t.table, t.shared = maps.Clone(t.table), false
	}
	t.changed = true
}

func (t *topics) put(config *messages.TopicConfig) {
	t.change()
	t.table[config.TopicName] = config
}
