// Command worker is a producer or consumer in a process of its own, for cases
// that mix languages or kill clients. Its twin for the Java client is
// compat.Worker. It is driven by lines of JSON and stops in good order when its
// input ends.
//
//	worker produce NAMESRV BROKER_NAME
//	worker consume NAMESRV GROUP TOPIC
//
// Both print {"event":"ready"} once started. A producer reads arrays of messages,
// one array a line, sends each (as a batch if it is longer than one) to the queue
// its last message names, and prints {"event":"sent"} with the result. A consumer
// prints {"event":"message"} with everything it was told of a message. The types
// are those of package wire.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/actormq/actormq/testkit/compat/wire"
	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	switch {
	case len(args) == 3 && args[0] == "produce":
		return produce(in, args[1], args[2])
	case len(args) == 4 && args[0] == "consume":
		return consume(in, args[1], args[2], args[3])
	}
	return fmt.Errorf("unknown command %q", args)
}

func produce(in *bufio.Scanner, nameServer, brokerName string) error {
	p, err := rocketmq.NewProducer(
		producer.WithNameServer(primitive.NamesrvAddr{nameServer}),
		producer.WithGroupName("go-worker"),
		producer.WithQueueSelector(producer.NewManualQueueSelector()))
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	print(wire.Event{Event: wire.Ready})
	for in.Scan() {
		var described []wire.Message
		if err := json.Unmarshal(in.Bytes(), &described); err != nil {
			return err
		}
		var messages []*primitive.Message
		for _, d := range described {
			messages = append(messages, message(d, brokerName))
		}
		result, err := p.SendSync(context.Background(), messages...)
		if err != nil {
			return err
		}
		print(wire.Event{Event: wire.Sent, Status: status(result.Status), MsgID: result.MsgID,
			OffsetMsgID: result.OffsetMsgID, Offset: result.QueueOffset})
	}
	return p.Shutdown()
}

func status(s primitive.SendStatus) string {
	if s == primitive.SendOK {
		return "SEND_OK"
	}
	return fmt.Sprint("status ", int(s))
}

func message(d wire.Message, brokerName string) *primitive.Message {
	m := primitive.NewMessage(d.Topic, d.Body)
	m.Flag = d.Flag
	m.WithProperties(map[string]string{})
	for name, value := range d.Props {
		m.WithProperty(name, value)
	}
	if d.Tags != "" {
		m.WithTag(d.Tags)
	}
	if d.Keys != "" {
		m.WithProperty(primitive.PropertyKeys, d.Keys)
	}
	m.Queue = &primitive.MessageQueue{Topic: d.Topic, BrokerName: brokerName, QueueId: d.Queue}
	return m
}

func consume(in *bufio.Scanner, nameServer, group, topic string) error {
	c, err := rocketmq.NewPushConsumer(
		consumer.WithNameServer(primitive.NamesrvAddr{nameServer}),
		consumer.WithGroupName(group),
		consumer.WithInstance(fmt.Sprint("worker-", os.Getpid())),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	if err != nil {
		return err
	}
	all := consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}
	err = c.Subscribe(topic, all, func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, m := range msgs {
			print(describe(m))
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	print(wire.Event{Event: wire.Ready})
	for in.Scan() {
		// Nothing is said to a consumer; the end of its input stops it.
	}
	return c.Shutdown()
}

func describe(m *primitive.MessageExt) wire.Event {
	return wire.Event{
		Event: wire.Received, MsgID: m.MsgId, OffsetMsgID: m.OffsetMsgId, Offset: m.QueueOffset,
		Message:   wire.Message{Topic: m.Topic, Body: m.Body, Flag: m.Flag, Props: m.GetProperties(), Queue: m.Queue.QueueId},
		LogOffset: m.CommitLogOffset, BornTimestamp: m.BornTimestamp, StoreTimestamp: m.StoreTimestamp,
		StoreSize: m.StoreSize, BodyCRC: m.BodyCRC, ReconsumeTimes: m.ReconsumeTimes,
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
