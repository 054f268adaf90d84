package ha

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/env"
)

// connection is one HAConnection: it starts the two directions, and ends both when
// either fails or the slave is silent for too long.
type connection struct {
	*Options
	reader *reader
	tick   env.Timer
}

type (
	closed  struct{ err error }
	giveUp  struct{ err error }
	isAlive struct{}
)

func (c *connection) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.start(ctx)
	case *isAlive:
		c.checkSilence(ctx)
	case *giveUp:
		c.Env.Log.Error().Err(m.err).Stringer("slave", c.reader.replica.Addr).Msg("a slave cannot be served; closing its connection")
		c.reader.conn.Close()
	case *closed:
		c.Env.Log.Info().Err(m.err).Stringer("slave", c.reader.replica.Addr).
			Int64("acknowledged", c.reader.replica.acked.Load()).Msg("the connection to a slave has ended")
		ctx.Stop(ctx.Self())
	case *actor.Terminated: // the Writer panicked, or ends with this actor
		c.reader.conn.Close()
	case *actor.Stopping:
		// A Writer that is blocked in its write fails now, and can stop.
		c.reader.conn.Close()
		c.tick.Stop()
	}
}

// writerName is the name of the Writer under its HAConnection. Its PID is known
// before the actor exists.
const writerName = "writer"

func (c *connection) start(ctx actor.Context) {
	c.tick = c.Env.Tell(ctx.Self(), c.sweep(), &isAlive{})
	props := c.Env.Props(func() actor.Actor {
		return &writer{Options: c.Options, conn: c.reader.conn, replica: c.reader.replica, next: unreported}
	})
	pid, err := ctx.SpawnNamed(props, writerName)
	if err != nil {
		panic(err) // the name is free: an HAConnection spawns one child
	}
	ctx.Watch(pid)
	c.reader.conn.Resume()
}

func (c *connection) sweep() time.Duration { return max(c.Silence/20, time.Millisecond) }

// checkSilence closes the connection of a slave that does not report. A slave
// that has nothing to acknowledge does so every haSendHeartbeatInterval.
func (c *connection) checkSilence(ctx actor.Context) {
	if silent := c.Env.Millis() - c.reader.heard.Load(); silent > c.Silence.Milliseconds() {
		c.Env.Log.Warn().Stringer("slave", c.reader.replica.Addr).Int64("millis", silent).Msg("a slave is silent; closing its connection")
		c.reader.conn.Close()
	}
	c.tick = c.Env.Tell(ctx.Self(), c.sweep(), &isAlive{})
}
