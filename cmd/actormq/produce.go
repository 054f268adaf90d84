package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/actormq/actormq"
)

// maxLine bounds a line that becomes a message, in bytes.
const maxLine = 16 << 20

// producing is the flags of `actormq produce`.
type producing struct {
	servers, properties []string
	group, output       string
	quiet               bool
	message             actormq.Message // but for its body
}

func produceCommand() *cobra.Command {
	var o producing
	cmd := &cobra.Command{
		Use:   "produce [BODY...]",
		Short: "Send messages: the arguments, or the lines of standard input",
		Long: `Sends each argument, or without arguments each line of standard input, as a
message. Empty lines are left out: a message has a body. It ends with the input,
or with the first message that cannot be sent.`,
		Example: `  echo hello | actormq produce --topic greetings
  actormq produce --topic greetings hello
  tail -f app.log | actormq produce --topic logs --tags app --property host=$(hostname)
  actormq produce --topic orders --keys 4711 --delay-level 3 -o json 'in ten seconds'`,
		RunE: func(cmd *cobra.Command, bodies []string) error { return o.run(cmd, bodies) },
	}
	f := cmd.Flags()
	nameServerFlag(f, &o.servers)
	f.StringVarP(&o.message.Topic, "topic", "t", "", "topic to send to")
	f.StringVar(&o.group, "group", "actormq-produce", "producer group")
	f.StringVar(&o.message.Tags, "tags", "", "tag of the messages, which consumers can filter by")
	f.StringSliceVar(&o.message.Keys, "keys", nil, "keys of the messages, which they can be found by")
	f.StringArrayVar(&o.properties, "property", nil, "name=value, may be given several times")
	f.IntVar(&o.message.DelayLevel, "delay-level", 0, "deliver later: level 1 to 18 (1s 5s 10s 30s 1m ... 2h)")
	f.StringVarP(&o.output, "output", "o", outputText, "text, or json for a line about each message")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "do not say how many messages were sent")
	return cmd
}

func (o *producing) run(cmd *cobra.Command, bodies []string) error {
	if err := errors.Join(checkTopic(o.message.Topic), checkOutput(o.output)); err != nil {
		return err
	}
	var err error
	if o.message.Properties, err = parseProperties(o.properties); err != nil {
		return err
	}
	client, err := actormq.NewClient(actormq.Options{NameServers: nameServers(o.servers)})
	if err != nil {
		return err
	}
	defer client.Close()
	producer, err := client.NewProducer(actormq.ProducerOptions{Group: o.group})
	if err != nil {
		return err
	}
	ctx, cancel := untilSignal(cmd.Context())
	defer cancel()
	p := &pipe{producer: producer, out: cmd.OutOrStdout(), json: o.output == outputJSON}
	from := lines(cmd.InOrStdin())
	if len(bodies) > 0 {
		from = arguments(bodies)
	}
	err = errors.Join(p.sendAll(ctx, o.message, from), producer.Close())
	if !o.quiet && p.sent > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s sent to %s\n", count(p.sent), o.message.Topic)
	}
	if stopped := interrupted(ctx); stopped != nil {
		return stopped
	}
	return withHint(err)
}

func count(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

func parseProperties(pairs []string) (map[string]string, error) {
	m := make(map[string]string)
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return nil, usagef("--property %s is not name=value", pair)
		}
		m[name] = value
	}
	return m, nil
}

// pipe sends lines.
type pipe struct {
	producer *actormq.Producer
	out      io.Writer
	json     bool

	mu     sync.Mutex // of what follows: sends end on goroutines of their own
	sent   int
	failed error
}

// source yields the bodies of messages to a channel until there are no more or
// ctx ends, and closes it.
type source func(ctx context.Context, to chan<- []byte) error

// sendAll sends what comes from a source, several messages at a time, and waits
// for the last one.
func (p *pipe) sendAll(ctx context.Context, m actormq.Message, from source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var sending sync.WaitGroup
	bodies := make(chan []byte)
	read := make(chan error, 1)
	go func() { read <- from(ctx, bodies) }() // may stay in a read when ctx ends
	for body := range untilDone(ctx, bodies) {
		m := m
		m.Body = body
		sending.Add(1)
		err := p.producer.SendAsync(ctx, &m, func(sent actormq.Sent, err error) {
			defer sending.Done()
			if err = p.ended(sent, err); err != nil {
				cancel(err)
			}
		})
		if err != nil {
			sending.Done()
			cancel(err)
		}
	}
	sending.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return <-read
}

// untilDone yields what comes until the channel or ctx ends.
func untilDone(ctx context.Context, bodies <-chan []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			select {
			case body, ok := <-bodies:
				if !ok || !yield(body) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func arguments(bodies []string) source {
	return func(ctx context.Context, to chan<- []byte) error {
		defer close(to)
		for _, body := range bodies {
			select {
			case to <- []byte(body):
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	}
}

// lines yields lines without their ends, but no empty ones.
func lines(from io.Reader) source {
	return func(ctx context.Context, to chan<- []byte) error {
		defer close(to)
		scanner := bufio.NewScanner(from)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		for scanner.Scan() {
			if len(scanner.Bytes()) == 0 {
				continue
			}
			select {
			case to <- bytes.Clone(scanner.Bytes()):
			case <-ctx.Done():
				return nil
			}
		}
		if err := scanner.Err(); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		return nil
	}
}

// ended takes the end of a send.
func (p *pipe) ended(sent actormq.Sent, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.sent++
		if p.json {
			err = json.NewEncoder(p.out).Encode(struct {
				ID       string `json:"id"`
				OffsetID string `json:"offsetId"`
				actormq.Queue
				Offset int64  `json:"offset"`
				Status string `json:"status"`
			}{sent.ID, sent.OffsetID, sent.Queue, sent.Offset, sent.Status.String()})
		}
	}
	if err != nil && p.failed == nil {
		p.failed = err
	}
	return err
}
