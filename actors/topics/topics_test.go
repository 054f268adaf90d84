package topics_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/front"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/storage/vfs"
	"github.com/actormq/actormq/testkit/sim"
)

// fixture is a Topics actor behind a listener on host "broker".
type fixture struct {
	t       *testing.T
	world   *sim.World
	host    *sim.Host
	options topics.Options
	pid     *actor.PID
	asker   *actor.PID // gets Created, and is the watcher
	client  *sim.Client

	created []*topics.Created
	changes int
	deleted []string
}

func newFixture(t *testing.T, configure func(*topics.Options)) *fixture {
	f := &fixture{t: t, world: sim.New(1, sim.Options{})}
	f.host = f.world.Host("broker")
	f.options = topics.Options{Dir: "/store/config", Cluster: "c1", Broker: "broker-a", AutoCreate: yes, MixedTypes: no, ClusterTopic: true, BrokerTopic: true}
	if configure != nil {
		configure(&f.options)
	}
	f.start()
	return f
}

func (f *fixture) start() {
	e := f.host.Env()
	spawn := func(name string, props *actor.Props) *actor.PID {
		pid, err := e.Actors.Root.SpawnNamed(props, name)
		require.NoError(f.t, err)
		return pid
	}
	f.asker = spawn("asker", e.Props(func() actor.Actor { return actor.ReceiveFunc(f.told) }))
	o := f.options
	o.Env, o.View, o.Watchers = e, new(topics.View), []*actor.PID{f.asker}
	f.options.View = o.View
	f.pid = spawn("topics", topics.Props(o))
	owners := make(map[messages.RequestCode]*actor.PID)
	for _, code := range topics.Codes() {
		owners[code] = f.pid
	}
	listener := spawn("listener", front.Props(front.Options{
		Env: e, Addr: ":1", Routes: &front.Routes{Owners: owners}, Credits: front.NewCredits(1 << 24),
		Limits: front.Limits{Frame: 1 << 20, Connection: 1 << 20, Owed: 1 << 24}, Idle: time.Hour,
	}))
	e.Actors.Root.RequestWithCustomSender(listener, &front.Bind{}, f.asker)
	f.world.Settle()
	var err error
	f.client, err = f.world.Host("operator").Dial("broker:1")
	require.NoError(f.t, err)
}

func (f *fixture) told(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *topics.Created:
		f.created = append(f.created, m)
	case *topics.Changed:
		f.changes++
	case *topics.Deleted:
		f.deleted = append(f.deleted, m.Topic)
	}
}

// send delivers a message whose sender is the asker.
func (f *fixture) send(m any) {
	f.host.Env().Actors.Root.RequestWithCustomSender(f.pid, m, f.asker)
}

// create asks for a topic and returns the answer.
func (f *fixture) create(m *topics.Create) *topics.Created {
	f.t.Helper()
	n := len(f.created)
	f.send(m)
	require.NoError(f.t, f.world.Run(func() bool { return len(f.created) > n }, time.Second))
	return f.created[n]
}

func (f *fixture) call(code messages.RequestCode, body string, ext ...string) *messages.Command {
	f.t.Helper()
	c := &messages.Command{Code: int32(code), Body: []byte(body)}
	for _, e := range ext {
		key, value, _ := strings.Cut(e, "=")
		c.Ext.Set(key, value)
	}
	response, err := f.client.Call(c)
	require.NoError(f.t, err)
	return response
}

func (f *fixture) table() *topics.Table { return f.options.View.Load() }

// restart ends the process and starts a new one over what the disk keeps.
func (f *fixture) restart(kind sim.Crash) {
	f.host.Crash(kind)
	f.host.Restart()
	f.start()
}

func describe(c *messages.TopicConfig) string {
	if c == nil {
		return "none"
	}
	out := fmt.Sprintf("%s read=%d write=%d perm=%d", c.TopicName, c.ReadQueueNums, c.WriteQueueNums, c.Perm)
	if c.TopicFilterType != messages.SingleTag {
		out += " " + c.TopicFilterType
	}
	if c.TopicSysFlag != 0 {
		out += fmt.Sprintf(" flag=%d", c.TopicSysFlag)
	}
	if c.Order {
		out += " ordered"
	}
	for _, key := range slices.Sorted(maps.Keys(c.Attributes)) {
		out += " " + key + "=" + c.Attributes[key]
	}
	return out
}

