package audit_test

import (
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/audit"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// filled returns the disk of a broker that took messages and was stopped, and what
// an audit must know of it.
func filled(t *testing.T) (*vfs.Mem, string, audit.Options) {
	w := sim.New(1, sim.Options{})
	b := cluster.StartBroker(t, w, w.Host("broker"), func(c *config.Broker) { c.MessageDelayLevel = "1s 2s" })
	b.CreateTopic("T", 2)
	client := b.Dial(w.Host("client"))
	for i := range 150 { // several segments of the log, and of the index
		send := script.Send("T", int32(i%2), make([]byte, 1000+i))
		properties := messages.AppendProperty(nil, messages.PropertyKeys, "a b")
		properties = messages.AppendProperty(properties, messages.PropertyTags, "x")
		if i%10 == 0 {
			properties = messages.AppendPropertyInt(properties, messages.PropertyDelay, 2)
		}
		send.Ext.Set("properties", string(properties))
		response, err := client.Call(send)
		require.NoError(t, err)
		require.NoError(t, script.Succeeded(response))
	}
	w.Advance(5 * time.Second)
	require.NoError(t, b.Stop())
	levels, err := messages.ParseDelayLevels(b.Config.MessageDelayLevel)
	require.NoError(t, err)
	return b.Host.Disk().Snapshot(), b.Config.StorePathRootDir, audit.Options{
		Clean: true, Delays: levels, Index: true, Slots: b.Config.MaxHashSlotNum, Entries: b.Config.MaxIndexNum,
	}
}

func TestAStoreThatWasClosedInOrder(t *testing.T) {
	disk, root, o := filled(t)
	report, err := audit.Store(disk, root, o)
	require.NoError(t, err)
	require.Equal(t, 165, report.Records, "15 of them were delayed, and are there twice")
	require.Equal(t, report.Records, report.Units)
	require.GreaterOrEqual(t, report.Entries, 3*report.Records)
}

// first returns the path of the first file of a directory.
func first(t *testing.T, fs vfs.FS, dir string) string {
	entries, err := fs.ReadDir(dir)
	require.NoError(t, err)
	return path.Join(dir, entries[0].Name)
}

func TestDamage(t *testing.T) {
	log := func(t *testing.T, fs vfs.FS) string { return first(t, fs, "/store/commitlog") }
	queue := func(t *testing.T, fs vfs.FS) string { return first(t, fs, "/store/consumequeue/T/1") }
	index := func(t *testing.T, fs vfs.FS) string { return first(t, fs, "/store/index") }
	tests := map[string]struct {
		file func(*testing.T, vfs.FS) string
		at   int64
		put  []byte
		want string
	}{
		"a body":                {log, 500, []byte{1}, "body CRC"},
		"a record's own offset": {log, 28 + 7, []byte{1}, "says that it is at 1"},
		"a record's size":       {log, 2, []byte{0xff}, "00000000000000000000 at 0"},
		"a queue offset":        {log, 20 + 7, []byte{5}, "comes where 0 is due"},
		"a unit's place":        {queue, 7, []byte{1}, "and the log has it at"},
		"a unit's tags":         {queue, 20 + 19, []byte{1}, "offset 1 is"},
		"a unit is missing":     {queue, 8, []byte{0, 0, 0, 0}, "of which the log knows nothing"},
		"a slot of the index":   {index, 40, make([]byte, 400), "the index does not lead"},
		"the index's count":     {index, 36, []byte{0x7f}, "counts"},
		"the checkpoint":        {func(*testing.T, vfs.FS) string { return "/store/checkpoint" }, 40, []byte{1}, "the checkpoint is at"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			disk, root, o := filled(t)
			file, err := disk.Open(test.file(t, disk))
			require.NoError(t, err)
			_, err = file.WriteAt(test.put, test.at)
			require.NoError(t, err)
			_, err = audit.Store(disk, root, o)
			require.ErrorContains(t, err, test.want)
		})
	}
}
