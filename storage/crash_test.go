package storage_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/storage/batchqueue"
	"github.com/actormq/actormq/storage/consumequeue"
	"github.com/actormq/actormq/storage/vfs"
)

// TestCrashes appends, flushes and lets a store crash at any point, by a power
// loss or kill -9, and looks at what the next process finds: every record that
// was promised, byte for byte and in its queue and index, and nothing else.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"append":       m.append,
			"dispatch":     m.dispatch,
			"sync":         m.sync,
			"write queues": m.writeQueues,
			"flush index":  m.flushIndex,
			"prepare":      func(t *rapid.T) { require.NoError(t, m.store.Log.Prepare()) },
			"expire":       m.expire,
			"restart":      m.restart,
			"kill":         m.kill,
			"power loss":   m.powerLoss,
			"":             m.check,
		})
		m.restart(t)
		m.check(t)
	})
}

// model is what a store must hold.
type model struct {
	fs    *vfs.Mem
	store *storage.Store
	rand  *rand.Rand // of the disk's losses
	now   int64

	records    []entry // in the log, in its order
	dispatched int     // of records
	indexed    int
	durable    int // records that no crash may take
	kept       int // records below it are expired
}

// batches is a topic of queue type BatchCQ.
const batches = "batches"

// entry is a record of the model.
type entry struct {
	raw     []byte
	request messages.DispatchRequest
	key     string
}

func newModel(t *rapid.T) *model {
	mem := vfs.NewMem(nil)
	return &model{fs: mem, rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "losses"), 0)), now: 1_000_000}
}

func (m *model) options() storage.Options {
	return storage.Options{
		FS: m.fs, Root: "/data/store", SegmentSize: 4096, ConsumeQueueSize: 10 * consumequeue.UnitSize,
		BatchQueueSize: 5 * batchqueue.UnitSize,
		IndexSlots:     16, IndexEntries: 40, IndexEnabled: true, CheckCRC: true,
		Now:     func() time.Time { return time.UnixMilli(m.now) },
		IsBatch: func(topic string) bool { return topic == batches },
	}
}

func (m *model) open() {
	var err error
	if m.store, err = storage.Open(m.options()); err != nil {
		panic(fmt.Sprintf("open: %v", err))
	}
}

var host = netip.MustParseAddrPort("127.0.0.1:10911")

// append appends a group of one to three bursts, each of which stays in one
// segment.
func (m *model) append(t *rapid.T) {
	log := m.store.Log
	for range rapid.IntRange(1, 3).Draw(t, "bursts") {
		m.now += int64(rapid.IntRange(0, 2000).Draw(t, "ms"))
		var burst []byte
		first := len(m.records)
		for range rapid.IntRange(1, 3).Draw(t, "records") {
			topic := rapid.SampledFrom([]string{"A", "B", batches}).Draw(t, "topic")
			key := fmt.Sprintf("k%d", len(m.records))
			r := record.Record{
				QueueID: int32(rapid.IntRange(0, 1).Draw(t, "queue")), BornHost: host, StoreHost: host,
				Topic: []byte(topic), Body: make([]byte, rapid.IntRange(0, 900).Draw(t, "body")),
				Properties: messages.AppendProperty(nil, messages.PropertyKeys, key),
			}
			if topic == batches {
				if n := rapid.IntRange(0, 5).Draw(t, "messages"); n > 0 {
					r.SysFlag = messages.SysFlagInnerBatch
					r.Properties = record.AppendInner(r.Properties, n)
				}
			}
			for i := range r.Body {
				r.Body[i] = byte(len(m.records) + i)
			}
			at := len(burst)
			burst = r.Append(burst)
			d := r.Request(topic, len(burst)-at, nil)
			d.QueueOffset, d.Keys = m.next(topic, r.QueueID), []byte(key)
			m.records = append(m.records, entry{raw: burst[at:], request: d, key: key})
		}
		phys, err := log.Reserve(len(burst))
		require.NoError(t, err)
		for i := first; i < len(m.records); i++ {
			e := &m.records[i]
			e.raw = burst[:e.request.Size]
			burst = burst[e.request.Size:]
			e.request.Phys, e.request.StoreTime = phys, m.now
			record.Place(e.raw, phys, e.request.QueueOffset, m.now)
			if e.request.Inner > 0 {
				record.PlaceInner(e.raw, e.request.QueueOffset)
			}
			log.Put(e.raw)
			phys += int64(e.request.Size)
		}
	}
	require.NoError(t, log.Commit(m.now))
}

