package storage_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/checkpoint"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

// testdata/apache-5.5.0 is a store that a broker of Apache RocketMQ 5.5.0 left
// after a clean stop, with mappedFileSizeCommitLog=16384,
// mappedFileSizeConsumeQueue=2000, maxHashSlotNum=100 and maxIndexNum=400.
// records.txt lists what Java's MessageDecoder reads in its CommitLog.
const apacheStore = "testdata/apache-5.5.0"

// apache returns the golden store on a fresh disk.
func apache(t testing.TB) *vfs.Mem { return copyStore(t, apacheStore) }

// copyStore returns the store in a directory, on a fresh disk below /store.
func copyStore(t testing.TB, dir string) *vfs.Mem {
	mem := vfs.NewMem(nil)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".txt" {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		to := "/store/" + strings.TrimPrefix(filepath.ToSlash(name), dir+"/")
		if err := mem.MkdirAll(path.Dir(to)); err != nil {
			return err
		}
		f, err := mem.Create(to)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(b, 0)
		return err
	})
	require.NoError(t, err)
	return mem
}

func apacheOptions(fsys vfs.FS) storage.Options {
	levels, err := messages.ParseDelayLevels("1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h")
	if err != nil {
		panic(err)
	}
	return storage.Options{
		FS: fsys, Root: "/store", SegmentSize: 16384, ConsumeQueueSize: 2000, IndexSlots: 100, IndexEntries: 400,
		Delays: levels, CheckCRC: true, IndexEnabled: true, Now: func() time.Time { return time.UnixMilli(1795447300000) },
	}
}

// golden is a line of records.txt.
type golden struct {
	phys, size, queueOffset, tags int64
	topic, keys                   string
	queueID                       int32
	sysFlag                       int32
}

func goldens(t testing.TB) []golden {
	f, err := os.Open(apacheStore + "/records.txt")
	require.NoError(t, err)
	defer f.Close()
	var list []golden
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var g golden
		field := func(name string) string {
			_, rest, _ := strings.Cut(lines.Text(), " "+name+"=")
			value, _, _ := strings.Cut(rest, " ")
			return value
		}
		if field("size") == "" {
			continue // the blanks and the end
		}
		_, err := fmt.Sscan(strings.Join([]string{
			field("phys"), field("size"), field("offset"), field("tags"), field("topic"), field("queue"), field("sysFlag"), field("keys"),
		}, " "), &g.phys, &g.size, &g.queueOffset, &g.tags, &g.topic, &g.queueID, &g.sysFlag, &g.keys)
		require.NoError(t, err, lines.Text())
		list = append(list, g)
	}
	require.Equal(t, 86, len(list))
	return list
}

// checkApache checks that everything of the golden store is found.
func checkApache(t testing.TB, s *storage.Store) {
	t.Helper()
	next := map[string]int64{}
	for _, g := range goldens(t) {
		_, r, err := s.Lookup(g.phys, nil)
		require.NoError(t, err)
		require.Equal(t, g.topic, string(r.Topic))
		if g.sysFlag&messages.SysFlagTransactionMask == messages.SysFlagRollback {
			continue
		}
		queue := fmt.Sprintf("%s-%d", g.topic, g.queueID)
		require.Equal(t, next[queue], g.queueOffset)
		next[queue]++
		require.Equal(t, g.queueOffset, s.NextOffset(g.topic, g.queueID)-(count(t, queue)-g.queueOffset))

		var u [1]consumequeue.Unit
		n, err := s.Queues.Queue(g.topic, g.queueID).Read(g.queueOffset, u[:])
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, g.phys, u[0].Phys)
		require.EqualValues(t, g.size, u[0].Size)
		if g.topic == messages.TopicSchedule {
			require.Equal(t, r.StoreTimestamp+10_000, u[0].TagsCode, "delay level 3")
		} else {
			require.Equal(t, g.tags, u[0].TagsCode)
		}
		if key, _, _ := strings.Cut(g.keys, "\\"); key != "null" {
			found, err := s.Index.Query(g.topic, key, false, 64, 0, 1795447300000)
			require.NoError(t, err)
			require.Contains(t, found, g.phys, "by its key %s", key)
		}
	}
}