func TestTheBrokersOwnTopics(t *testing.T) {
	list := func(configure func(*topics.Options)) string {
		f := newFixture(t, configure)
		var lines []string
		for _, name := range f.table().Names() {
			lines = append(lines, describe(f.table().Find(name)))
		}
		return strings.Join(lines, "\n")
	}
	require.Equal(t, strings.TrimSpace(`
BenchmarkTest read=1024 write=1024 perm=6
OFFSET_MOVED_EVENT read=1 write=1 perm=6
RMQ_SYS_TRANS_HALF_TOPIC read=1 write=1 perm=6
RMQ_SYS_TRANS_OP_HALF_TOPIC read=1 write=1 perm=6
SCHEDULE_TOPIC_XXXX read=18 write=18 perm=6
SELF_TEST_TOPIC read=1 write=1 perm=6
TBW102 read=8 write=8 perm=7
broker-a read=1 write=1 perm=7
c1 read=16 write=16 perm=7
c1_REPLY_TOPIC read=1 write=1 perm=6
rmq_sys_REVIVE_LOG_c1 read=8 write=8 perm=6
rmq_sys_SYNC_BROKER_MEMBER_broker-a read=1 write=1 perm=1
`), list(nil))

	all := list(func(o *topics.Options) {
		*o = topics.Options{Dir: o.Dir, Cluster: "c1", Broker: "broker-a", AutoCreate: no, MixedTypes: no, Trace: "RMQ_SYS_TRACE_TOPIC", Timer: true, DelayLevels: 20, ReviveQueues: 2}
	})
	require.NotContains(t, all, "TBW102", "no topics are created by use")
	require.Contains(t, all, "broker-a read=1 write=1 perm=1\n")
	require.Contains(t, all, "c1 read=16 write=16 perm=1\n")
	require.Contains(t, all, "RMQ_SYS_TRACE_TOPIC read=1 write=1 perm=6")
	require.Contains(t, all, "rmq_sys_wheel_timer read=1 write=1 perm=6")
	require.Contains(t, all, "SCHEDULE_TOPIC_XXXX read=20 write=20 perm=6")
	require.Contains(t, all, "rmq_sys_REVIVE_LOG_c1 read=2 write=2 perm=6")
}

// TestTranscripts runs what operators ask for. Commands:
//
//	update TOPIC [EXT=VALUE …]  UPDATE_AND_CREATE_TOPIC with 4 queues, perm 6, unless the fields say otherwise
//	call CODE [EXT=VALUE …]     any request, with the body below
//	topic NAME …                shows topics as the View has them
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		f := newFixture(t, nil)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var words []string
			for _, a := range d.CmdArgs {
				words = append(words, a.String())
			}
			switch d.Cmd {
			case "update":
				ext := []string{"topic=" + words[0], "readQueueNums=4", "writeQueueNums=4", "perm=6", "topicFilterType=SINGLE_TAG", "order=false"}
				for _, w := range words[1:] {
					w = strings.ReplaceAll(w, ":", "=")
					key, value, _ := strings.Cut(w, "=")
					i := slices.IndexFunc(ext, func(e string) bool { return strings.HasPrefix(e, key+"=") })
					switch {
					case i < 0:
						ext = append(ext, w)
					case value == "":
						ext = slices.Delete(ext, i, i+1)
					default:
						ext[i] = w
					}
				}
				out := show(f.call(messages.CodeUpdateAndCreateTopic, "", ext...))
				return out + "\n" + describe(f.table().Find(words[0]))
			case "call":
				var code messages.RequestCode
				_, err := fmt.Sscan(words[0], &code)
				require.NoError(t, err)
				return show(f.call(code, d.Input, words[1:]...))
			case "topic":
				var lines []string
				for _, w := range words {
					lines = append(lines, describe(f.table().Find(w)))
				}
				return strings.Join(lines, "\n")
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
		require.NoError(t, f.world.Err())
	})
}

func show(c *messages.Command) string {
	out := fmt.Sprint(c.Code)
	if c.Remark != "" {
		out += " " + c.Remark
	}
	for _, e := range c.Ext.Fields() {
		out += fmt.Sprintf("\n%s=%s", e.Key, e.Value)
	}
	if len(c.Body) > 0 {
		out += "\n" + string(c.Body)
	}
	return out
}

