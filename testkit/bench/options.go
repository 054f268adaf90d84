package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/actormq/actormq/messages"
)

// Mode is what a run does.
type Mode string

// The modes.
const (
	Sync   Mode = "sync"   // callers that wait for each answer
	Async  Mode = "async"  // a window of messages in flight
	Oneway Mode = "oneway" // no answers
	Batch  Mode = "batch"  // callers that send several messages as one
	// Transaction has callers that send a half message and commit it when it is
	// acknowledged, without waiting for that.
	Transaction Mode = "transaction"
	CatchUp     Mode = "catch-up" // read a topic from its beginning
	Tail        Mode = "tail"     // from producer to consumer, at a rate
	// Pop has callers of a new group that pop messages of a topic from its beginning
	// on, acknowledge each, and pop again when all of that is answered.
	Pop Mode = "pop"
)

// reads reports whether a mode only reads what is there.
func (m Mode) reads() bool { return m == CatchUp || m == Pop }

// Options configures a run. Use Defaults and change it.
type Options struct {
	NameServers []string
	// Address, if not empty, is that of a server that answers sends and nothing else,
	// as floor does: no name server is asked, and nothing is looked up afterwards.
	Address string
	Topic   string
	// Topics above 1 has that many topics, Topic-00000 and on, in turn.
	Topics      int
	Queues      int  // of a topic, if it has to be created
	Mode        Mode // what to do
	Connections int
	Callers     int // over all connections, in modes sync, batch, transaction and pop
	Window      int // messages in flight over all connections, in mode async and with a rate
	Size        int // bytes of body
	Batch       int // messages of a batch
	PullSize    int // messages of a pull or a pop
	Groups      int // consumer groups of mode tail, each of which reads everything
	// Late is by how much a message of an open loop may be late, for want of a free
	// place in the window: a later one is not sent, but counted as dropped, as by a
	// caller that gives up. 0 sends all of them.
	Late time.Duration
	// Delay, in whole seconds, has what is sent wait so long in the broker, which is not
	// waited for: whether it was stored is not checked. 0 is no delay.
	Delay time.Duration
	// At, if not zero, is the time that all of it waits for instead.
	At time.Time
	// Classes gives messages the property "class", a digit below Classes, in turn; 0 is
	// none.
	Classes int
	// Filter is a condition in SQL92 that mode catch-up reads by: what it passes by
	// counts as read, as the broker has to look at it.
	Filter string
	// Rate is the number of messages a second, over all connections; 0 is as many as
	// the broker takes. Mode tail needs one.
	Rate float64
	// Warmup is the time before measuring.
	Warmup time.Duration
	// Duration is the time to measure. Mode catch-up begins again at the end of the
	// topic until it is over; if it is 0 it reads the topic once.
	Duration time.Duration
	// Count ends the run after so many messages, warm-up not counted; 0 is no limit.
	Count int64
	// Binary has headers in RocketMQ's binary encoding instead of JSON.
	Binary bool
	// PID is a process on this machine whose CPU time and memory are reported; 0 for
	// none.
	PID int
	// Progress, if not nil, is called once a second.
	Progress func(Progress)
}

// Defaults returns options that need only NameServers.
func Defaults() Options {
	return Options{
		Topic: messages.TopicBenchmark, Topics: 1, Queues: 8, Mode: Sync, Connections: 1, Callers: 64, Window: 1024,
		Size: 1024, Batch: 32, PullSize: 32, Groups: 1, Duration: 10 * time.Second,
	}
}

// maxInFlight bounds the slots of a lane: their responses must fit the buffers of
// a socket, or a lane that writes and a broker that writes would wait for each
// other.
const maxInFlight = 1 << slotBits

func (o *Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(o.NameServers) > 0 || o.Address != "", "no name server is given")
	check(messages.CheckTopicBytes([]byte(o.Topic)) == nil, "topic %q is not a topic's name", o.Topic)
	check(o.Topics > 0 && o.Topics <= maxTopics, "%d topics", o.Topics)
	check(o.Queues > 0 && (o.Topics == 1 || o.Queues < 10), "%d queues", o.Queues)
	check(o.Groups > 0, "%d groups", o.Groups)
	check(o.Connections > 0, "%d connections", o.Connections)
	check(o.Size >= stampSize && o.Size <= 4<<20, "a size of %d bytes is not between %d bytes and 4 MiB", o.Size, stampSize)
	check(o.Batch > 0, "a batch of %d messages", o.Batch)
	check(o.Rate >= 0, "a rate of %g", o.Rate)
	check(o.PullSize > 0, "a pull of %d messages", o.PullSize)
	check(o.Warmup >= 0 && o.Duration >= 0 && o.Late >= 0, "a negative time")
	check(o.Delay >= 0 && o.Delay%time.Second == 0, "a delay of %v is not in seconds", o.Delay)
	check(o.Classes >= 0 && o.Classes <= maxClasses, "%d classes; there are digits for %d", o.Classes, maxClasses)
	check(o.Filter == "" || o.Mode == CatchUp, "only mode %s takes a filter", CatchUp)
	check(o.Duration > 0 || o.Count > 0 || o.Mode.reads(), "neither a duration nor a count is given")
	switch o.Mode {
	case Sync, Async, Batch, Transaction:
		n := o.inFlight()
		check(o.Mode != Transaction || o.Rate == 0, "mode transaction takes no rate")
		check(n >= o.Connections, "%d in flight on %d connections", n, o.Connections)
		check(n/max(o.Connections, 1) < maxInFlight, "%d in flight on each connection; below %d are possible", n/max(o.Connections, 1), maxInFlight)
	case Pop:
		check(o.Callers >= o.Connections, "%d callers on %d connections", o.Callers, o.Connections)
		check(o.PullSize <= messages.MaxPopped, "a pop of %d messages; %d are possible", o.PullSize, messages.MaxPopped)
	case Tail:
		check(o.Rate > 0, "mode tail needs a rate")
	case Oneway, CatchUp:
	default:
		check(false, "mode %q is not one of %s, %s, %s, %s, %s, %s, %s, %s", o.Mode, Sync, Async, Oneway, Batch, Transaction, CatchUp, Tail, Pop)
	}
	return errors.Join(errs...)
}

// inFlight is the number of requests that may be without an answer.
func (o *Options) inFlight() int {
	if o.Mode == Async || o.Rate > 0 {
		return o.Window
	}
	return o.Callers
}

// perRequest is the number of messages of a request.
func (o *Options) perRequest() int {
	if o.Mode == Batch {
		return o.Batch
	}
	return 1
}