// count is the number of messages of a queue of the golden store.
func count(t testing.TB, queue string) int64 {
	n := int64(0)
	for _, g := range goldens(t) {
		if fmt.Sprintf("%s-%d", g.topic, g.queueID) == queue && g.sysFlag&messages.SysFlagTransactionMask != messages.SysFlagRollback {
			n++
		}
	}
	return n
}

// apacheEnd is where the golden log ends.
const apacheEnd = 38656

func TestOpensTheStoreThatApacheLeft(t *testing.T) {
	s, err := storage.Open(apacheOptions(apache(t)))
	require.NoError(t, err)
	require.False(t, s.Recovery.Crashed)
	require.EqualValues(t, apacheEnd, s.Log.MaxOffset())
	checkApache(t, s)
	require.NoError(t, s.Close())
}

func TestRecoversTheStoreOfAnApacheThatCrashed(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, mem *vfs.Mem){
		"as it is":      func(*testing.T, *vfs.Mem) {},
		"no checkpoint": func(t *testing.T, mem *vfs.Mem) { require.NoError(t, mem.Remove("/store/checkpoint")) },
		// As 5.4 and older leave it.
		"a checkpoint without offset": func(t *testing.T, mem *vfs.Mem) {
			c, err := checkpoint.Load(mem, "/store/checkpoint")
			require.NoError(t, err)
			c.ConsumeQueueOffset = 0
			require.NoError(t, checkpoint.Save(mem, "/store/checkpoint", &c))
		},
		"a checkpoint that is too far": func(t *testing.T, mem *vfs.Mem) {
			c, err := checkpoint.Load(mem, "/store/checkpoint")
			require.NoError(t, err)
			c.ConsumeQueueOffset = 1 << 40
			require.NoError(t, checkpoint.Save(mem, "/store/checkpoint", &c))
		},
		"no queues": func(t *testing.T, mem *vfs.Mem) { removeAll(t, mem, "/store/consumequeue") },
	} {
		t.Run(name, func(t *testing.T) {
			mem := apache(t)
			_, err := mem.Create("/store/abort")
			require.NoError(t, err)
			spoil(t, mem)
			s, err := storage.Open(apacheOptions(mem))
			require.NoError(t, err)
			require.True(t, s.Recovery.Crashed)
			require.EqualValues(t, apacheEnd, s.Log.MaxOffset())
			checkApache(t, s)
			require.NoError(t, s.Close())
			_, err = mem.Stat("/store/abort")
			require.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func removeAll(t *testing.T, mem *vfs.Mem, dir string) {
	entries, err := mem.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		if e.Dir {
			removeAll(t, mem, name)
		} else {
			require.NoError(t, mem.Remove(name))
		}
	}
	require.NoError(t, mem.Remove(dir))
}

func TestRefusesDirectoriesThatItDoesNotUnderstand(t *testing.T) {
	t.Run("RocksDB queues", func(t *testing.T) {
		mem := apache(t)
		require.NoError(t, mem.MkdirAll("/store/consumequeue_r"))
		_, err := storage.Open(apacheOptions(mem))
		var unsupported *storage.UnsupportedError
		require.ErrorAs(t, err, &unsupported)
	})
	t.Run("DLedger", func(t *testing.T) {
		mem := apache(t)
		require.NoError(t, mem.MkdirAll("/store/dledger-n0"))
		_, err := storage.Open(apacheOptions(mem))
		var unsupported *storage.UnsupportedError
		require.ErrorAs(t, err, &unsupported)
	})
	t.Run("files of another size", func(t *testing.T) {
		o := apacheOptions(apache(t))
		o.SegmentSize = 1 << 20
		_, err := storage.Open(o)
		var layout *segment.LayoutError
		require.ErrorAs(t, err, &layout)
	})
	t.Run("a store in use", func(t *testing.T) {
		mem := apache(t)
		first, err := storage.Open(apacheOptions(mem))
		require.NoError(t, err)
		_, err = storage.Open(apacheOptions(mem))
		require.ErrorIs(t, err, vfs.ErrLocked)
		require.NoError(t, first.Close())
		second, err := storage.Open(apacheOptions(mem))
		require.NoError(t, err, "a refused store is left unlocked and whole")
		checkApache(t, second)
		require.NoError(t, second.Close())
	})
}
