// Command sdkworker is the package worker's twin for the SDK of actormq.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/actormq/actormq"
	"github.com/actormq/actormq/testkit/compat/wire"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sdkworker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("unknown command %q", args)
	}
	client, err := actormq.NewClient(actormq.Options{NameServers: []string{args[1]}})
	if err != nil {
		return err
	}
	defer client.Close()
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	switch {
	case len(args) == 3 && args[0] == "produce":
		return produce(in, client, args[2])
	case len(args) == 4 && (args[0] == "consume" || args[0] == "orderly"):
		return consume(in, client, args[2], args[3], args[0] == "orderly")
	}
	return fmt.Errorf("unknown command %q", args)
}

func produce(in *bufio.Scanner, client *actormq.Client, broker string) error {
	p, err := client.NewProducer(actormq.ProducerOptions{Group: "sdk-worker", Compression: actormq.Zlib})
	if err != nil {
		return err
	}
	print(wire.Event{Event: wire.Ready})
	for in.Scan() {
		var described []wire.Message
		if err := json.Unmarshal(in.Bytes(), &described); err != nil {
			return err
		}
		var batch []*actormq.Message
		var q actormq.Queue
		for _, d := range described {
			batch = append(batch, &actormq.Message{
				Topic: d.Topic, Body: d.Body, Tags: d.Tags, Keys: strings.Fields(d.Keys), Flag: d.Flag, Properties: d.Props,
			})
			q = actormq.Queue{Topic: d.Topic, Broker: broker, ID: d.Queue}
		}
		sent, err := send(p, q, batch)
		if err != nil {
			return err
		}
		print(wire.Event{Event: wire.Sent, Status: "SEND_OK", MsgID: sent.ID, OffsetMsgID: sent.OffsetID, Offset: sent.Offset})
	}
	return p.Close()
}

// send sends to a queue and returns the result of the first message. Batches leave
// one by one: the SDK does not send one to a queue of the caller's choice.
func send(p *actormq.Producer, q actormq.Queue, batch []*actormq.Message) (first actormq.Sent, err error) {
	for i, m := range batch {
		sent, err := p.SendTo(context.Background(), q, m)
		if err != nil {
			return first, err
		}
		if sent.Status != actormq.SendOK {
			return first, fmt.Errorf("status %v", sent.Status)
		}
		if i == 0 {
			first = sent
		}
	}
	return first, nil
}

func consume(in *bufio.Scanner, client *actormq.Client, group, topic string, orderly bool) error {
	c, err := client.NewConsumer(actormq.ConsumerOptions{
		Group: group, Subscriptions: []actormq.Subscription{{Topic: topic}}, From: actormq.FromFirst, Ordered: orderly,
	})
	if err != nil {
		return err
	}
	c.OnError(func(err error) { fmt.Fprintln(os.Stderr, err) })
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		defer stop()
		for in.Scan() {
			// Nothing is said to a consumer; the end of its input stops it.
		}
	}()
	print(wire.Event{Event: wire.Ready})
	return c.Run(ctx, func(_ context.Context, m *actormq.Received) error {
		print(describe(m))
		return nil
	})
}

func describe(m *actormq.Received) wire.Event {
	return wire.Event{
		Event: wire.Received, MsgID: m.ID, OffsetMsgID: m.OffsetID, Offset: m.Offset,
		Message:   wire.Message{Topic: m.Topic, Body: m.Body, Flag: m.Flag, Props: m.Properties, Queue: m.Queue.ID},
		LogOffset: m.PhysicalOffset, BornTimestamp: m.Born.UnixMilli(), StoreTimestamp: m.Stored.UnixMilli(),
		ReconsumeTimes: int32(m.Attempts),
	}
}

var stdout sync.Mutex

func print(e wire.Event) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers only
	}
	stdout.Lock()
	defer stdout.Unlock()
	os.Stdout.Write(append(line, '\n'))
}
