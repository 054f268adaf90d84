package grouptransfer_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/grouptransfer"
	"github.com/actormq/actormq/actors/ha"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// The scripts in testdata tell how waits end. Their commands print the waits that
// ended, by the end of their records, in the order in which they were answered.
func TestWaits(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		r := newRig(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return r.run(t, d)
		})
	})
}

// slaves stands in for ha.View.
type slaves map[string]int64

func (s slaves) Acked(dst []int64) []int64 {
	dst = dst[:0]
	for _, acked := range s {
		dst = append(dst, acked)
	}
	slices.Sort(dst)
	slices.Reverse(dst)
	return dst
}

func (s slaves) AckedByAll(end, gap int64) int64 {
	least := end
	for _, acked := range s {
		if end-acked < gap {
			least = min(least, acked)
		}
	}
	return least
}

func (s slaves) InSync(end, gap int64) int {
	n := 0
	for _, acked := range s {
		if end-acked < gap {
			n++
		}
	}
	return n
}

const (
	maxGap  = 1000
	timeout = 3 * time.Second
)

type rig struct {
	t       *testing.T
	world   *sim.World
	env     *env.Env
	slaves  slaves
	end     int64
	pid     *actor.PID
	client  *actor.PID
	answers []string
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, world: sim.New(1, sim.Options{StallRate: -1}), slaves: slaves{}}
	r.env = r.world.Host("broker").Env()
	r.client = r.spawn("client", r.env.Props(func() actor.Actor { return actor.ReceiveFunc(r.receive) }))
	r.pid = r.spawn("group-transfer", grouptransfer.Props(grouptransfer.Options{
		Env: r.env, Slaves: r.slaves, End: func() int64 { return r.end }, MaxGap: maxGap,
	}))
	return r
}

func (r *rig) spawn(name string, props *actor.Props) *actor.PID {
	pid, err := r.env.Actors.Root.SpawnNamed(props, name)
	require.NoError(r.t, err)
	return pid
}

func (r *rig) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *messages.Append:
		r.answers = append(r.answers, fmt.Sprintf("%d %s", m.End, m.Sends[0].Code))
		m.Release()
	case *grouptransfer.Drained:
		r.answers = append(r.answers, "drained")
	case *grouptransfer.Drain:
		ctx.Request(r.pid, m)
	}
}

func (r *rig) run(t *testing.T, d *datadriven.TestData) string {
	r.answers = nil
	switch d.Cmd {
	case "slaves": // NAME=ACKED …, all that there are from now on
		before := len(r.slaves)
		clear(r.slaves)
		r.acknowledge(t, d)
		r.env.Send(r.pid, &ha.Progress{Gone: len(r.slaves) < before})
	case "ack": // NAME=ACKED …
		r.acknowledge(t, d)
		r.env.Send(r.pid, &ha.Progress{})
	case "wait": // END … copies=N
		r.wait(t, d)
	case "advance":
		passed, err := time.ParseDuration(d.CmdArgs[0].Key)
		require.NoError(t, err)
		r.world.Advance(passed)
	case "drain":
		r.env.Send(r.client, &grouptransfer.Drain{})
	case "stop":
		r.env.Actors.Root.Stop(r.pid)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	r.world.Settle()
	require.NoError(t, r.world.Err())
	if len(r.answers) == 0 {
		return "nothing ends\n"
	}
	return strings.Join(r.answers, "\n") + "\n"
}

func (r *rig) acknowledge(t *testing.T, d *datadriven.TestData) {
	for _, arg := range d.CmdArgs {
		acked, err := strconv.ParseInt(arg.Vals[0], 10, 64)
		require.NoError(t, err)
		r.slaves[arg.Key] = acked
	}
}

func (r *rig) wait(t *testing.T, d *datadriven.TestData) {
	var copies int
	d.ScanArgs(t, "copies", &copies)
	var all []*messages.Append
	for _, arg := range d.CmdArgs {
		end, err := strconv.ParseInt(arg.Key, 10, 64)
		if err != nil {
			continue
		}
		a := messages.NewAppend(0)
		a.ReplyTo, a.End, a.Copies = r.client, end, copies
		a.Sends = append(a.Sends, messages.Send{Wait: true})
		a.Expect(messages.PartReplicas)
		a.Retain()
		all, r.end = append(all, a), end
	}
	r.env.Send(r.pid, &messages.WaitReplicated{Appends: all, Deadline: r.env.Clock.Now().Add(timeout)})
}
