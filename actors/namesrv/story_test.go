package namesrv_test

import (
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/actors/namesrv"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/testkit/sim"
)

// TestStories runs the transcripts in testdata against a name server on virtual
// time. Their commands:
//
//	start [KEY=VALUE …]        a name server with these lines of namesrv.conf
//	restart                    kills it and starts it again over the same disk
//	connect NAME …             opens connections
//	close NAME                 closes one
//	advance DURATION           lets time pass
//	register CONNECTION broker=NAME addr=HOST:PORT [id=0] [cluster=c1] [version=COUNTER[/STATE]] [ext=VALUE …]
//	                           registers the topics below, one "name [queues [perm [sysFlag]]]" a line
//	call CONNECTION CODE [EXT=VALUE …]
//	                           sends a request with the body below and shows the answer
//	route CONNECTION TOPIC [EXT=VALUE …]
//	                           asks for a topic's route and shows its body
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{t: t, world: sim.New(1, sim.Options{}), clients: make(map[string]*sim.Client)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := s.run(d)
			require.NoError(t, s.world.Err())
			return out
		})
	})
}

type story struct {
	t       *testing.T
	world   *sim.World
	config  config.NameServer
	clients map[string]*sim.Client
}

func (s *story) run(d *datadriven.TestData) string {
	words := words(d)
	switch d.Cmd {
	case "start":
		s.start(words)
	case "restart":
		s.world.Host("ns").Crash(sim.ProcessKill)
		s.world.Advance(time.Second)
		s.world.Host("ns").Restart()
		s.begin()
	case "connect":
		for _, name := range words {
			c, err := s.world.Host(name).Dial("ns:9876")
			require.NoError(s.t, err)
			s.clients[name] = c
		}
	case "close":
		s.clients[words[0]].Close()
		s.world.Advance(time.Second)
	case "advance":
		d, err := time.ParseDuration(words[0])
		require.NoError(s.t, err)
		s.world.Advance(d)
	case "register":
		return s.show(words[0], s.register(words[1:], d.Input))
	case "call":
		code, err := strconv.Atoi(words[1])
		require.NoError(s.t, err)
		c := &messages.Command{Code: int32(code), Version: messages.ProtocolVersion, Body: []byte(d.Input)}
		setExt(c, words[2:])
		return s.show(words[0], c)
	case "route":
		c := &messages.Command{Code: int32(messages.CodeGetRouteInfoByTopic), Version: messages.ProtocolVersion}
		setExt(c, append([]string{"topic=" + words[1]}, words[2:]...))
		return s.show(words[0], c)
	default:
		s.t.Fatalf("unknown command %q", d.Cmd)
	}
	return ""
}

// words returns the arguments of a command, which datadriven has taken apart.
func words(d *datadriven.TestData) []string {
	var all []string
	for _, a := range d.CmdArgs {
		all = append(all, a.String())
	}
	return all
}

func (s *story) start(lines []string) {
	c, warnings, err := config.LoadNameServer(strings.NewReader(strings.Join(lines, "\n")), "story")
	require.NoError(s.t, err)
	require.Empty(s.t, warnings)
	s.config = c
	s.begin()
}

func (s *story) begin() {
	ready := false
	_, err := namesrv.Begin(s.world.Host("ns").Env(), s.config, func(_ netip.AddrPort, err error) {
		require.NoError(s.t, err)
		ready = true
	})
	require.NoError(s.t, err)
	require.NoError(s.t, s.world.Run(func() bool { return ready }, time.Second))
}

func setExt(c *messages.Command, words []string) {
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			panic("not KEY=VALUE: " + w)
		}
		c.Ext.Set(key, value)
	}
}

// register builds a registration as a 5.x broker sends it.
func (s *story) register(words []string, topics string) *messages.Command {
	c := &messages.Command{Code: int32(messages.CodeRegisterBroker), Version: messages.ProtocolVersion}
	c.Ext.Set("brokerId", "0")
	c.Ext.Set("clusterName", "c1")
	table := messages.NewTopicTable(messages.DataVersion{}, nil)
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "broker":
			c.Ext.Set("brokerName", value)
		case "addr":
			c.Ext.Set("brokerAddr", value)
			c.Ext.Set("haServerAddr", value+"-ha")
		case "id":
			c.Ext.Set("brokerId", value)
		case "cluster":
			c.Ext.Set("clusterName", value)
		case "version":
			counter, state, _ := strings.Cut(value, "/")
			table.DataVersion.Counter = number(counter)
			table.DataVersion.StateVersion = number(state)
		default:
			c.Ext.Set(key, value)
		}
	}
	for line := range strings.Lines(topics) {
		f := append(strings.Fields(line), "", "", "")
		config := messages.NewTopicConfig(f[0], int32(orElse(f[1], 4)), int32(orElse(f[1], 4)), int32(orElse(f[2], 6)))
		config.TopicSysFlag = int32(orElse(f[3], 0))
		table.TopicConfigTable[f[0]] = config
	}
	body := messages.RegisterBrokerBody{TopicConfigSerializeWrapper: table, FilterServerList: []string{}}
	var err error
	c.Body, err = body.Encode()
	require.NoError(s.t, err)
	if _, given := c.Ext.Get("bodyCrc32"); !given {
		c.Ext.SetInt("bodyCrc32", int64(crc32.ChecksumIEEE(c.Body)&0x7FFFFFFF))
	}
	return c
}

func number(text string) int64 { return orElse(text, 0) }

func orElse(text string, absent int64) int64 {
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// show sends a request and describes its answer.
func (s *story) show(connection string, request *messages.Command) string {
	c := s.clients[connection]
	require.NotNil(s.t, c, "connection %q", connection)
	response, err := c.Call(request)
	require.NoError(s.t, err)
	var out strings.Builder
	fmt.Fprintf(&out, "%d", response.Code)
	if response.Remark != "" {
		fmt.Fprintf(&out, " %s", response.Remark)
	}
	for _, f := range response.Ext.Fields() {
		fmt.Fprintf(&out, "\n%s=%s", f.Key, f.Value)
	}
	if len(response.Body) > 0 {
		fmt.Fprintf(&out, "\n%s", response.Body)
	}
	return out.String()
}
