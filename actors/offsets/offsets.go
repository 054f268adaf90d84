// Package offsets owns the consumer offsets of a broker: how far each group has
// consumed each queue, kept in memory, saved to config/consumerOffset.json on a
// tick and at the end, in the format of RocketMQ's ConsumerOffsetManager.
package offsets

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/jsonfile"
)

// Options configures Offsets.
type Options struct {
	Env *env.Env
	// Dir is the folder of the JSON files, <storePathRootDir>/config.
	Dir string
	// Slave says that the master's offsets count, see Merge.
	Slave bool
	// Resets is where Offsets publishes the offsets that operators set.
	Resets *Resets
	// SaveEvery is flushConsumerOffsetInterval.
	SaveEvery time.Duration
	// KnownGroup and KnownTopic tell whether an offset may be committed for them.
	KnownGroup func(group string) bool
	KnownTopic func(topic string) bool
	// Young tells whether queue offset 0 of a queue is there and near the end of
	// the log; a group without an offset then starts at 0.
	Young func(topic string, queueID int32) (bool, error)
	// Bounds tells the first and the next offset of a queue.
	Bounds func(topic string, queueID int32) (minOffset, maxOffset int64, err error)
}

// Commit stores an offset that came with a pull.
type Commit struct {
	Group, Topic string
	QueueID      int32
	Offset       int64
}

// Pulled tells of a pull that asks for the messages from offset From on: what lies before
// is with the consumer. Commits says that it brought the Commit.
type Pulled struct {
	Commit
	From    int64
	Commits bool
}

// Reset sets an offset on behalf of an operator.
type Reset struct{ Commit }

// Merge gives a slave the offsets of its master. What clients have committed here
// since, and further than there, stays; ReplyTo gets it as *Ahead, for the master.
type Merge struct {
	Offsets *messages.ConsumerOffsets
	ReplyTo *actor.PID
}

// Ahead lists what a slave's clients committed that its master does not have.
type Ahead struct{ Commits []Commit }

// List asks for the offsets of all groups. The sender gets them as *Listed.
type List struct{}

// Listed answers List: offsets by topic@group and queue. All of it is the asker's.
type Listed struct{ Offsets map[string]map[int32]int64 }

// Props returns the props of Offsets. A restart reads the file again and loses
// at most SaveEvery of commits, which consumers repeat.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &offsets{Options: o} })
}

// table maps topic@group to queue to offset.
type table map[string]map[int32]int64

type offsets struct {
	Options
	handlers front.Handlers

	committed table
	pulled    table // how far groups have pulled, which is not saved
	// local are a slave's offsets that came from clients, not from the master.
	local   map[mine]struct{}
	version messages.DataVersion
	dirty   bool
	tick    env.Timer
}

type save struct{}

// Handlers are the request codes that Offsets owns; o may be nil to list them.
func (o *offsets) routes() front.Handlers {
	return front.Handlers{
		messages.CodeQueryConsumerOffset:   o.query,
		messages.CodeUpdateConsumerOffset:  o.update,
		messages.CodeGetAllConsumerOffset:  o.all,
		messages.CodeQueryCorrectionOffset: o.correction,
	}
}

// Codes lists the request codes that Offsets answers.
func Codes() []messages.RequestCode { return (*offsets)(nil).routes().Codes() }

func (o *offsets) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		o.start(ctx)
	case *messages.Requests:
		o.handlers.Serve(o.Env, m)
	case *Commit:
		o.commit(m)
	case *Pulled:
		o.noticePull(m)
		if m.Commits {
			o.commit(&m.Commit)
		}
	case *Reset:
		o.put(key(m.Topic, m.Group), m.QueueID, m.Offset)
		o.Resets.put(m)
	case *Merge:
		ctx.Send(m.ReplyTo, &Ahead{Commits: o.merge(m.Offsets)})
	case *Query:
		ctx.Send(m.ReplyTo, o.find(m))
	case *Lookup:
		ctx.Send(m.ReplyTo, o.lookup(m))
	case *List:
		ctx.Respond(o.list())
	case *Adopt:
		o.committed[key(m.Topic, m.Group)] = m.Offsets
		o.dirty = true
	case *topics.Deleted:
		o.forget(func(topic, _ string) bool { return topic == m.Topic })
	case *subscriptions.Deleted:
		if m.CleanOffsets {
			o.forget(func(_, group string) bool { return group == m.Group })
		}
	case *save:
		o.save()
		o.tick = o.Env.Tell(ctx.Self(), o.SaveEvery, &save{})
	case *actor.Stopping, *actor.Restarting:
		o.tick.Stop()
		o.save()
	}
}

func key(topic, group string) string { return topic + "@" + group }

func (o *offsets) put(key string, queueID int32, offset int64) {
	queues := o.committed[key]
	if queues == nil {
		queues = make(map[int32]int64)
		o.committed[key] = queues
	}
	queues[queueID] = offset
	o.dirty = true
}

// commit stores an offset; going back is allowed, as clients do when they reset.
func (o *offsets) commit(m *Commit) {
	if _, pending := o.Resets.pending(m.Group, m.Topic, m.QueueID); !pending {
		o.put(key(m.Topic, m.Group), m.QueueID, m.Offset)
		if o.Slave {
			o.local[mine{key(m.Topic, m.Group), m.QueueID}] = struct{}{}
		}
	}
}

// mine is a queue of a topic@group.
type mine struct {
	key     string
	queueID int32
}