func TestATopicIsCreatedAfterItsTemplate(t *testing.T) {
	for _, test := range []struct {
		name, topic, template string
		queues                int32
		want                  string // the topic, or the refusal
	}{
		{"fewer queues than the template has", "A", "TBW102", 4, "A read=4 write=4 perm=6"},
		{"more queues than the template has", "A", "TBW102", 64, "A read=8 write=8 perm=6"},
		{"a nonsensical number of queues", "A", "TBW102", -1, "A read=0 write=0 perm=6"},
		{"the cluster's topic as a template", "A", "c1", 64, "A read=16 write=16 perm=6"},
		{"a template without the permission", "A", "SELF_TEST_TOPIC", 4, "refused with code 17: topic[A] not exist, apply first please! \nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."},
		{"an unknown template", "A", "Nope", 4, "refused with code 17: topic[A] not exist, apply first please! \nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."},
		{"a retry topic needs no template", "%RETRY%g", "Nope", 4, "%RETRY%g read=1 write=1 perm=6"},
		{"a topic that is there", "SELF_TEST_TOPIC", "Nope", 4, "SELF_TEST_TOPIC read=1 write=1 perm=6"},
		{"an illegal name", "a b", "TBW102", 4, "refused with code 29: The specified topic: a b, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, nil)
			created := f.create(&topics.Create{Topic: test.topic, Default: test.template, Queues: test.queues, Token: "mine"})
			require.Equal(t, "mine", created.Token)
			if created.Err != nil {
				require.Equal(t, test.want, created.Err.Error())
				require.Nil(t, f.table().Find(test.topic))
				return
			}
			require.Equal(t, test.want, describe(created.Config))
			require.Same(t, created.Config, f.table().Lookup([]byte(test.topic)), "who has the answer finds the topic")
		})
	}
}

func TestEnsureMakesWhatTheBrokerNeeds(t *testing.T) {
	f := newFixture(t, nil)
	ensure := func(m *topics.Ensure) string {
		f.send(m)
		f.world.Advance(time.Second)
		return describe(f.table().Find(m.Topic))
	}
	const name = "%RETRY%g"
	require.Equal(t, name+" read=1 write=1 perm=6", ensure(&topics.Ensure{Topic: name, Queues: 1, Perm: 6}))
	version, old := f.table().Version(), f.table()
	require.Equal(t, name+" read=1 write=1 perm=6", ensure(&topics.Ensure{Topic: name, Queues: 9, Perm: 2}))
	require.Equal(t, version, f.table().Version(), "nothing changed")
	require.Equal(t, name+" read=1 write=1 perm=6 ordered", ensure(&topics.Ensure{Topic: name, Queues: 9, Perm: 2, Order: true}))
	require.Equal(t, name+" read=1 write=1 perm=6 ordered", ensure(&topics.Ensure{Topic: name, Queues: 9, Perm: 2}))
	require.Len(t, f.created, 4, "who asks is answered")
	ensure(&topics.Ensure{Topic: "%RETRY%h", Queues: 1, Perm: 6})
	require.False(t, old.Find(name).Order, "a Table never changes")
	require.Nil(t, old.Find("%RETRY%h"))
}

func TestTheNameServersOrderedTopics(t *testing.T) {
	f := newFixture(t, nil)
	f.create(&topics.Create{Topic: "A", Default: "TBW102", Queues: 1})
	f.send(&topics.OrderTopics{Topics: []string{"A", "unknown"}})
	f.world.Advance(time.Second)
	require.True(t, f.table().Find("A").Order)
	require.Nil(t, f.table().Find("unknown"))
}

// A batch of changes is published and saved once, and none is acknowledged before.
func TestABatchIsOneChange(t *testing.T) {
	f := newFixture(t, nil)
	const n = 50
	for i := range n {
		f.send(&topics.Create{Topic: fmt.Sprint("T", i), Default: "TBW102", Queues: 1, Token: i})
	}
	require.NoError(t, f.world.Run(func() bool { return len(f.created) == n }, time.Second))
	require.Less(t, f.table().Version().Counter, int64(n))
	require.Equal(t, int64(f.changes), f.table().Version().Counter)
	for i, c := range f.created {
		require.Equal(t, i, c.Token)
	}
}

func TestAcknowledgedTopicsSurviveAPowerLoss(t *testing.T) {
	f := newFixture(t, nil)
	f.create(&topics.Create{Topic: "A", Default: "TBW102", Queues: 3})
	require.Equal(t, int32(0), f.call(messages.CodeUpdateAndCreateTopic, "", "topic=B", "readQueueNums=2", "writeQueueNums=5",
		"perm=4", "topicFilterType=MULTI_TAG", "order=true", "attributes=+message.type=FIFO").Code)
	version := f.table().Version()
	f.restart(sim.PowerLoss)
	require.Equal(t, version, f.table().Version())
	require.Equal(t, "A read=3 write=3 perm=6", describe(f.table().Find("A")))
	require.Equal(t, "B read=2 write=5 perm=4 MULTI_TAG ordered message.type=FIFO", describe(f.table().Find("B")))
}

