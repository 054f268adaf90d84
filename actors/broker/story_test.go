package broker_test

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/actormq/actormq/actors/config"
	"github.com/actormq/actormq/messages"
	"github.com/actormq/actormq/messages/record"
	"github.com/actormq/actormq/testkit/cluster"
	"github.com/actormq/actormq/testkit/sim"
)

// TestStories runs the transcripts in testdata against a broker on virtual time.
// Their commands:
//
//	start                 a broker with the broker.conf below
//	stop | kill | power-loss
//	again                 starts it again over the same disk
//	connect NAME …        opens connections, each from a host of that name
//	close NAME            closes one
//	advance DURATION      lets time pass
//	call NAME CODE [EXT=VALUE …]
//	                      sends a request with the body below and shows the answer
//	ask NAME TAG CODE [EXT=VALUE …]
//	                      sends a request and does not wait for the answer
//	answer TAG            shows the answer to an ask, and when it came
//	send NAME TOPIC QUEUE [PROPERTY=VALUE …]
//	                      sends the message below
//	batch NAME TOPIC QUEUE [PROPERTY=VALUE …]
//	                      sends the messages below, one a line, as a batch
//	pull NAME TAG TOPIC QUEUE OFFSET [EXT=VALUE …]
//	                      pulls with its own subscription "*", as an ask; with text
//	                      below, that is its subscription by SQL92
//	pushes NAME           shows what the broker sent on its own account
//	respond NAME CODE     answers the last of them, with the body below
//	reply NAME TAG TOPIC QUEUE [PROPERTY=VALUE …]
//	                      sends the message below as a reply, as an ask
//
// Codes go by Apache's names. Responses show their ext fields in order, leaving
// out MSG_REGION and TRACE_ON, and the records of a body one a line.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &story{
			t: t, world: sim.New(1, sim.Options{}),
			clients: make(map[string]*sim.Client), asked: make(map[string]*sim.Call),
		}
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
	broker  *cluster.Broker
	clients map[string]*sim.Client
	asked   map[string]*sim.Call
	pushed  *messages.Command // the last one shown
}

func (s *story) run(d *datadriven.TestData) string {
	var words []string
	for _, a := range d.CmdArgs {
		word := a.Key
		if len(a.Vals) > 0 {
			word += "=" + strings.Join(a.Vals, ",")
		}
		words = append(words, word)
	}
	switch d.Cmd {
	case "start":
		return s.start(d.Input)
	case "stop":
		require.NoError(s.t, s.broker.Stop())
		s.broker.Crash(sim.ProcessKill) // the process is over, too
	case "kill":
		s.broker.Crash(sim.ProcessKill)
	case "power-loss":
		s.broker.Crash(sim.PowerLoss)
	case "again":
		s.broker.Start()
	case "connect":
		for _, name := range words {
			s.clients[name] = s.broker.Dial(s.world.Host(name))
		}
	case "close":
		s.clients[words[0]].Close()
		s.world.Advance(time.Second)
	case "advance":
		span, err := time.ParseDuration(words[0])
		require.NoError(s.t, err)
		s.world.Advance(span)
	case "call":
		return s.call(words[0], s.request(words[1], words[2:], d.Input))
	case "ask":
		s.asked[words[1]] = s.clients[words[0]].Send(s.request(words[2], words[3:], d.Input))
		s.world.Advance(time.Millisecond)
	case "answer":
		return s.answer(words[0])
	case "send":
		return s.call(words[0], s.send(words[1:], d.Input))
	case "batch":
		return s.call(words[0], s.batch(words[1:], d.Input))
	case "pull":
		s.asked[words[1]] = s.clients[words[0]].Send(s.pull(words[2:], d.Input))
		return s.answer(words[1])
	case "pushes":
		return s.pushes(words[0])
	case "respond":
		s.respond(words[0], words[1], d.Input)
	case "reply":
		request := s.send(words[2:], d.Input)
		request.Code = int32(messages.CodeSendReplyMessageV2)
		s.asked[words[1]] = s.clients[words[0]].Send(request)
		s.world.Advance(time.Millisecond)
	default:
		d.Fatalf(s.t, "unknown command %s", d.Cmd)
	}
	return ""
}

