// Package indexer owns the IndexFile: it adds the keys of what Dispatch made
// visible and answers queries by key and by message (RocketMQ: IndexService,
// QueryMessageProcessor).
package indexer

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Indexer.
type Options struct {
	Env   *env.Env
	Store *storage.Store
	// Enabled is messageIndexEnable; without it nothing is indexed.
	Enabled bool
	// FlushEvery is the time between two writes of the index to its file.
	FlushEvery time.Duration
	// MaxMessages bounds the messages of one answer (defaultQueryMaxNum).
	MaxMessages int
}

// Props returns the props of Indexer. It must not be restarted: the index's
// state in memory goes with it. Its supervisor escalates a panic.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &indexer{Options: o} })
}

// Codes lists the request codes that Indexer answers.
func Codes() []messages.RequestCode { return (*indexer)(nil).routes().Codes() }

type indexer struct {
	Options
	handlers front.Handlers
	failed   bool
	tick     env.Timer
}

type flush struct{}

func (x *indexer) routes() front.Handlers {
	return front.Handlers{
		messages.CodeQueryMessage:    x.query,
		messages.CodeViewMessageByID: x.view,
	}
}

func (x *indexer) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		x.handlers = x.routes()
		x.tick = x.Env.Tell(ctx.Self(), x.FlushEvery, &flush{})
	case *messages.Appended:
		x.appended(m)
	case *messages.Requests:
		x.handlers.Serve(x.Env, m)
	case *messages.LogShrunk:
		if _, err := x.Store.Index.Clean(m.Min); err != nil {
			x.Env.Log.Error().Err(err).Msg("expired index files could not be removed")
		}
	case *flush:
		x.flush()
		x.tick = x.Env.Tell(ctx.Self(), x.FlushEvery, &flush{})
	case *actor.Stopping:
		x.tick.Stop()
		x.flush()
	}
}

// appended indexes a group, which ends here.
func (x *indexer) appended(m *messages.Appended) {
	for _, a := range m.Appends {
		for i := range a.Records {
			if r := &a.Records[i].DispatchRequest; x.Enabled && !x.failed && r.Size > 0 && r.Phys < a.End {
				x.put(r)
			}
		}
		a.Release()
	}
}

// put indexes one record. An index that cannot be written stops growing: queries
// miss what is new, everything else goes on.
func (x *indexer) put(r *messages.DispatchRequest) {
	if err := x.Store.Index.Put(r); err != nil {
		x.failed = true
		x.Env.Log.Error().Err(err).Msg("the index could not be written; messages are no longer found by key")
	}
}

func (x *indexer) flush() {
	if x.failed || !x.Enabled {
		return
	}
	if err := x.Store.FlushIndex(); err != nil {
		x.failed = true
		x.Env.Log.Error().Err(err).Msg("the index could not be flushed; messages are no longer found by key")
	}
}

func (x *indexer) query(r *front.Request) (*messages.Command, error) {
	q, err := messages.ParseQueryMessage(&r.Command.Ext)
	if err != nil {
		return nil, err
	}
	limit := min(int(q.MaxNum), x.MaxMessages)
	if q.UniqueKey {
		limit = x.MaxMessages
	}
	found, err := x.Store.QueryByKey(q.Topic, q.Key, q.Tags, limit, q.Begin, q.End)
	if err != nil {
		return nil, err
	}
	if len(found.Body) == 0 {
		return nil, messages.Refuse(messages.QueryNotFound, "can not find message, maybe time range not correct")
	}
	response := r.Response(messages.Success, "")
	response.Ext.SetInt("indexLastUpdateTimestamp", found.LastTimestamp)
	response.Ext.SetInt("indexLastUpdatePhyoffset", found.LastPhys)
	response.Body = found.Body
	return response, nil
}

// view answers with the record at a physical offset, which is what a message id
// of the broker names.
func (x *indexer) view(r *front.Request) (*messages.Command, error) {
	phys, err := r.Command.Ext.Int64("offset")
	if err != nil {
		return nil, err
	}
	raw, err := x.Store.Log.Record(phys, nil)
	if err != nil {
		return nil, messages.Refuse(messages.SystemError, "can not find message by the offset, %d", phys)
	}
	response := r.Response(messages.Success, "")
	response.Body = raw
	return response, nil
}
