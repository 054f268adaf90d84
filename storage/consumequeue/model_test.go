package consumequeue_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/segment"
	"github.com/actormq/actormq/storage/vfs"
)

const size = 10 // of every record

func open(t require.TestingT, fs vfs.FS, logMin, logMax int64) *consumequeue.Queues {
	s, err := consumequeue.Open(consumequeue.Options{
		FS: fs, Dir: "/cq", FileSize: 7 * consumequeue.UnitSize, Handles: segment.NewCache(fs, 2),
		LogMin: func() int64 { return logMin }, LogMax: logMax,
	})
	require.NoError(t, err)
	return s
}

func all(t require.TestingT, q *consumequeue.Queue) []consumequeue.Unit {
	var units []consumequeue.Unit
	for at := q.MinOffset(); at < q.MaxOffset(); {
		var buf [5]consumequeue.Unit
		n, err := q.Read(at, buf[:])
		require.NoError(t, err)
		require.Positive(t, n, "offset %d of [%d,%d)", at, q.MinOffset(), q.MaxOffset())
		units = append(units, buf[:n]...)
		at += int64(n)
	}
	return units
}

// message is a message of the model's CommitLog, whose records are size bytes long.
type message struct {
	queue  int32
	offset int64
	unit   consumequeue.Unit
}

// model is what the queues of a store must be.
type model struct {
	fs      *vfs.Mem
	queues  *consumequeue.Queues
	log     []message // the record of number n is at n·size
	durable int64     // the record that recovery begins behind: what Write returned before the last Sync; -1
}

func (m *model) end() int64 { return int64(len(m.log)) * size }

// open opens the queues as the next process does, and replays the log.
func (m *model) open(t *rapid.T) {
	var err error
	m.queues, err = consumequeue.Open(consumequeue.Options{
		FS: m.fs, Dir: "/cq", FileSize: 7*consumequeue.UnitSize - 1, Handles: segment.NewCache(m.fs, 2),
		Lag: 20 * size, LogMin: func() int64 { return 0 }, LogMax: m.end(), Verify: m.verify,
	})
	require.NoError(t, err)
	for _, g := range m.log {
		if g.unit.Phys > m.durable {
			require.NoError(t, m.queues.Append("T", g.queue, g.offset, g.unit))
		}
	}
}

func (m *model) verify(u consumequeue.Unit, topic string, queueID int32, offset int64) (bool, error) {
	if u.Phys%size != 0 || u.Phys >= m.end() {
		return false, nil
	}
	g := m.log[u.Phys/size]
	return topic == "T" && g.queue == queueID && g.offset == offset, nil
}

func (m *model) units() map[int32][]consumequeue.Unit {
	queues := map[int32][]consumequeue.Unit{}
	for _, g := range m.log {
		queues[g.queue] = append(queues[g.queue], g.unit)
	}
	return queues
}

func (m *model) append(t *rapid.T) {
	next := m.units()
	for range rapid.IntRange(1, 30).Draw(t, "messages") {
		id := rapid.Int32Range(0, 3).Draw(t, "queue")
		u := consumequeue.Unit{Phys: m.end(), Size: size, TagsCode: rapid.Int64().Draw(t, "tags")}
		offset := int64(len(next[id]))
		require.NoError(t, m.queues.Append("T", id, offset, u))
		next[id] = append(next[id], u)
		m.log = append(m.log, message{queue: id, offset: offset, unit: u})
	}
}

func (m *model) write(t *rapid.T) {
	through, err := m.queues.Write(rapid.Bool().Draw(t, "all"))
	require.NoError(t, err)
	if rapid.Bool().Draw(t, "and sync") {
		require.NoError(t, m.queues.Sync())
		m.durable = max(m.durable, through)
	}
}

// truncate is what a slave does whose master has another log.
func (m *model) truncate(t *rapid.T) {
	n := rapid.IntRange(0, len(m.log)).Draw(t, "records")
	m.durable = min(m.durable, max(int64(n-1)*size, -1))
	require.NoError(t, m.queues.Truncate(int64(n)*size))
	m.log = m.log[:n]
}

// lose is a power loss, which takes records from the end of the log as well, but
// none that the checkpoint speaks of.
func (m *model) lose(t *rapid.T) {
	m.fs.Crash(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "fate") })
	kept := int((m.durable + size) / size) // -1 gives 0
	m.log = m.log[:rapid.IntRange(kept, len(m.log)).Draw(t, "records left")]
}