// next returns the next offset of a queue.
func (m *model) next(topic string, queueID int32) int64 {
	n := int64(0)
	for i := range m.records {
		if d := &m.records[i].request; d.Topic == topic && d.QueueID == queueID {
			n = d.Next()
		}
	}
	return n
}

func (m *model) dispatch(t *rapid.T) {
	n := rapid.IntRange(m.dispatched, len(m.records)).Draw(t, "queues up to")
	for ; m.dispatched < n; m.dispatched++ {
		require.NoError(t, m.store.Dispatch(&m.records[m.dispatched].request))
	}
	n = rapid.IntRange(m.indexed, m.dispatched).Draw(t, "index up to")
	for ; m.indexed < n; m.indexed++ {
		require.NoError(t, m.store.Index.Put(&m.records[m.indexed].request))
	}
}

func (m *model) sync(t *rapid.T) {
	end, err := m.store.Log.Sync()
	require.NoError(t, err)
	require.Equal(t, m.store.Log.MaxOffset(), end)
	m.durable = len(m.records)
}

func (m *model) writeQueues(t *rapid.T) {
	sync, err := m.store.WriteQueues()
	require.NoError(t, err)
	if rapid.Bool().Draw(t, "and sync") {
		require.NoError(t, sync())
		m.durable = len(m.records)
	}
}

func (m *model) flushIndex(t *rapid.T) {
	require.NoError(t, m.store.FlushIndex())
	m.durable = len(m.records) // the log comes first
}

// expire removes the oldest segment.
func (m *model) expire(t *rapid.T) {
	_, err := m.store.RemoveSegments(&storage.CleanOptions{BatchMax: 1}, storage.Verdict{Remove: true, Force: true}, time.UnixMilli(m.now))
	require.NoError(t, err)
	m.expired()
	_, err = m.store.CleanQueues(m.store.Log.MinOffset())
	require.NoError(t, err)
	_, err = m.store.Index.Clean(m.store.Log.MinOffset())
	require.NoError(t, err)
}

func (m *model) expired() {
	for m.kept < len(m.records) && m.records[m.kept].request.Phys < m.store.Log.MinOffset() {
		m.kept++
	}
}

// restart closes the store, which first dispatches what was appended, as the
// broker does.
func (m *model) restart(t *rapid.T) {
	for ; m.dispatched < len(m.records); m.dispatched++ {
		require.NoError(t, m.store.Dispatch(&m.records[m.dispatched].request))
	}
	for ; m.indexed < len(m.records); m.indexed++ {
		require.NoError(t, m.store.Index.Put(&m.records[m.indexed].request))
	}
	require.NoError(t, m.store.Close())
	m.durable = len(m.records)
	if rapid.Bool().Draw(t, "power loss while down") {
		m.fs.Crash(m.rand.IntN)
	}
	m.open()
	require.False(t, m.store.Recovery.Crashed)
	require.LessOrEqual(t, m.store.Recovery.Dispatched, 1, "a clean stop leaves nothing to do")
	m.survived(t)
}

func (m *model) kill(t *rapid.T) {
	m.fs.CrashProcess()
	m.durable = len(m.records) // what was written stays
	m.open()
	require.True(t, m.store.Recovery.Crashed)
	m.survived(t)
}

func (m *model) powerLoss(t *rapid.T) {
	m.fs.Crash(m.rand.IntN)
	m.open()
	require.True(t, m.store.Recovery.Crashed)
	m.survived(t)
}

