// Package slavesync keeps a slave's small state the same as its master's: topics,
// consumer groups, consumer offsets, delay offsets, the timers' checkpoint and message
// request modes
// (RocketMQ: SlaveSynchronize).
//
//	name server ── Registered ──▶ SlaveSync ◀── GET_ALL_… ──▶ master
//	                               ├── Replace ─▶ Topics, Subscriptions, Delay, Timer, Assignment
//	                               └── Merge ───▶ Offsets ── Ahead ──▶ SlaveSync ── UPDATE_CONSUMER_OFFSET ──▶ master
//
// Each round asks for all tables; who owns one compares its version and does
// nothing if that is the same. Offsets that clients committed here, while the master
// was away, go to the master.
package slavesync

import (
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actormq/actormq/actors/assignment"
	"github.com/actormq/actormq/actors/delay"
	"github.com/actormq/actormq/actors/env"
	"github.com/actormq/actormq/actors/offsets"
	"github.com/actormq/actormq/actors/registrar"
	"github.com/actormq/actormq/actors/rpc"
	"github.com/actormq/actormq/actors/subscriptions"
	"github.com/actormq/actormq/actors/timer"
	"github.com/actormq/actormq/actors/topics"
	"github.com/actormq/actormq/messages"
	timerfiles "github.com/actormq/actormq/storage/timer"
)

// Options configures SlaveSync.
type Options struct {
	Env *env.Env
	// Every is the time between two rounds; 0 means 10 s.
	Every                                        time.Duration
	Topics, Subscriptions, Offsets, Delay, Timer *actor.PID
	Assignment                                   *actor.PID
}

// timeout is how long the master may take for one answer.
const timeout = 5 * time.Second

// soon is the pause before another round when one was not answered.
const soon = time.Second

// Props returns the props of SlaveSync.
func Props(o Options) *actor.Props {
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	return o.Env.Props(func() actor.Actor { return &slaveSync{Options: o} })
}

type slaveSync struct {
	Options
	self    *actor.PID
	master  string     // its address; "" while no name server knows one
	client  *actor.PID // of the connection to it
	clients int        // so far; their names
	tick    env.Timer
	open    int  // answers that the round under way waits for
	failed  bool // one of them did not come
	failing bool // nor did one in the round before
}

type round struct{}

// table is one of the master's tables, and who gets it.
type table struct {
	code messages.RequestCode
	give func(*slaveSync, []byte) error
	// optional tables are not those of every master.
	optional bool
}

var tables = []table{
	{messages.CodeGetAllTopicConfig, (*slaveSync).giveTopics, false},
	{messages.CodeGetAllSubscriptionGroupConfig, (*slaveSync).giveGroups, false},
	{messages.CodeGetAllConsumerOffset, (*slaveSync).giveOffsets, false},
	{messages.CodeGetAllDelayOffset, (*slaveSync).giveDelays, false},
	{messages.CodeGetTimerCheckPoint, (*slaveSync).giveTimers, true},
	{messages.CodeGetAllMessageRequestMode, (*slaveSync).giveModes, true},
}

func (s *slaveSync) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.self = ctx.Self()
	case *registrar.Registered:
		s.registered(ctx, m)
	case *round:
		s.tick = nil
		s.ask()
	case *messages.Answer:
		s.answered(m)
	case *offsets.Ahead:
		s.commit(m)
	case *actor.Stopping, *actor.Restarting:
		if s.tick != nil {
			s.tick.Stop()
		}
	}
}

// registered takes the master's address from a name server. One that knows of no
// master changes nothing.
func (s *slaveSync) registered(ctx actor.Context, m *registrar.Registered) {
	if m.MasterAddr == "" || m.MasterAddr == s.master {
		return
	}
	if s.client != nil {
		ctx.Stop(s.client)
	}
	s.clients++
	client, err := ctx.SpawnNamed(rpc.Props(rpc.Options{Env: s.Env, Addr: m.MasterAddr}), "master-"+strconv.Itoa(s.clients))
	if err != nil {
		s.Env.Log.Error().Err(err).Str("master", m.MasterAddr).Msg("the master cannot be asked for its tables")
		return
	}
	s.master, s.client, s.open = m.MasterAddr, client, 0
	s.ask()
}