func (s *story) start(conf string) string {
	c, warnings, err := config.LoadBroker(strings.NewReader(conf), "broker.conf")
	require.NoError(s.t, err)
	s.broker = cluster.NewBroker(s.t, s.world, s.world.Host("broker"), func(b *config.Broker) {
		name, ip := b.BrokerName, b.BrokerIP1
		small := *b
		*b = c
		b.BrokerName, b.BrokerIP1, b.StorePathRootDir = name, ip, small.StorePathRootDir
		b.MappedFileSizeCommitLog, b.MappedFileSizeConsumeQueue = small.MappedFileSizeCommitLog, small.MappedFileSizeConsumeQueue
		b.MapperFileSizeBatchConsumeQueue = small.MapperFileSizeBatchConsumeQueue
		b.MaxMessageSize, b.MaxHashSlotNum, b.MaxIndexNum = small.MaxMessageSize, small.MaxHashSlotNum, small.MaxIndexNum
	})
	var out strings.Builder
	for _, w := range warnings {
		fmt.Fprintln(&out, w)
	}
	if err := s.broker.TryStart(); err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func code(s *story, name string) messages.RequestCode {
	for _, c := range messages.RequestCodes() {
		if c.String() == name {
			return c
		}
	}
	n, err := strconv.Atoi(name)
	require.NoError(s.t, err, "there is no request %s", name)
	return messages.RequestCode(n)
}

func (s *story) request(name string, ext []string, body string) *messages.Command {
	c := &messages.Command{Code: int32(code(s, name)), Language: messages.Java, Version: 401}
	for _, word := range ext {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "version":
			n, err := strconv.Atoi(value)
			require.NoError(s.t, err)
			c.Version = int32(n)
		case "oneway":
			c.Flag = messages.FlagOneway
		case "extraInfo": // has blanks, which are commas here
			c.Ext.Set(key, strings.ReplaceAll(value, ",", " "))
		default:
			c.Ext.Set(key, value)
		}
	}
	if body = strings.TrimSuffix(body, "\n"); body != "" {
		c.Body = []byte(body)
	}
	return c
}

func (s *story) send(words []string, body string) *messages.Command {
	c := s.request("SEND_MESSAGE_V2", []string{"a=producers", "c=TBW102", "d=4", "f=0", "h=0", "j=0", "k=false", "m=false"}, body)
	c.Ext.Set("b", words[0])
	c.Ext.Set("e", words[1])
	c.Ext.SetInt("g", s.world.Now().UnixMilli())
	var properties []byte
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		if len(key) == 1 || key == "version" {
			c.Ext.Set(key, value) // a header field
			continue
		}
		properties = messages.AppendProperty(properties, key, value)
	}
	c.Ext.Set("i", string(properties))
	return c
}

func (s *story) batch(words []string, lines string) *messages.Command {
	c := s.send(words, "")
	c.Code = int32(messages.CodeSendBatchMessage)
	c.Ext.Set("m", "true")
	for _, line := range strings.Split(strings.TrimSuffix(lines, "\n"), "\n") {
		c.Body = messages.AppendBatchRecord(c.Body, &messages.BatchRecord{Body: []byte(line), Properties: messages.AppendProperty(nil, "LINE", line)})
	}
	return c
}

func (s *story) pull(words []string, sql string) *messages.Command {
	c := s.request("PULL_MESSAGE", []string{
		"consumerGroup=readers", "maxMsgNums=32", "sysFlag=4", "commitOffset=0", "suspendTimeoutMillis=15000",
		"subscription=*", "subVersion=0", "expressionType=TAG",
	}, "")
	c.Ext.Set("topic", words[0])
	c.Ext.Set("queueId", words[1])
	c.Ext.Set("queueOffset", words[2])
	if sql = strings.TrimSuffix(sql, "\n"); sql != "" {
		c.Ext.Set("subscription", sql)
		c.Ext.Set("expressionType", messages.ExpressionSQL92)
	}
	for _, word := range words[3:] {
		key, value, _ := strings.Cut(word, "=")
		c.Ext.Set(key, value)
	}
	return c
}

