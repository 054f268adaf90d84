package routes

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/mailbox"
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/messages"
)

// What one question for a route costs a name server, from the decoded request to
// the frames that are handed to the connection.
func BenchmarkReader(b *testing.B) {
	for _, brokers := range []int{1, 16} {
		b.Run(fmt.Sprint("route/brokers=", brokers), func(b *testing.B) {
			pool := mailbox.NewPool()
			e := env.System(nil, nil, pool, zerolog.Nop())
			sink, err := e.Actors.Root.SpawnNamed(e.Props(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }), "sink")
			if err != nil {
				b.Fatal(err)
			}
			o := Options{Env: e, View: new(View), KV: new(kvconfig.View), Config: new(atomic.Pointer[config.NameServer])}
			c := config.DefaultNameServer()
			o.Config.Store(&c)
			table, _ := filled(10_000, brokers).build()
			o.View.table.Store(table)
			reader := NewReader(o)
			peer := &messages.Peer{PID: sink}
			request := &messages.Command{Code: int32(messages.CodeGetRouteInfoByTopic), Version: messages.ProtocolVersion}
			request.Ext.Set("topic", "topic-77")
			b.ReportAllocs()
			for b.Loop() {
				reader.Send(peer, []*messages.Command{request}, 0)
			}
			b.StopTimer()
			if err := e.Actors.Root.PoisonFuture(sink).Wait(); err != nil {
				b.Fatal(err)
			}
			pool.Close()
		})
	}
}