// ask begins a round.
func (s *slaveSync) ask() {
	if s.open > 0 {
		return
	}
	s.failed = false
	for i := range tables {
		s.open++
		s.Env.Send(s.client, &messages.Ask{
			Command: &messages.Command{Code: int32(tables[i].code), Language: messages.Go},
			ReplyTo: s.self, Token: question{client: s.client, table: &tables[i]}, Timeout: timeout.Milliseconds(),
		})
	}
}

// question is the token of a request on its way.
type question struct {
	client *actor.PID
	table  *table
}

func (s *slaveSync) answered(m *messages.Answer) {
	q := m.Token.(question)
	if q.client != s.client {
		return
	}
	err := m.Err
	switch {
	case err != nil:
	case m.Command.Code != int32(messages.Success) && q.table.optional:
	case m.Command.Code != int32(messages.Success):
		err = messages.Refuse(messages.ResponseCode(m.Command.Code), "%s", m.Command.Remark)
	default:
		err = q.table.give(s, m.Command.Body)
	}
	if err != nil {
		s.failed = true
		if !s.failing {
			s.failing = true
			s.Env.Log.Warn().Err(err).Str("master", s.master).Stringer("code", q.table.code).Msg("the master's tables could not be had")
		}
	}
	if s.open--; s.open == 0 {
		s.ended()
	}
}

func (s *slaveSync) ended() {
	after := s.Every
	if s.failed {
		after = min(soon, s.Every)
	} else {
		s.failing = false
	}
	if s.tick != nil {
		s.tick.Stop()
	}
	s.tick = s.Env.Tell(s.self, after, &round{})
}

func (s *slaveSync) giveTopics(body []byte) error {
	table, err := messages.DecodeTopicTable(body)
	if err == nil {
		s.Env.Send(s.Topics, &topics.Replace{Table: table})
	}
	return err
}

func (s *slaveSync) giveModes(body []byte) error {
	modes, err := messages.DecodeRequestModes(body)
	if err == nil {
		s.Env.Send(s.Assignment, &assignment.Replace{Modes: modes})
	}
	return err
}

func (s *slaveSync) giveGroups(body []byte) error {
	groups, err := messages.DecodeSubscriptionGroups(body)
	if err == nil {
		s.Env.Send(s.Subscriptions, &subscriptions.Replace{Groups: groups})
	}
	return err
}

func (s *slaveSync) giveOffsets(body []byte) error {
	all, err := messages.DecodeConsumerOffsets(body)
	if err == nil {
		s.Env.Send(s.Offsets, &offsets.Merge{Offsets: all, ReplyTo: s.self})
	}
	return err
}

func (s *slaveSync) giveDelays(body []byte) error {
	s.Env.Send(s.Delay, &delay.Replace{JSON: body})
	return nil
}

func (s *slaveSync) giveTimers(body []byte) error {
	c, err := timerfiles.ParseCheckpoint(body)
	if err != nil {
		return err
	}
	s.Env.Send(s.Timer, &timer.Replace{Checkpoint: c})
	return nil
}

// commit brings to the master what clients committed here. Its next table tells
// whether it has come.
func (s *slaveSync) commit(m *offsets.Ahead) {
	for _, commit := range m.Commits {
		c := &messages.Command{Code: int32(messages.CodeUpdateConsumerOffset), Language: messages.Go}
		c.Ext.Set("consumerGroup", commit.Group)
		c.Ext.Set("topic", commit.Topic)
		c.Ext.SetInt("queueId", int64(commit.QueueID))
		c.Ext.SetInt("commitOffset", commit.Offset)
		s.Env.Send(s.client, &messages.Ask{Command: c})
	}
}
