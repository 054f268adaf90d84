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

// Against a model: a queue is the units that were appended, whatever is written,
// closed and reopened in between.
func TestQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem(nil)
		s := open(t, fs, 0, 0)
		model := map[int32][]consumequeue.Unit{}
		phys := int64(0)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"append", "append", "append", "append", "write", "reopen"}).Draw(t, "op") {
			case "append":
				id := rapid.Int32Range(0, 2).Draw(t, "queue")
				u := consumequeue.Unit{Phys: phys, Size: size, TagsCode: rapid.Int64().Draw(t, "tags")}
				require.NoError(t, s.Append("T", id, int64(len(model[id])), u))
				model[id] = append(model[id], u)
				phys += size
			case "write":
				_, err := s.Write(true)
				require.NoError(t, err)
			case "reopen":
				_, err := s.Write(true)
				require.NoError(t, err)
				require.NoError(t, s.Sync())
				s = open(t, fs, 0, phys)
			}
			for id, want := range model {
				require.Equal(t, want, all(t, s.Queue("T", id)))
			}
		}
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
