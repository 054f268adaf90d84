// Package cleaner removes expired files and watches the disk
// (RocketMQ: CleanCommitLogService, CleanConsumeQueueService).
//
// Every ten seconds it decides by the time of day and the disk's use: it removes
// CommitLog segments itself, tells Dispatch and Indexer to follow with theirs,
// and closes the log to clients' sends while the disk is nearly full.
package cleaner

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/commitlog"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage"
)

// Options configures Cleaner.
type Options struct {
	Env       *env.Env
	Store     *storage.Store
	CommitLog *actor.PID
	// Followers get a messages.LogShrunk when segments were removed.
	Followers []*actor.PID
	Clean     func() storage.CleanOptions
	Interval  time.Duration // cleanResourceInterval
	FirstIn   time.Duration // of the first round after the start
}

// Props returns the props of Cleaner. It blocks on the disk, for which nobody
// waits. A restart forgets only that the disk was full, and sees it again.
func Props(o Options) *actor.Props {
	return o.Env.Props(func() actor.Actor { return &cleaner{Options: o} })
}

type cleaner struct {
	Options
	full   bool
	manual int // rounds that remove what has expired at any hour
	tick   env.Timer
}

type round struct{}

// RemoveExpired has segments that have expired removed in the next rounds, whatever the
// hour and the disk's use (RocketMQ: executeDeleteFilesManually).
type RemoveExpired struct{}

// manualRounds is the number of rounds that a RemoveExpired lasts, the first of them at
// once.
const manualRounds = 20

func (c *cleaner) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		c.watch(ctx)
		c.tick = c.Env.Tell(ctx.Self(), min(c.FirstIn, c.Interval), &round{})
	case *RemoveExpired:
		c.manual = manualRounds
		c.round(ctx)
	case *round:
		c.round(ctx)
		c.tick = c.Env.Tell(ctx.Self(), c.Interval, &round{})
	case *actor.Stopping, *actor.Restarting:
		c.tick.Stop()
	}
}

// watch looks at the disk without removing anything, so that a broker that
// starts on a full disk says so at once.
func (c *cleaner) watch(ctx actor.Context) storage.Verdict {
	used, err := c.Store.Used()
	if err != nil {
		c.Env.Log.Error().Err(err).Msg("the disk's use cannot be told")
		return storage.Verdict{}
	}
	rules := c.Clean()
	v := rules.Judge(c.Env.Clock.Now(), used, c.full)
	if v.Full != c.full {
		c.full = v.Full
		reason := fmt.Sprintf("The disk is %.0f%% full, above %.0f%%", used*100, rules.FullUsed*100)
		c.Env.Log.Warn().Bool("full", v.Full).Float64("used", used).Msg("the disk's state changed")
		ctx.Send(c.CommitLog, &commitlog.SetWritable{By: "cleaner", Writable: !v.Full, Reason: reason})
	}
	return v
}

func (c *cleaner) round(ctx actor.Context) {
	v := c.watch(ctx)
	if c.manual > 0 {
		c.manual--
		v.Remove = true
	}
	rules := c.Clean()
	removed, err := c.Store.RemoveSegments(&rules, v, c.Env.Clock.Now())
	if err != nil {
		c.Env.Log.Error().Err(err).Msg("expired segments could not be removed")
	}
	if removed == 0 {
		return
	}
	c.Env.Log.Info().Int("segments", removed).Int64("min", c.Store.Log.MinOffset()).Msg("removed expired segments")
	for _, pid := range c.Followers {
		ctx.Send(pid, &messages.LogShrunk{Min: c.Store.Log.MinOffset()})
	}
}