func (s *story) call(name string, request *messages.Command) string {
	call := s.clients[name].Send(request)
	if request.IsOneway() {
		s.world.Advance(100 * time.Millisecond)
		return ""
	}
	response, err := call.Wait(time.Minute)
	if err != nil {
		return err.Error() + "\n"
	}
	return s.show(response)
}

func (s *story) answer(tag string) string {
	s.world.Advance(moment)
	call := s.asked[tag]
	if call.Response == nil {
		return "no answer yet\n"
	}
	after := (call.Answered - call.Sent).Round(100 * time.Millisecond)
	return fmt.Sprintf("after %s: %s", after, s.show(call.Response))
}

// show writes a command on one line, and the records in its body below.
func (s *story) show(c *messages.Command) string {
	var out strings.Builder
	if c.IsResponse() {
		fmt.Fprintf(&out, "%d", c.Code)
	} else {
		out.WriteString(messages.RequestCode(c.Code).String())
	}
	if c.Remark != "" {
		fmt.Fprintf(&out, " %q", c.Remark)
	}
	var fields []string
	for _, f := range c.Ext.Fields() {
		switch key := string(f.Key); key {
		case messages.PropertyMsgRegion, messages.PropertyTraceSwitch:
		default:
			fields = append(fields, fmt.Sprintf(" %s=%s", key, f.Value))
		}
	}
	sort.Strings(fields)
	out.WriteString(strings.Join(fields, ""))
	out.WriteByte('\n')
	for body := c.Body; len(body) > 0; {
		var r record.Record
		n, err := record.Decode(body, &r)
		if err != nil {
			fmt.Fprintf(&out, "  %s\n", body)
			break
		}
		fmt.Fprintf(&out, "  %s-%d@%d reconsumed=%d %s {%s}\n", r.Topic, r.QueueID, r.QueueOffset, r.ReconsumeTimes, content(&r), properties(r.Properties))
		body = body[n:]
	}
	return out.String()
}

// content shows a record's body: of an inner batch, its messages' one by one.
func content(r *record.Record) string {
	if r.SysFlag&messages.SysFlagInnerBatch == 0 {
		return strconv.Quote(string(r.Body))
	}
	var list []string
	for rest := r.Body; len(rest) > 0; {
		var m messages.BatchRecord
		var err error
		if m, rest, err = messages.NextBatchRecord(rest); err != nil {
			return err.Error()
		}
		list = append(list, string(m.Body))
	}
	return fmt.Sprintf("%q", list)
}

// properties shows a property string without what every record has.
func properties(text []byte) string {
	var list []string
	messages.EachProperty(text, func(name, value []byte) bool {
		switch string(name) {
		case messages.PropertyMsgRegion, messages.PropertyTraceSwitch, messages.PropertyCluster, messages.PropertyUniqKey:
		default:
			list = append(list, fmt.Sprintf("%s=%s", name, value))
		}
		return true
	})
	return strings.Join(list, " ")
}

// moment is time enough for what is under way to arrive.
const moment = 50 * time.Millisecond

func (s *story) respond(name, code, body string) {
	n, err := strconv.Atoi(code)
	require.NoError(s.t, err)
	response := s.pushed.Respond(messages.ResponseCode(n), "as the story says")
	response.Body = []byte(strings.TrimSuffix(body, "\n"))
	s.clients[name].Respond(s.pushed, response)
	s.world.Advance(moment)
}

func (s *story) pushes(name string) string {
	s.world.Advance(moment)
	var out strings.Builder
	for _, c := range s.clients[name].Pushes() {
		s.pushed = c
		out.WriteString(s.show(c))
	}
	if out.Len() == 0 {
		return "none\n"
	}
	return out.String()
}
