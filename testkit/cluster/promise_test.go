package cluster_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// What a SYNC_MASTER answers with success has been at as many slaves as it promised,
// whatever these do: acknowledge late, hang, break their connection, leave it behind
// and come again, lose the end of their log. And every send is answered in time.
func TestPromisedCopiesExist(t *testing.T) {
	promised, broken := 0, 0
	sim.Seeds(t, 50, sim.Options{}, func(t *testing.T, w *sim.World) {
		s := newStaff(t, w)
		for range 300 {
			s.act()
			w.Advance(time.Duration(s.random.IntN(2000)) * time.Microsecond)
			s.collect()
		}
		w.Advance(4 * time.Second)
		s.collect()
		require.Empty(t, s.open, "every send is answered")
		promised += s.promised
		broken += s.broken
	})
	require.Positive(t, promised)
	require.Positive(t, broken)
}

const (
	copies = 3
	slaves = 3
)

// staff is a master, its slaves, and a producer.
type staff struct {
	t        *testing.T
	world    *sim.World
	random   *rand.Rand
	master   *cluster.Broker
	producer *sim.Client
	open     []*sim.Call
	slaves   [slaves]*cluster.Follower // the present connection of each host, with its log
	lost     [slaves][]byte            // the longest log that a host had before it lost some

	sent, promised, broken int
}

func newStaff(t *testing.T, w *sim.World) *staff {
	s := &staff{t: t, world: w, random: rand.New(rand.NewPCG(w.Seed(), 0x7374616666))}
	s.master, s.producer = master(t, w, syncMaster(copies))
	for i := range s.slaves {
		s.slaves[i] = &cluster.Follower{}
		s.connect(i)
	}
	return s
}

func (s *staff) host(i int) *sim.Host { return s.world.Host(fmt.Sprintf("slave-%d", i+1)) }

// connect gives a slave a new connection. It goes on where its log ends.
func (s *staff) connect(i int) {
	before := s.slaves[i]
	f := s.master.Follow(s.host(i))
	f.Start, f.Log = 0, before.Log
	f.Acknowledge = true
	s.slaves[i] = f
	f.Report(f.End())
}

func (s *staff) act() {
	i := s.random.IntN(slaves)
	f := s.slaves[i]
	closed, _ := f.IsClosed()
	switch what := s.random.IntN(40); {
	case what < 25:
		for range 1 + s.random.IntN(3) {
			s.sent++
			text := fmt.Sprintf("message %d %s", s.sent, body(s.random.IntN(500)))
			s.open = append(s.open, s.producer.Send(script.Send(topic, int32(s.random.IntN(queues)), []byte(text))))
		}
	case closed:
		s.connect(i)
	case what < 26: // it is slow to acknowledge
		f.Acknowledge = false
	case what < 32:
		f.Acknowledge = true
		f.Report(f.End())
	case what < 33:
		f.Close()
	case what < 34: // the old connection stays, and the new one goes on
		f.Pause()
		s.connect(i)
	case what < 35: // as before, after a loss of power
		f.Pause()
		if len(f.Log) > len(s.lost[i]) {
			s.lost[i] = f.Log
		}
		f.Log = bytes.Clone(f.Log[:len(f.Log)-s.random.IntN(min(len(f.Log)+1, 2000))])
		s.connect(i)
	case what < 36:
		f.Pause()
	default:
		f.Resume()
	}
}

// collect judges the answers that have come.
func (s *staff) collect() {
	waiting := s.open[:0]
	for _, call := range s.open {
		if call.Response == nil {
			waiting = append(waiting, call)
			continue
		}
		require.Less(s.t, call.Answered-call.Sent, 3200*time.Millisecond)
		switch code := messages.ResponseCode(call.Response.Code); code {
		case messages.Success:
			s.promised++
			s.requireCopies(call)
		case messages.FlushSlaveTimeout, messages.SlaveNotAvailable:
			s.broken++
		default:
			s.t.Fatalf("an answer with code %v: %s", code, call.Response.Remark)
		}
	}
	s.open = waiting
}

// requireCopies looks for the message in the logs of the slaves.
func (s *staff) requireCopies(call *sim.Call) {
	_, phys, err := messages.DecodeOffsetMsgID(call.Response.Ext.Text("msgId"))
	require.NoError(s.t, err)
	n := 1
	for i, f := range s.slaves {
		log := f.Log
		if len(s.lost[i]) > len(log) {
			log = s.lost[i]
		}
		if phys < int64(len(log)) && bytes.Contains(log[phys:], call.Request.Body) {
			n++
		}
	}
	require.GreaterOrEqual(s.t, n, copies, "the record at %d", phys)
}