func TestTheTemplateOfAnEarlierTimeCreatesNothing(t *testing.T) {
	f := newFixture(t, nil)
	f.create(&topics.Create{Topic: "A", Default: "TBW102", Queues: 3}) // saves TBW102, too
	f.options.AutoCreate = no
	f.restart(sim.ProcessKill)
	require.Equal(t, "TBW102 read=8 write=8 perm=6", describe(f.table().Find("TBW102")))
	require.Error(t, f.create(&topics.Create{Topic: "B", Default: "TBW102", Queues: 3}).Err)
}

// What cannot be saved works all the same, operators are told, and the save is
// repeated.
func TestAFullDisk(t *testing.T) {
	f := newFixture(t, nil)
	full := errors.New("no space left on device")
	f.host.Disk().SetFault(func(op vfs.Op, name string) error {
		if strings.Contains(name, "topics.json") {
			return full
		}
		return nil
	})
	require.NoError(t, f.create(&topics.Create{Topic: "A", Default: "TBW102", Queues: 3}).Err)
	require.NotNil(t, f.table().Find("A"))
	response := f.call(messages.CodeUpdateAndCreateTopic, "", "topic=B", "readQueueNums=2", "writeQueueNums=5",
		"perm=4", "topicFilterType=SINGLE_TAG", "order=true")
	require.Equal(t, int32(messages.SystemError), response.Code)
	require.Contains(t, response.Remark, full.Error())

	f.host.Disk().SetFault(nil)
	f.world.Advance(6 * time.Second)
	f.restart(sim.PowerLoss)
	require.NotNil(t, f.table().Find("A"))
	require.NotNil(t, f.table().Find("B"))
}

func TestDeletionIsTold(t *testing.T) {
	f := newFixture(t, nil)
	for _, name := range []string{"A", "%RETRY%g+A", "%RETRY%g+BA", "%RETRY%g_A"} {
		f.send(&topics.Ensure{Topic: name, Queues: 1, Perm: 6})
	}
	f.world.Advance(time.Second)
	require.Equal(t, int32(0), f.call(messages.CodeDeleteTopicInBroker, "", "topic=A").Code)
	require.Equal(t, int32(0), f.call(messages.CodeDeleteTopicInBroker, "", "topic=never-was").Code)
	require.Equal(t, []string{"A", "%RETRY%g+A", "never-was"}, f.deleted)
	require.Nil(t, f.table().Find("A"))
	require.NotNil(t, f.table().Find("%RETRY%g_A"))
	require.NotNil(t, f.table().Find("%RETRY%g+BA"))
	require.Equal(t, int32(messages.InvalidParameter), f.call(messages.CodeDeleteTopicInBroker, "", "topic=TBW102").Code)
}

// A slave reads all topics at once, or page by page, in the order of their names.
func TestReadingAllTopics(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 5 {
		f.send(&topics.Ensure{Topic: fmt.Sprint("T", i), Queues: 1, Perm: 6})
	}
	f.world.Advance(time.Second)
	names := f.table().Names()
	read := func(ext ...string) ([]string, *messages.TopicTable) {
		response := f.call(messages.CodeGetAllTopicConfig, "", ext...)
		require.Equal(t, int32(messages.Success), response.Code)
		require.Equal(t, fmt.Sprint(len(names)), response.Ext.Text("totalTopicNum"))
		table, err := messages.DecodeTopicTable(response.Body)
		require.NoError(t, err)
		require.Equal(t, f.table().Version(), table.DataVersion)
		return table.Names(), table
	}
	all, table := read()
	require.Equal(t, names, all)
	version, err := table.DataVersion.Encode()
	require.NoError(t, err)

	var paged []string
	for len(paged) < len(names) {
		page, _ := read("topicSeq="+fmt.Sprint(len(paged)), "maxTopicNum=3", "dataVersion="+string(version))
		require.LessOrEqual(t, len(page), 3)
		paged = append(paged, page...)
	}
	require.Equal(t, names, paged)

	first, _ := read("topicSeq=3", "maxTopicNum=3", `dataVersion={"counter":99}`)
	require.Equal(t, names[:3], first, "whose version is old starts again")
	behind, _ := read("topicSeq=1000", "maxTopicNum=3", "dataVersion="+string(version))
	require.Empty(t, behind)
	require.Equal(t, int32(messages.SystemError), f.call(messages.CodeGetAllTopicConfig, "", "topicSeq=x").Code)
}

func yes() bool { return true }
func no() bool  { return false }