func (m *model) check(t *rapid.T) {
	queues := m.units()
	for id := range int32(4) {
		q, err := m.queues.Load("T", id)
		require.NoError(t, err)
		if q == nil {
			require.Empty(t, queues[id])
			continue
		}
		require.Zero(t, q.MinOffset())
		require.Equal(t, queues[id], all(t, q), "queue %d", id)
	}
}

// Against a model: a queue is the units that were appended, whatever is written,
// synced, truncated, restarted and lost in between. All four queues are looked at
// after each step in half of the runs only, as looking loads them.
func TestQueuesAreLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{fs: vfs.NewMem(nil), durable: -1}
		m.open(t)
		steps := map[string]func(*rapid.T){
			"append":   m.append,
			"write":    m.write,
			"truncate": m.truncate,
			"restart": func(t *rapid.T) {
				through, err := m.queues.Write(true)
				require.NoError(t, err)
				require.NoError(t, m.queues.Sync())
				m.durable = max(m.durable, through)
				m.open(t)
			},
			"kill":       func(t *rapid.T) { m.fs.CrashProcess(); m.open(t) },
			"power loss": func(t *rapid.T) { m.lose(t); m.open(t) },
		}
		if rapid.Bool().Draw(t, "look") {
			steps[""] = m.check
		}
		t.Repeat(steps)
		m.check(t)
	})
}

// A queue whose older messages are elsewhere begins in the middle.
func TestQueueThatBeginsLate(t *testing.T) {
	fs := vfs.NewMem(nil)
	s := open(t, fs, 0, 0)
	u := consumequeue.Unit{Phys: 500, Size: size, TagsCode: 1}
	require.NoError(t, s.Append("T", 3, 23, u))
	_, err := s.Write(true)
	require.NoError(t, err)
	require.NoError(t, s.Sync())
	for _, s := range []*consumequeue.Queues{s, open(t, fs, 0, 510)} {
		q := s.Queue("T", 3)
		require.Equal(t, int64(23), q.MinOffset())
		require.Equal(t, int64(24), q.MaxOffset())
		require.Equal(t, []consumequeue.Unit{u}, all(t, q))
	}
}

// Units behind the end of the log are of messages that are lost.
func TestUnitsBehindTheLogAreCutOff(t *testing.T) {
	fs := vfs.NewMem(nil)
	s := open(t, fs, 0, 0)
	for i := range int64(20) {
		require.NoError(t, s.Append("T", 0, i, consumequeue.Unit{Phys: i * size, Size: size}))
	}
	_, err := s.Write(true)
	require.NoError(t, err)
	require.NoError(t, s.Sync())
	require.Equal(t, int64(12), open(t, fs, 0, 12*size+3).Queue("T", 0).MaxOffset())
}

// Messages that expired are no longer there; the end of the queue stays.
func TestCleaning(t *testing.T) {
	fs := vfs.NewMem(nil)
	s := open(t, fs, 0, 0)
	for i := range int64(20) {
		require.NoError(t, s.Append("T", 0, i, consumequeue.Unit{Phys: i * size, Size: size}))
	}
	_, err := s.Write(true)
	require.NoError(t, err)
	require.NoError(t, s.Sync())
	s = open(t, fs, 9*size, 20*size)
	removed, err := s.Clean(9 * size)
	require.NoError(t, err)
	require.Equal(t, 1, removed, "the first file holds the messages 0 to 6")
	q := s.Queue("T", 0)
	require.Equal(t, int64(9), q.MinOffset())
	require.Equal(t, int64(20), q.MaxOffset())
	require.Len(t, all(t, q), 11)
	_, err = s.Clean(1000 * size)
	require.NoError(t, err)
	require.Equal(t, int64(20), q.MinOffset(), "an empty queue keeps its end")
	require.Equal(t, int64(20), q.MaxOffset())
}

func TestReadersBesideDispatch(t *testing.T) {
	s := open(t, vfs.NewMem(nil), 0, 0)
	const units = 3000
	require.NoError(t, s.Append("T", 0, 0, consumequeue.Unit{Phys: 0, Size: size, TagsCode: 0}))
	done := make(chan error, 1)
	go func() {
		q := s.Queue("T", 0)
		for next := int64(0); next < units; {
			var buf [64]consumequeue.Unit
			n, err := q.Read(next, buf[:])
			for i := range n {
				if buf[i].TagsCode != next {
					done <- errors.New("a unit is not the one that was appended")
					return
				}
				next++
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := int64(1); i < units; i++ {
		require.NoError(t, s.Append("T", 0, i, consumequeue.Unit{Phys: i * size, Size: size, TagsCode: i}))
		if i%500 == 0 {
			_, err := s.Write(true)
			require.NoError(t, err)
		}
	}
	require.NoError(t, <-done)
}
