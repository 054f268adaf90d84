package cluster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/script"
	"github.com/actormq/actormq/testkit/sim"
)

// Transactor is a producer of transactions, with a database that survives whatever
// happens to the broker. It forgets to end some transactions, and some of their ends
// get lost; asked, it tells what the database says.
type Transactor struct {
	// Immunity, if not empty, is what halves ask for, in seconds.
	Immunity string

	broker  *Broker
	random  *rand.Rand
	topic   string
	queues  int
	client  *sim.Client
	open    map[string]*sim.Call
	outcome map[string]int32         // by id of the message; 0 is yet to be decided
	fresh   map[string]bool          // begun by this connection
	ends    map[string]*sim.Call     // that it has sent
	ended   map[string]time.Duration // of the world, when it got to know that an end was taken

	Asked int // questions that it got
}

// NewTransactor returns a producer for a topic that exists or will.
func NewTransactor(b *Broker, topic string, queues int) *Transactor {
	return &Transactor{
		broker: b, topic: topic, queues: queues, outcome: make(map[string]int32),
		random: rand.New(rand.NewPCG(b.world.Seed(), 0x7472616e73)),
	}
}

// Connect gives the producer a new connection. Of the halves under way it never
// learns whether they are stored: their transactions do not take place.
func (t *Transactor) Connect() {
	t.client = t.broker.Dial(t.broker.world.Host("transactor"))
	for id := range t.open {
		t.outcome[id] = messages.SysFlagRollback
	}
	t.open, t.ends = make(map[string]*sim.Call), make(map[string]*sim.Call)
	// A crash may take ends that are in no op message yet, and have halves stored again
	// that were stored again before.
	t.fresh, t.ended = make(map[string]bool), make(map[string]time.Duration)
	t.beat()
}

func (t *Transactor) beat() {
	beat, err := script.Heartbeat("transactor@1")
	require.NoError(t.broker.t, err)
	t.client.Send(beat)
}

// Load begins and ends transactions for so many steps of the world.
func (t *Transactor) Load(steps int) {
	for range steps {
		if t.random.IntN(20) == 0 {
			t.begin()
		}
		t.collect()
		t.answer()
		t.broker.world.Step()
	}
	require.NoError(t.broker.t, t.broker.world.Err())
}

// Settle answers the broker's questions, and begins nothing, for so long.
func (t *Transactor) Settle(span time.Duration) {
	t.reconnect()
	for end := t.broker.world.Elapsed() + span; t.broker.world.Elapsed() < end; {
		t.broker.world.Advance(100 * time.Millisecond)
		t.reconnect()
		t.collect()
		t.answer()
	}
	require.NoError(t.broker.t, t.broker.world.Err())
}

func (t *Transactor) reconnect() {
	if closed, _ := t.client.IsClosed(); closed {
		t.Connect()
	}
}

func (t *Transactor) begin() {
	if closed, _ := t.client.IsClosed(); closed || len(t.open) >= window {
		return
	}
	id := fmt.Sprintf("transaction-%d", len(t.outcome)+1)
	t.outcome[id] = 0
	half := script.Half(t.topic, int32(t.random.IntN(t.queues)), id, []byte("of "+id), t.broker.Host.Now().UnixMilli())
	if t.Immunity != "" && t.random.IntN(2) == 0 {
		properties := messages.AppendProperty([]byte(half.Ext.Text("properties")), messages.PropertyCheckImmunityTime, t.Immunity)
		half.Ext.Set("properties", string(properties))
	}
	t.open[id] = t.client.Send(half)
}

// collect takes the answers to halves. A transaction takes place, or not, once its
// half is stored, and mostly the broker is told.
func (t *Transactor) collect() {
	for _, id := range slices.Sorted(maps.Keys(t.open)) {
		response := t.open[id].Response
		if response == nil {
			continue
		}
		delete(t.open, id)
		t.fresh[id] = true
		if script.Succeeded(response) != nil {
			t.outcome[id] = messages.SysFlagRollback
			continue
		}
		switch t.random.IntN(4) {
		case 0, 1:
			t.outcome[id] = messages.SysFlagCommit
		case 2:
			t.outcome[id] = messages.SysFlagRollback
		}
		if t.random.IntN(5) > 0 {
			end, err := script.End(response, t.outcome[id])
			require.NoError(t.broker.t, err)
			end.Flag = 0 // real producers want no answer
			if call := t.client.Send(end); t.outcome[id] != 0 {
				t.ends[id] = call
			}
		}
	}
	for id, end := range t.ends {
		if end.Response != nil && script.Succeeded(end.Response) == nil {
			t.ended[id] = t.broker.world.Elapsed()
			delete(t.ends, id)
		}
	}
}

// underWay is how long a question may be under way.
const underWay = 100 * time.Millisecond

// answer answers the broker's questions. What is not decided is, by the second
// question on the average.
func (t *Transactor) answer() {
	for _, push := range t.client.Pushes() {
		require.Equal(t.broker.t, int32(messages.CodeCheckTransactionState), push.Code)
		t.Asked++
		var r record.Record
		_, err := record.Decode(push.Body, &r)
		require.NoError(t.broker.t, err)
		id := string(messages.FindProperty(r.Properties, messages.PropertyUniqKey))
		require.Equal(t.broker.t, "of "+id, string(r.Body))
		require.Equal(t.broker.t, t.topic, string(r.Topic))
		if ended, ok := t.ended[id]; ok {
			require.Less(t.broker.t, t.broker.world.Elapsed()-ended, underWay, "%s has ended, and is asked about", id)
		}
		if t.open[id] == nil && t.outcome[id] == 0 && t.random.IntN(2) == 0 {
			t.outcome[id] = [...]int32{messages.SysFlagCommit, messages.SysFlagRollback}[t.random.IntN(2)]
		}
		end, err := script.Checked(push, t.outcome[id])
		require.NoError(t.broker.t, err)
		end.Flag = 0
		if call := t.client.Send(end); t.outcome[id] != 0 && t.fresh[id] {
			t.ends[id] = call
		}
	}
}

// Check reads the topic and says how many messages of it belong to transactions that
// took place, and how many of those are there again. One that is missing, or belongs
// to a transaction that did not take place, fails the test.
func (t *Transactor) Check() (committed, repeated int) {
	seen := make(map[string]int)
	host := t.broker.world.Host("reader")
	t.broker.world.SetLink(t.broker.Host, host, sim.Link{MaxDelay: time.Millisecond})
	reader := t.broker.Dial(host)
	defer reader.Close()
	for q := range int32(t.queues) {
		for at := int64(0); ; {
			response, err := reader.Call(script.Pull(t.topic, q, at, 0))
			require.NoError(t.broker.t, err)
			found, err := script.Pulled(response)
			require.NoError(t.broker.t, err)
			for _, r := range found.Records {
				seen[string(messages.FindProperty(r.Properties, messages.PropertyUniqKey))]++
			}
			if at = found.Next; len(found.Records) == 0 {
				break
			}
		}
	}
	for id, outcome := range t.outcome {
		if outcome == messages.SysFlagCommit {
			require.Positive(t.broker.t, seen[id], "%s was committed and is not there", id)
			committed++
			repeated += seen[id] - 1
		} else {
			require.Zero(t.broker.t, seen[id], "%s was not committed (outcome %d) and is there", id, outcome)
		}
	}
	return committed, repeated
}

// Undecided returns the number of transactions whose outcome is not known.
func (t *Transactor) Undecided() (n int) {
	for id, outcome := range t.outcome {
		if outcome == 0 && t.open[id] == nil {
			n++
		}
	}
	return n
}
