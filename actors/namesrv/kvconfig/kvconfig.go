// Package kvconfig owns the key-value settings that operators keep on a name
// server, by namespace (RocketMQ: KVConfigManager). One namespace has a meaning
// to the name server itself: that of ordered topics' queues.
//
// The settings are published as an immutable Table and saved at each change, in
// Apache's format, if there is a file to save them to.
package kvconfig

import (
	"maps"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
	"github.com/actormq/actormq/storage/vfs"
)

// OrderTopics is the namespace of ordered topics: the key is a topic, the value
// its queues, as "broker-a:4;broker-b:4"
// (RocketMQ: NamesrvUtil.NAMESPACE_ORDER_TOPIC_CONFIG).
const OrderTopics = "ORDER_TOPIC_CONFIG"

// Options configures the actor.
type Options struct {
	Env  *env.Env
	View *View
	// File is kvConfigPath; "" keeps the settings in memory only.
	File string
}

// View publishes the current Table. The zero View is empty.
type View struct{ table atomic.Pointer[Table] }

// Table holds the settings by namespace and key. It is immutable.
type Table map[string]map[string]string

// Load returns the current table. Any goroutine may call it.
func (v *View) Load() Table {
	if t := v.table.Load(); t != nil {
		return *t
	}
	return nil
}

// Props returns the props of the actor. A restart reads the file again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &kvConfig{Options: o} })
}

type kvConfig struct {
	Options
	handlers front.Handlers
}

// saved is the content of the file (RocketMQ: KVConfigSerializeWrapper).
type saved struct {
	ConfigTable Table `json:"configTable"`
}

func (k *kvConfig) routes() front.Handlers {
	return front.Handlers{
		messages.CodePutKVConfig:    k.put,
		messages.CodeDeleteKVConfig: k.delete,
	}
}

// Codes lists the request codes that the actor answers. Those that only read are
// the Reader's.
func Codes() []messages.RequestCode { return (*kvConfig)(nil).routes().Codes() }

func (k *kvConfig) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		k.start()
	case *messages.Requests:
		k.handlers.Serve(k.Env, m)
	}
}

func (k *kvConfig) start() {
	k.handlers = k.routes()
	table, err := Load(k.Env.FS, k.File)
	if err != nil {
		panic(err) // unreadable settings must not be overwritten by new ones
	}
	k.View.table.Store(&table)
}

// Load reads the settings from file; there are none when it is missing or "".
func Load(fsys vfs.FS, file string) (Table, error) {
	if file == "" {
		return nil, nil
	}
	var s saved
	err := jsonfile.Load(fsys, file, &s)
	return s.ConfigTable, err
}

func (k *kvConfig) put(r *front.Request) (*messages.Command, error) {
	ext := &r.Command.Ext
	namespace, key, err := keyOf(ext)
	if err != nil {
		return nil, err
	}
	value, err := ext.RequiredText("value")
	if err != nil {
		return nil, err
	}
	err = k.change(namespace, func(settings map[string]string) { settings[key] = value })
	return r.Response(messages.Success, ""), err
}

func (k *kvConfig) delete(r *front.Request) (*messages.Command, error) {
	namespace, key, err := keyOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if _, ok := k.View.Load()[namespace][key]; ok {
		err = k.change(namespace, func(settings map[string]string) { delete(settings, key) })
	}
	return r.Response(messages.Success, ""), err
}

func keyOf(ext *messages.Ext) (namespace, key string, err error) {
	if namespace, err = ext.RequiredText("namespace"); err != nil {
		return "", "", err
	}
	key, err = ext.RequiredText("key")
	return namespace, key, err
}

// change saves and publishes a new table. A change that cannot be saved is not
// made.
func (k *kvConfig) change(namespace string, edit func(map[string]string)) error {
	table := maps.Clone(k.View.Load())
	if table == nil {
		table = make(Table)
	}
	settings := maps.Clone(table[namespace])
	if settings == nil {
		settings = make(map[string]string)
	}
	edit(settings)
	table[namespace] = settings
	if k.File != "" {
		if err := jsonfile.Save(k.Env.FS, k.File, &saved{ConfigTable: table}); err != nil {
			return err
		}
	}
	k.View.table.Store(&table)
	return nil
}