// merge takes the master's offsets, except where this broker's clients are ahead,
// as those of a master that was away are. That Apache's slave forgets
// (SlaveSynchronize.syncConsumerOffset).
func (o *offsets) merge(master *messages.ConsumerOffsets) (ahead []Commit) {
	local := slices.SortedFunc(maps.Keys(o.local), func(a, b mine) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.queueID, b.queueID))
	})
	for _, m := range local {
		ours, theirs := o.committed[m.key][m.queueID], master.OffsetTable[m.key]
		if at, known := theirs[m.queueID]; known && at >= ours {
			delete(o.local, m)
			continue
		}
		topic, group, _ := strings.Cut(m.key, "@")
		ahead = append(ahead, Commit{Group: group, Topic: topic, QueueID: m.queueID, Offset: ours})
	}
	for key, queues := range master.OffsetTable {
		for queueID, offset := range queues {
			_, ours := o.local[mine{key, queueID}]
			if at, known := o.committed[key][queueID]; !ours && (!known || at != offset) {
				o.put(key, queueID, offset)
			}
		}
	}
	return ahead
}

func (o *offsets) list() *Listed {
	l := &Listed{Offsets: make(map[string]map[int32]int64, len(o.committed))}
	for key, queues := range o.committed {
		l.Offsets[key] = maps.Clone(queues)
	}
	return l
}

func (o *offsets) update(r *front.Request) (*messages.Command, error) {
	m, err := commitOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	if !o.KnownGroup(m.Group) {
		return nil, messages.Refuse(messages.SubscriptionGroupUnknown, "Group %s not exist!", m.Group)
	}
	if !o.KnownTopic(m.Topic) {
		return nil, messages.Refuse(messages.TopicNotExist, "Topic %s not exist!", m.Topic)
	}
	o.commit(m)
	return r.Response(messages.Success, ""), nil
}

func commitOf(ext *messages.Ext) (*Commit, error) {
	m, err := queueOf(ext)
	if err != nil {
		return nil, err
	}
	m.Offset, err = ext.Int64("commitOffset")
	return m, err
}

func queueOf(ext *messages.Ext) (m *Commit, err error) {
	m = new(Commit)
	if m.Group, err = ext.RequiredText("consumerGroup"); err != nil {
		return nil, err
	}
	if m.Topic, err = ext.RequiredText("topic"); err != nil {
		return nil, err
	}
	m.QueueID, err = ext.Int32("queueId")
	return m, err
}

// query answers where a group goes on. QueryNotFound is the only answer that
// lets a client apply its own consume-from rule; on a young queue Apache's
// broker says 0 instead, and so do we (ConsumerManageProcessor).
func (o *offsets) query(r *front.Request) (*messages.Command, error) {
	m, err := queueOf(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	offset, ok := o.Resets.pending(m.Group, m.Topic, m.QueueID)
	if !ok {
		offset, ok = o.committed[key(m.Topic, m.Group)][m.QueueID]
	}
	if !ok {
		_, given := r.Command.Ext.Get("setZeroIfNotFound")
		young, err := o.Young(m.Topic, m.QueueID)
		minOffset, _, failed := o.Bounds(m.Topic, m.QueueID)
		switch err = errors.Join(err, failed); {
		case err != nil:
			return nil, err // a guess would have the group skip messages
		case given && !r.Command.Ext.Bool("setZeroIfNotFound"):
			return nil, messages.Refuse(messages.QueryNotFound, "Not found, do not set to zero, maybe this group boot first")
		case minOffset > 0 || !young:
			return nil, messages.Refuse(messages.QueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
		}
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetInt("offset", offset)
	return response, nil
}

// all hands every offset to a slave (RocketMQ: SlaveSynchronize).
func (o *offsets) all(r *front.Request) (*messages.Command, error) {
	body, err := (&messages.ConsumerOffsets{DataVersion: o.version, OffsetTable: o.committed}).Encode()
	if err != nil {
		return nil, err
	}
	response := r.Response(messages.Success, "")
	response.Body = body
	return response, nil
}

func (o *offsets) forget(match func(topic, group string) bool) {
	for k := range o.committed {
		if topic, group, _ := strings.Cut(k, "@"); match(topic, group) {
			delete(o.committed, k)
			o.dirty = true
		}
	}
	for k := range o.pulled {
		if topic, group, _ := strings.Cut(k, "@"); match(topic, group) {
			delete(o.pulled, k)
		}
	}
	o.Resets.forget(match)
}

func (o *offsets) start(ctx actor.Context) {
	o.handlers = o.routes()
	o.committed, o.pulled, o.local = make(table), make(table), make(map[mine]struct{})
	o.tick = o.Env.Tell(ctx.Self(), o.SaveEvery, &save{})
	var saved messages.ConsumerOffsets
	if err := jsonfile.Load(o.Env.FS, o.file(), &saved); err != nil {
		panic(err) // unreadable offsets must not be overwritten by empty ones
	}
	o.version = saved.DataVersion
	for k, queues := range saved.OffsetTable {
		o.committed[k] = queues
	}
}

func (o *offsets) file() string { return path.Join(o.Dir, "consumerOffset.json") }

func (o *offsets) save() {
	if !o.dirty {
		return
	}
	o.version.Next(o.Env.Millis())
	saved := messages.ConsumerOffsets{DataVersion: o.version, OffsetTable: o.committed}
	if err := jsonfile.Save(o.Env.FS, o.file(), &saved); err != nil {
		o.Env.Log.Error().Err(err).Msg("consumer offsets could not be saved; the next tick tries again")
		return
	}
	o.dirty = false
}
