package kvconfig_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
)

const file = "/namesrv/kvConfig.json"

type fixture struct {
	t     *testing.T
	world *sim.World
	host  *sim.Host
	view  *kvconfig.View
	pid   *actor.PID
}

func newFixture(t *testing.T) *fixture {
	w := sim.New(1, sim.Options{})
	f := &fixture{t: t, world: w, host: w.Host("ns")}
	f.start()
	return f
}

func (f *fixture) start() {
	f.view = new(kvconfig.View)
	e := f.host.Env()
	var err error
	f.pid, err = e.Actors.Root.SpawnNamed(kvconfig.Props(kvconfig.Options{Env: e, View: f.view, File: file}), "kvconfig")
	require.NoError(f.t, err)
	f.world.Settle()
}

// do sends a request whose answer nobody waits for.
func (f *fixture) do(code messages.RequestCode, namespace, key, value string) {
	c := &messages.Command{Code: int32(code), Flag: messages.FlagOneway}
	c.Ext.Set("namespace", namespace)
	c.Ext.Set("key", key)
	c.Ext.Set("value", value)
	f.host.Env().Send(f.pid, &messages.Requests{Peer: &messages.Peer{}, Commands: []*messages.Command{c}})
	f.world.Advance(time.Second)
}

func TestATableNeverChanges(t *testing.T) {
	f := newFixture(t)
	f.do(messages.CodePutKVConfig, "n", "k", "1")
	old := f.view.Load()
	f.do(messages.CodePutKVConfig, "n", "k", "2")
	f.do(messages.CodePutKVConfig, "m", "k", "3")
	require.Equal(t, kvconfig.Table{"n": {"k": "1"}}, old)
	require.Equal(t, kvconfig.Table{"n": {"k": "2"}, "m": {"k": "3"}}, f.view.Load())
	f.do(messages.CodeDeleteKVConfig, "n", "k", "")
	require.Equal(t, kvconfig.Table{"n": {}, "m": {"k": "3"}}, f.view.Load())
}

func TestAChangeThatCannotBeSavedIsNotMade(t *testing.T) {
	f := newFixture(t)
	f.do(messages.CodePutKVConfig, "n", "k", "1")
	f.host.Disk().SetFault(func(vfs.Op, string) error { return errors.New("no space left on device") })
	f.do(messages.CodePutKVConfig, "n", "k", "2")
	f.do(messages.CodeDeleteKVConfig, "n", "k", "")
	require.Equal(t, kvconfig.Table{"n": {"k": "1"}}, f.view.Load())
	f.host.Disk().SetFault(nil)
	f.do(messages.CodePutKVConfig, "n", "k", "3")
	require.Equal(t, kvconfig.Table{"n": {"k": "3"}}, f.view.Load())
}

// The file is one that Apache's name server wrote.
func TestApachesFile(t *testing.T) {
	w := sim.New(1, sim.Options{})
	fs := w.Host("ns").Env().FS
	require.NoError(t, fs.MkdirAll("/namesrv"))
	g, err := fs.Create(file)
	require.NoError(t, err)
	golden, err := os.ReadFile("testdata/apache-5.5.0-kvConfig.json")
	require.NoError(t, err)
	_, err = g.WriteAt(golden, 0)
	require.NoError(t, err)
	table, err := kvconfig.Load(fs, file)
	require.NoError(t, err)
	require.Equal(t, kvconfig.Table{
		"ORDER_TOPIC_CONFIG": {"Made": "broker-a:3"}, "space": {"key": "a \"b\"\tc"}, "gone": {},
	}, table)

	table, err = kvconfig.Load(fs, "")
	require.NoError(t, err)
	require.Empty(t, table)
}

func TestSettingsSurviveAPowerLoss(t *testing.T) {
	f := newFixture(t)
	f.do(messages.CodePutKVConfig, "n", "k", "1")
	f.host.Crash(sim.PowerLoss)
	f.host.Restart()
	f.start()
	require.Equal(t, kvconfig.Table{"n": {"k": "1"}}, f.view.Load())
}