// survived adopts what the new process found, after checking that it is what
// must and may be there. All of it counts as durable from now on.
func (m *model) survived(t *rapid.T) {
	end := m.store.Log.MaxOffset()
	n := 0
	for n < len(m.records) && m.records[n].request.Phys < end {
		n++
	}
	require.GreaterOrEqual(t, n, m.durable, "durable records are gone; the log ends at %d", end)
	if n > 0 {
		last := m.records[n-1].request
		if behind := last.Phys + int64(last.Size); behind != end {
			require.Zero(t, end%4096, "the log ends within something, behind its last record at %d", behind)
			require.Equal(t, end, behind-behind%4096+4096)
		}
	}
	m.records = m.records[:n]
	m.durable, m.dispatched, m.indexed = n, n, n
	m.expired()
	require.Equal(t, end, m.store.Log.FlushedOffset())
}

// check compares everything that readers can see.
func (m *model) check(t *rapid.T) {
	appended, next := map[string]int64{}, map[string]int64{}
	var buf []byte
	for i := range m.records {
		e := &m.records[i]
		queue := fmt.Sprintf("%s-%d", e.request.Topic, e.request.QueueID)
		require.Equal(t, appended[queue], e.request.QueueOffset)
		appended[queue] = e.request.Next()
		if i < m.dispatched {
			next[queue] = e.request.Next()
		}
		if i < m.kept {
			continue
		}
		raw, err := m.store.Log.Record(e.request.Phys, buf)
		require.NoError(t, err)
		require.Equal(t, e.raw, raw)
		if i < m.dispatched {
			m.checkQueue(t, e)
		}
		if i < m.indexed {
			found, err := m.store.QueryByKey(e.request.Topic, e.key, false, 64, 0, m.now)
			require.NoError(t, err)
			require.Equal(t, e.raw, found.Body, "by its key %s", e.key)
		}
	}
	for _, topic := range []string{"A", "B", batches} {
		for id := range int32(2) {
			require.Equal(t, next[fmt.Sprintf("%s-%d", topic, id)], m.store.NextOffset(topic, id), "next offset of %s-%d", topic, id)
		}
	}
}

func (m *model) checkQueue(t *rapid.T, e *entry) {
	if e.request.Topic == batches {
		m.checkBatch(t, e)
		return
	}
	q := m.store.Queues.Queue(e.request.Topic, e.request.QueueID)
	require.NotNil(t, q)
	require.LessOrEqual(t, q.MinOffset(), e.request.QueueOffset)
	var units [1]consumequeue.Unit
	n, err := q.Read(e.request.QueueOffset, units[:])
	require.NoError(t, err)
	require.Equal(t, 1, n, "unit %d of %s-%d, of %d to %d", e.request.QueueOffset, e.request.Topic, e.request.QueueID, q.MinOffset(), q.MaxOffset())
	require.Equal(t, consumequeue.Unit{Phys: e.request.Phys, Size: e.request.Size, TagsCode: e.request.TagsCode}, units[0])

	got := m.store.Get(e.request.Topic, e.request.QueueID, e.request.QueueOffset, 1, nil, nil)
	require.Equal(t, storage.Found, got.Status)
	require.True(t, slices.Equal(e.raw, got.Body))
}

// checkBatch reads a batch from each of its offsets.
func (m *model) checkBatch(t *rapid.T, e *entry) {
	d := &e.request
	for offset := d.QueueOffset; offset < d.Next(); offset++ {
		got := m.store.Get(d.Topic, d.QueueID, offset, 1, nil, nil)
		require.Equal(t, storage.Found, got.Status, "offset %d of the batch at %d", offset, d.QueueOffset)
		require.True(t, slices.Equal(e.raw, got.Body))
		require.Equal(t, int(max(d.Inner, 1)), got.Count)
		require.Equal(t, d.Next(), got.Next)
		require.Equal(t, d.StoreTime, m.store.StoreTimeAt(d.Topic, d.QueueID, offset))
	}
}
