package commitlog_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/dispatch"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/flush"
	"github.com/actormq/actormq/actors/indexer"
	"github.com/actormq/actormq/actors/stats"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/storage"
	"github.com/actormq/actormq/testkit/history"
	"github.com/actormq/actormq/testkit/sim"
)

const (
	topic  = "T"
	queues = 4
)

// rig is the writing side of a store on a simulated host, with a few clients in
// front of it: CommitLog, Flush, Dispatch and Indexer are the real ones. It
// outlives crashes of the host.
type rig struct {
	t       *testing.T
	world   *sim.World
	host    *sim.Host
	history *history.History
	numbers [3]uint32 // of the last message of each client
	sync    bool      // SYNC_FLUSH

	// Of the running process.
	env       *env.Env
	store     *storage.Store
	commitlog *actor.PID
	queue     *messages.SendQueue
	client    *actor.PID
	open      int             // Appends without an answer
	refused   []messages.Send // sends that were not promised to be kept
	failed    []error         // what the store's actors reported
}

func newRig(t *testing.T, w *sim.World) *rig {
	return &rig{t: t, world: w, host: w.Host("broker"), history: history.New(), sync: true}
}

var storeHost = netip.MustParseAddrPort("10.0.0.1:10911")

// start opens the store and spawns its actors.
func (r *rig) start() {
	r.env, r.open, r.refused, r.failed, r.queue = r.host.Env(), 0, nil, nil, new(messages.SendQueue)
	store, err := storage.Open(storage.Options{
		FS: r.env.FS, Root: "/store", SegmentSize: 64 << 10, ConsumeQueueSize: 20 * 50,
		IndexEnabled: true, IndexSlots: 50, IndexEntries: 100,
		InMemoryBytes: 1 << 30, MaxMessagesInMemory: 100, MaxBytesInMemory: 1 << 20,
		MaxMessagesOnDisk: 100, MaxBytesOnDisk: 1 << 20,
		CheckCRC: true, Now: r.env.Clock.Now,
	})
	require.NoError(r.t, err)
	r.store = store
	failed := func(err error) { r.failed = append(r.failed, err) }
	pid := func(name string) *actor.PID { return actor.NewPID(r.env.Actors.Address(), name) }
	r.client = r.spawn("client", r.env.Props(func() actor.Actor { return actor.ReceiveFunc(r.receive) }))
	r.spawn("pullhold", r.env.Props(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }))
	r.spawn("indexer", indexer.Props(indexer.Options{
		Env: r.env, Store: store, Enabled: true, FlushEvery: 5 * time.Millisecond, MaxMessages: 10,
	}))
	r.spawn("dispatch", dispatch.Props(dispatch.Options{
		Env: r.env, Store: store, Indexer: pid("indexer"), PullHold: pid("pullhold"), WriteEvery: 3 * time.Millisecond, Failed: failed,
	}))
	r.spawn("flush", flush.Props(flush.Options{
		Env: r.env, Dispatch: pid("dispatch"), Sync: store.Log.Sync, Interval: 4 * time.Millisecond, Failed: failed,
	}))
	r.commitlog = r.spawn("commitlog", commitlog.Props(commitlog.Options{
		BusyAfter: func() int64 { return 1000 }, MaxWait: func() int64 { return 200 }, Queue: r.queue,
		Env: r.env, Log: store.Log, NextOffset: store.NextOffset, Flush: pid("flush"), Dispatch: pid("dispatch"),
		SyncFlush: r.sync, FlushTimeout: 5000, Counters: new(stats.Counters),
	}))
}

func (r *rig) spawn(name string, props *actor.Props) *actor.PID {
	pid, err := r.env.Actors.Root.SpawnNamed(props, name)
	require.NoError(r.t, err)
	return pid
}

// appendOne sends a burst of 1 to 4 messages of one client.
func (r *rig) appendOne() {
	random := r.env.Rand
	client := random.IntN(len(r.numbers))
	a := messages.NewAppend(0)
	a.ReplyTo, a.Peer, a.Arrived = r.client, &messages.Peer{PID: r.client}, r.env.Millis()
	var ids []history.ID
	for range 1 + random.IntN(4) {
		r.numbers[client]++
		id := history.ID{Client: uint32(client + 1), Number: r.numbers[client]}
		q := history.Queue{Topic: topic, ID: int32(random.IntN(queues))}
		r.history.Sent(id, q)
		ids = append(ids, id)
		a.Sends = append(a.Sends, messages.Send{First: len(a.Records), Count: 1, Wait: true})
		commitlog.Add(a, &record.Record{
			QueueID: q.ID, BornTimestamp: a.Arrived, BornHost: storeHost, StoreHost: storeHost, Body: history.Body(id),
			Properties: []byte("KEYS\x01k" + id.String() + "\x02"),
		}, topic, 0)
	}
	a.Token = ids
	r.open++
	r.env.Send(r.commitlog, a)
}

func (r *rig) receive(ctx actor.Context) {
	a, ok := ctx.Message().(*messages.Append)
	if !ok {
		return
	}
	r.open--
	for i, id := range a.Token.([]history.ID) {
		if send := &a.Sends[i]; send.Code != messages.Success {
			r.refused = append(r.refused, *send)
			continue
		}
		d := &a.Records[a.Sends[i].First]
		if err := r.history.Acknowledged(id, history.Queue{Topic: topic, ID: d.QueueID}, d.QueueOffset); err != nil {
			r.t.Fatal(err)
		}
	}
	a.Release()
}

// load keeps appends under way for some steps of the world.
func (r *rig) load(steps int) {
	for range steps {
		if r.open < 8 && r.env.Rand.IntN(4) == 0 {
			r.appendOne()
		}
		if r.env.Rand.IntN(50) == 0 {
			r.read(int32(r.env.Rand.IntN(queues)), 20)
		}
		r.world.Step()
	}
	require.NoError(r.t, r.world.Err())
}

// read tells the history what the end of a queue shows, at most the last messages
// of it, and returns the queue's bounds.
func (r *rig) read(queueID int32, last int64) (begin, end int64) {
	begin, end, err := r.store.Bounds(topic, queueID)
	require.NoError(r.t, err)
	for offset := max(begin, end-last); offset < end; {
		got := r.store.Get(topic, queueID, offset, 32, everything{}, nil)
		if got.Status != storage.Found {
			r.t.Fatalf("queue %d offset %d of [%d, %d): %v", queueID, offset, begin, end, got.Status)
		}
		for body := got.Body; len(body) > 0; offset++ {
			var rec record.Record
			n, err := record.Decode(body, &rec)
			if err == nil {
				err = r.history.Read(history.Queue{Topic: topic, ID: queueID}, offset, rec.Body)
			}
			if err != nil || rec.QueueOffset != offset {
				r.t.Fatalf("queue %d offset %d, which says that it is %d: %v", queueID, offset, rec.QueueOffset, err)
			}
			body = body[n:]
		}
		require.Equal(r.t, got.Next, offset)
	}
	return begin, end
}

type everything struct{}

func (everything) MatchTagsCode(int64) bool { return true }

// check compares all that the store shows with the history.
func (r *rig) check() {
	for id := range int32(queues) {
		begin, end := r.read(id, math.MaxInt64)
		require.NoError(r.t, r.history.Whole(history.Queue{Topic: topic, ID: id}, begin, end))
	}
}
