package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/actormq/actormq"
)

// consuming is the flags of `actormq consume`.
type consuming struct {
	servers            []string
	topic, group, tags string
	from, output       string
	idle               time.Duration
	limit              int
}

func consumeCommand() *cobra.Command {
	var o consuming
	cmd := &cobra.Command{
		Use:   "consume",
		Short: "Receive messages and print them, one a line",
		Long: `Prints the bodies of a topic's messages, one a line, until it is interrupted, has
printed --max messages, or none has come for --idle.

With --group it is a member of a consumer group: messages are shared among the
members, and what was printed is not delivered to the group again. --from then
matters for queues that the group has not read yet. Without --group it reads all
messages and leaves no trace.`,
		Example: `  actormq consume --topic greetings --from first
  actormq consume --topic greetings --group readers --from first --max 1
  actormq consume --topic logs --tags 'app || web' --from 10m -o json | jq .properties
  actormq consume --topic orders --from 2026-01-31T08:00:00Z --idle 5s > orders.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	nameServerFlag(f, &o.servers)
	f.StringVarP(&o.topic, "topic", "t", "", "topic to receive from")
	f.StringVarP(&o.group, "group", "g", "", "consumer group to be a member of; without one, read everything")
	f.StringVar(&o.tags, "tags", "", "tags wanted, 'A || B'")
	f.StringVar(&o.from, "from", "last", "where to begin: first, last, a time (RFC 3339) or a time ago (10m)")
	f.IntVar(&o.limit, "max", 0, "end after so many messages; 0 for no limit")
	f.DurationVar(&o.idle, "idle", 0, "end when no message has come for that long; 0 for never")
	f.StringVarP(&o.output, "output", "o", outputText, "text, or json for the whole message")
	return cmd
}

func (o *consuming) run(cmd *cobra.Command) error {
	if err := errors.Join(checkTopic(o.topic), checkOutput(o.output)); err != nil {
		return err
	}
	begin, at, err := parseFrom(o.from, time.Now())
	if err != nil {
		return err
	}
	client, err := actormq.NewClient(actormq.Options{NameServers: nameServers(o.servers)})
	if err != nil {
		return err
	}
	defer client.Close()
	signal.Ignore(syscall.SIGPIPE) // the write fails instead
	ctx, cancel := untilSignal(cmd.Context())
	defer cancel()
	if _, err := client.Queues(ctx, o.topic); err != nil && !errors.Is(err, actormq.ErrUnknownTopic) {
		return withHint(err)
	}
	p := newPrinter(ctx, cmd.OutOrStdout(), o.output == outputJSON, o.limit, o.idle)
	defer p.stop()
	complain := complainer(cmd.ErrOrStderr())
	if o.group == "" {
		err = client.Read(p.ctx, actormq.ReadOptions{Topic: o.topic, Tags: o.tags, From: begin, Time: at, OnError: complain}, p.print)
	} else {
		err = consumeInGroup(client, p, complain, actormq.ConsumerOptions{
			Group: o.group, From: begin, Time: at, Concurrency: 1,
			Subscriptions: []actormq.Subscription{{Topic: o.topic, Tags: o.tags}},
		})
	}
	switch {
	case p.failed != nil && !errors.Is(p.failed, syscall.EPIPE):
		return fmt.Errorf("standard output: %w", p.failed)
	case err != nil && !errors.Is(err, errPrinted):
		return err
	case p.printed < o.limit && p.failed == nil:
		if stopped := interrupted(ctx); stopped != nil {
			return stopped
		}
		return fmt.Errorf("%s of %d came", count(p.printed), o.limit)
	}
	return nil
}

// parseFrom reads the value of --from.
func parseFrom(text string, now time.Time) (actormq.From, time.Time, error) {
	switch text {
	case "first":
		return actormq.FromFirst, time.Time{}, nil
	case "last":
		return actormq.FromLast, time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return actormq.FromTime, now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, time.Time{}, usagef("--from %s is none of first, last, a time like 2026-01-31T08:00:00Z, a time ago like 10m", text)
	}
	return actormq.FromTime, at, nil
}

func consumeInGroup(client *actormq.Client, p *printer, complain func(error), o actormq.ConsumerOptions) error {
	consumer, err := client.NewConsumer(o)
	if err != nil {
		return err
	}
	consumer.OnError(complain)
	return consumer.Run(p.ctx, func(_ context.Context, m *actormq.Received) error { return p.print(m) })
}

// errPrinted ends the printing: no more is wanted, or nobody takes it.
var errPrinted = errors.New("no more messages are printed")

// printer prints messages, called by one goroutine at a time. Its context ends
// with the last one.
type printer struct {
	ctx     context.Context
	cancel  context.CancelFunc
	out     io.Writer
	json    bool
	limit   int
	idle    time.Duration
	timer   *time.Timer // ends ctx when nothing comes, or nil
	printed int
	failed  error
}

func newPrinter(ctx context.Context, out io.Writer, asJSON bool, limit int, idle time.Duration) *printer {
	p := &printer{out: out, json: asJSON, limit: limit, idle: idle}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if idle > 0 {
		p.timer = time.AfterFunc(idle, p.cancel)
	}
	return p
}

func (p *printer) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.cancel()
}

// print prints a message. After an error it has not been printed.
func (p *printer) print(m *actormq.Received) error {
	if p.failed != nil || p.limit > 0 && p.printed >= p.limit {
		return errPrinted
	}
	if p.json {
		p.failed = json.NewEncoder(p.out).Encode(toJSON(m))
	} else {
		_, p.failed = p.out.Write(append(m.Body, '\n'))
	}
	if p.failed != nil {
		p.cancel()
		return errPrinted
	}
	p.printed++
	if p.limit > 0 && p.printed >= p.limit {
		p.cancel()
		return nil
	}
	if p.timer != nil {
		p.timer.Reset(p.idle)
	}
	return nil
}

// received is a message in JSON. A body that is no text is in base64.
type received struct {
	ID       string `json:"id"`
	OffsetID string `json:"offsetId"`
	actormq.Queue
	Origin     string            `json:"origin,omitempty"` // of a message that comes again: its topic
	Offset     int64             `json:"offset"`
	Born       time.Time         `json:"born"`
	Stored     time.Time         `json:"stored"`
	Attempts   int               `json:"attempts"`
	Tags       string            `json:"tags,omitempty"`
	Keys       []string          `json:"keys,omitempty"`
	Properties map[string]string `json:"properties"`
	Body       string            `json:"body,omitempty"`
	Bytes      []byte            `json:"bodyBase64,omitempty"`
}

func toJSON(m *actormq.Received) *received {
	r := &received{
		ID: m.ID, OffsetID: m.OffsetID, Queue: m.Queue, Offset: m.Offset, Born: m.Born.UTC(), Stored: m.Stored.UTC(),
		Attempts: m.Attempts, Tags: m.Tags, Keys: m.Keys, Properties: m.Properties,
	}
	if m.Topic != m.Queue.Topic {
		r.Origin = m.Topic
	}
	if utf8.Valid(m.Body) {
		r.Body = string(m.Body)
	} else {
		r.Bytes = m.Body
	}
	return r
}
